import { isAbsolute, relative } from 'node:path';
import { sha256 } from '../lib/canonical-json.js';
import { DroverError } from '../lib/error.js';
import type { Location } from '../lib/diagnostic.js';
import type { LocatedDocument } from '../lib/located.js';
import { isUtf16 } from '../lib/utf8-text.js';
import { YAML_LIMITS } from '../lib/yaml-limits.js';
import { parseYaml } from '../lib/yaml.js';
import type { LoadedFile } from '../model/effective.js';
import type { PlaybookFiles } from './ports.js';
import type { Problems } from './problems.js';

/** A map of a document that no schema has confirmed yet. */
export type RawMap = Record<string, unknown>;

/** A playbook or fragment that was read: its top level is a map, nothing else is known. */
export interface SourceFile extends LoadedFile {
  readonly role: 'playbook' | 'fragment';
  readonly document: LocatedDocument;
  readonly value: RawMap;
}

export function isMap(value: unknown): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The path as diagnostics print it: relative to the working directory where it lies below it. */
export function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('../') || short === '..' || isAbsolute(short) ? path : short;
}

/** The bytes of a file; a failure becomes a diagnostic at the place that named the file. */
export async function readBytes(
  path: string,
  shown: string,
  from: Location | undefined,
  files: PlaybookFiles,
  problems: Problems,
): Promise<Uint8Array | undefined> {
  try {
    return await files.read(path, YAML_LIMITS.bytes);
  } catch (thrown) {
    if (!(thrown instanceof DroverError)) throw thrown;
    if (thrown.code === 'file.too-large') {
      problems.error('playbook.too-large', thrown.message, from, { hint: thrown.hint });
      return undefined;
    }
    const why = thrown.code === 'file.not-found' ? 'does not exist' : `cannot be read: ${thrown.message}`;
    problems.error('playbook.unreadable', `${shown} ${why}`, from, { hint: thrown.hint });
    return undefined;
  }
}

/** Reads and parses one file. Undefined when that failed; the reasons are among the problems then. */
export async function readSourceFile(
  path: string,
  role: 'playbook' | 'fragment',
  cwd: string,
  from: Location | undefined,
  files: PlaybookFiles,
  problems: Problems,
  texts: Map<string, string>,
): Promise<SourceFile | undefined> {
  const shown = shownPath(path, cwd);
  const bytes = await readBytes(path, shown, from, files, problems);
  if (bytes === undefined) return undefined;
  // Excerpts are cut from it even when it cannot be parsed.
  if (!isUtf16(bytes)) texts.set(shown, new TextDecoder('utf-8').decode(bytes));
  const { value: document, diagnostics } = parseYaml(bytes, shown);
  problems.add(...diagnostics);
  if (document === undefined) return undefined;
  if (!isMap(document.value)) {
    problems.error('playbook.empty', 'the document must be a map', document.place(0));
    return undefined;
  }
  return { path, shown, role, sha256: sha256(bytes), document, value: document.value };
}
