import { dirname, join, resolve } from 'node:path';
import { DroverError } from '../lib/error.js';
import type { Location } from '../lib/diagnostic.js';
import { suggest } from '../lib/suggest.js';
import type { LoadOptions, PlaybookFiles } from './ports.js';
import type { Problems } from './problems.js';
import { readSourceFile, shownPath } from './source-file.js';
import type { SourceFile } from './source-file.js';

const MOST_LEVELS = 16;
const PROJECT_FILE = 'drover.config.yaml';
const API_VERSIONS = ['drover/v1alpha1'];

/** The files of a playbook: fragments in the order in which they apply (included before including), the playbook last. */
export interface FileSet {
  readonly root: string;
  readonly playbook: SourceFile;
  readonly files: readonly SourceFile[];
}

interface Reading {
  readonly options: LoadOptions;
  readonly files: PlaybookFiles;
  readonly problems: Problems;
  readonly texts: Map<string, string>;
  /** Where every link of the root is resolved. */
  readonly root: string;
  /** Files by real path, so that a fragment that two others include counts once. */
  readonly done: Map<string, SourceFile>;
  readonly order: SourceFile[];
}

/** Reads a playbook and everything that it includes. Further entry files are fragments that apply after its own. */
export async function readFiles(
  entries: readonly string[],
  options: LoadOptions,
  files: PlaybookFiles,
  problems: Problems,
  texts: Map<string, string>,
): Promise<FileSet | undefined> {
  const [first, ...further] = entries.map((entry) => resolve(options.cwd, entry));
  if (first === undefined) return undefined;
  const root = await projectRoot(dirname(first), files);
  const reading: Reading = { options, files, problems, texts, root, done: new Map(), order: [] };
  const playbook = await readSourceFile(first, 'playbook', options.cwd, undefined, files, problems, texts);
  if (playbook === undefined) return undefined;
  checkKind(playbook, 'Playbook', problems);
  await readIncludes(playbook, [{ file: playbook, real: await realOf(first, files) }], reading);
  for (const path of further) await readFragment(path, undefined, [], reading);
  return { root, playbook, files: [...reading.order, playbook] };
}

/** The folder that holds the project file, at or above the first playbook; else the folder of the playbook. */
async function projectRoot(start: string, files: PlaybookFiles): Promise<string> {
  for (let dir = start; ; dir = dirname(dir)) {
    if (await files.exists(join(dir, PROJECT_FILE))) return realOf(dir, files);
    if (dirname(dir) === dir) return realOf(start, files);
  }
}

/** The real path, or the path as it is when there is nothing (reading it will say so). */
async function realOf(path: string, files: PlaybookFiles): Promise<string> {
  try {
    return await files.realpath(path);
  } catch (thrown) {
    if (thrown instanceof DroverError) return path;
    throw thrown;
  }
}

export function isInside(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith('/') ? dir : `${dir}/`);
}

/** Checks that a file named in a playbook may be read. False when it may not; the reason is among the problems. */
export async function mayRead(
  written: string,
  path: string,
  at: Location | undefined,
  root: string,
  options: LoadOptions,
  files: PlaybookFiles,
  problems: Problems,
): Promise<boolean> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(written)) {
    problems.error('playbook.remote-include', `${written} is a URL; only local files can be read`, at);
    return false;
  }
  if (options.allowOutsideRoot === true) return true;
  const real = await realOf(path, files);
  if (isInside(real, root)) return true;
  const via = real === path ? '' : ` (it leads to ${real})`;
  problems.error('playbook.outside-root', `${written} lies outside the project root ${root}${via}`, at);
  return false;
}

type Chain = readonly { readonly file: SourceFile; readonly real: string }[];

async function readIncludes(file: SourceFile, chain: Chain, reading: Reading): Promise<void> {
  const { include } = file.value;
  if (!Array.isArray(include)) return;
  for (const [i, written] of include.entries()) {
    if (typeof written !== 'string' || written === '') continue;
    const at = file.document.locate(['include', i]);
    if (written.includes('${')) {
      const message = 'includes are read before variables are known';
      reading.problems.error('playbook.bad-reference', message, at, { pointer: `/include/${i}` });
      continue;
    }
    const path = resolve(dirname(file.path), written);
    const { options, files, problems, root } = reading;
    if (await mayRead(written, path, at, root, options, files, problems)) await readFragment(path, at, chain, reading);
  }
}

async function readFragment(path: string, from: Location | undefined, chain: Chain, reading: Reading): Promise<void> {
  const real = await realOf(path, reading.files);
  const start = chain.findIndex((link) => link.real === real);
  const names = (links: Chain): string => links.map((link) => link.file.shown).join(' -> ');
  if (start !== -1) {
    const message = `files include each other: ${names(chain.slice(start))} -> ${chain[start]?.file.shown ?? path}`;
    reading.problems.error('playbook.include-cycle', message, from);
    return;
  }
  if (chain.length > MOST_LEVELS) {
    const shown = shownPath(path, reading.options.cwd);
    const message = `includes are nested over ${MOST_LEVELS} levels: ${names(chain)} -> ${shown}`;
    reading.problems.error('playbook.include-depth', message, from);
    return;
  }
  if (reading.done.has(real)) return;
  const { options, files, problems, texts } = reading;
  const file = await readSourceFile(path, 'fragment', options.cwd, from, files, problems, texts);
  if (file === undefined) return;
  reading.done.set(real, file);
  checkKind(file, 'PlaybookFragment', problems);
  await readIncludes(file, [...chain, { file, real }], reading);
  reading.order.push(file);
}

function checkKind(file: SourceFile, expected: string, problems: Problems): void {
  const { kind, apiVersion } = file.value;
  const { document } = file;
  if (typeof kind === 'string' && kind !== expected) {
    const message =
      expected === 'Playbook'
        ? `this is a ${kind}, not a Playbook`
        : `an included file must be a PlaybookFragment, not a ${kind}`;
    const suggestions = suggest(kind, [expected]);
    const extra = { pointer: '/kind', allowed: [expected], ...(suggestions.length > 0 ? { suggestions } : {}) };
    problems.error('playbook.wrong-kind', message, document.locate(['kind']), extra);
  }
  if (typeof apiVersion === 'string' && !API_VERSIONS.includes(apiVersion)) {
    const message = `"${apiVersion}" is not a version of the playbook language that is known here`;
    const extra = { pointer: '/apiVersion', allowed: API_VERSIONS, suggestions: API_VERSIONS };
    problems.error('playbook.unsupported-version', message, document.locate(['apiVersion']), extra);
  }
}
