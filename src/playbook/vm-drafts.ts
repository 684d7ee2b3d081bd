/** The machines of all waves as they are written: in the playbook itself and in lists beside it. */
import { dirname, extname, resolve } from 'node:path';
import { sha256 } from '../lib/canonical-json.js';
import type { Location } from '../lib/diagnostic.js';
import { parseLocatedJson, parseLocatedNdjson } from '../lib/json-located.js';
import type { LocatedDocument } from '../lib/located.js';
import { suggest } from '../lib/suggest.js';
import { decodeUtf8 } from '../lib/utf8-text.js';
import { YAML_LIMITS } from '../lib/yaml-limits.js';
import type { LoadedFile } from '../model/effective.js';
import type { Playbook, Vm, Wave } from '../model/generated/playbook.js';
import { mayRead } from './includes.js';
import type { FileSet } from './includes.js';
import { readCsvList } from './list-csv.js';
import { columnOf, knownColumns } from './list-columns.js';
import type { LoadOptions, PlaybookFiles } from './ports.js';
import type { Problems } from './problems.js';
import { checkListEntry } from './schema-check.js';
import { readBytes, shownPath } from './source-file.js';

/** A machine as it is written, with its place. */
export interface VmDraft {
  readonly entry: Vm;
  readonly wave: Wave;
  readonly document: LocatedDocument;
  /** Path of the entry in its document. */
  readonly path: readonly (string | number)[];
}

/** The place of something in a machine's entry; of its name when the entry is nothing but a name. */
export function placeOf(draft: VmDraft, path: readonly (string | number)[], token?: 'key' | 'value'): Location {
  return draft.document.locate([...draft.path, ...path], token);
}

export interface DraftedWave {
  readonly wave: Wave;
  readonly index: number;
  readonly drafts: readonly VmDraft[];
}

export interface Drafts {
  readonly waves: readonly DraftedWave[];
  readonly lists: readonly LoadedFile[];
}

type Interpolate = (list: LocatedDocument, wave: number, problems: Problems) => void;

/** Reads the machines of every wave. The playbook itself is known to be valid. */
export async function readDrafts(
  set: FileSet,
  interpolate: Interpolate,
  options: LoadOptions,
  files: PlaybookFiles,
  problems: Problems,
  texts: Map<string, string>,
): Promise<Drafts> {
  const { document } = set.playbook;
  const { waves } = set.playbook.value as unknown as Playbook;
  const lists: LoadedFile[] = [];
  const drafted: DraftedWave[] = [];
  for (const [index, wave] of waves.entries()) {
    const drafts = (wave.vms ?? []).map((vm, i): VmDraft => {
      const entry = typeof vm === 'string' ? { name: vm } : vm;
      return { entry, wave, document, path: ['waves', index, 'vms', i] };
    });
    const list = await readList(set, wave, index, interpolate, { options, files, problems, texts });
    if (list !== undefined) {
      lists.push(list.file);
      for (const [i, vm] of (list.document.value as (Vm | string)[]).entries()) {
        const entry = typeof vm === 'string' ? { name: vm } : vm;
        drafts.push({ entry, wave, document: list.document, path: [i] });
      }
    }
    drafted.push({ wave, index, drafts });
  }
  return { waves: drafted, lists };
}

interface Reading {
  readonly options: LoadOptions;
  readonly files: PlaybookFiles;
  readonly problems: Problems;
  readonly texts: Map<string, string>;
}

async function readList(
  { root, playbook }: FileSet,
  wave: Wave,
  index: number,
  interpolate: Interpolate,
  { options, files, problems, texts }: Reading,
): Promise<{ file: LoadedFile; document: LocatedDocument } | undefined> {
  const from = wave.vmsFrom;
  if (from === undefined) return undefined;
  const base = ['waves', index, 'vmsFrom'];
  const at = playbook.document.locate([...base, 'file']);
  const path = resolve(dirname(playbook.path), from.file);
  if (!(await mayRead(from.file, path, at, root, options, files, problems))) return undefined;
  const format = from.format ?? formatOf(from.file);
  if (format === undefined) {
    const hint = 'add `format: csv`, `json` or `ndjson`';
    problems.error('playbook.bad-list', 'the suffix does not tell the format of the list', at, { hint });
    return undefined;
  }
  checkColumns(from.columns ?? {}, format, playbook.document, [...base, 'columns'], problems);
  const shown = shownPath(path, options.cwd);
  const bytes = await readBytes(path, shown, at, files, problems);
  if (bytes === undefined) return undefined;
  const text = decodeUtf8(bytes, shown, YAML_LIMITS.bytes);
  if (typeof text !== 'string') {
    problems.add(text);
    return undefined;
  }
  texts.set(shown, text);
  const document = parse(text, shown, format, from.columns ?? {}, problems);
  if (document === undefined) return undefined;
  interpolate(document, index, problems);
  (document.value as unknown[]).forEach((vm, i) => {
    checkListEntry(typeof vm === 'string' ? { name: vm } : vm, document, i, problems);
  });
  return { file: { path, shown, role: 'list', sha256: sha256(bytes) }, document };
}

function formatOf(name: string): 'csv' | 'json' | 'ndjson' | undefined {
  const suffix = extname(name).toLowerCase();
  if (suffix === '.csv') return 'csv';
  if (suffix === '.json') return 'json';
  return suffix === '.ndjson' || suffix === '.jsonl' ? 'ndjson' : undefined;
}

function parse(
  text: string,
  shown: string,
  format: 'csv' | 'json' | 'ndjson',
  columns: Readonly<Record<string, string>>,
  problems: Problems,
): LocatedDocument | undefined {
  if (format === 'csv') return readCsvList(text, shown, columns, problems);
  const { value, diagnostics } = format === 'json' ? parseLocatedJson(text, shown) : parseLocatedNdjson(text, shown);
  problems.add(...diagnostics);
  if (value !== undefined && !Array.isArray(value.value)) {
    problems.error('playbook.bad-list', 'the list must be a JSON array of machines', value.place(0));
    return undefined;
  }
  return value;
}

function checkColumns(
  columns: Readonly<Record<string, string>>,
  format: string,
  document: LocatedDocument,
  path: readonly (string | number)[],
  problems: Problems,
): void {
  for (const property of Object.keys(columns)) {
    const at = document.locate([...path, property], 'key');
    if (format !== 'csv') {
      problems.warning('playbook.unused-key', `"columns" has no effect on a ${format} list`, at);
      return;
    }
    if (columnOf(property) !== undefined) continue;
    const suggestions = suggest(property, knownColumns());
    const message = `"${property}" is not a property of a machine`;
    problems.error('playbook.unknown-column', message, at, suggestions.length > 0 ? { suggestions } : {});
  }
}
