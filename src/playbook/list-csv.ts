import { parseCsv } from '../lib/csv.js';
import type { CsvField } from '../lib/csv.js';
import { locatedDocument } from '../lib/located.js';
import type { LocatedDocument, Spot } from '../lib/located.js';
import { suggest } from '../lib/suggest.js';
import { FORBIDDEN_KEYS } from '../lib/yaml-limits.js';
import { cellValue, columnOf, knownColumns } from './list-columns.js';
import type { Column } from './list-columns.js';
import { Problems } from './problems.js';
import { isMap } from './source-file.js';

interface MutableSpot extends Spot {
  children: Map<string, MutableSpot> | undefined;
}

/**
 * The machines of a CSV text as a located document whose value is a list of maps.
 *
 * @param columns names of columns by property; with any of them, columns that are no property are left out
 */
export function readCsvList(
  text: string,
  file: string,
  columns: Readonly<Record<string, string>>,
  problems: Problems,
): LocatedDocument {
  const { records, problems: broken } = parseCsv(text);
  const rows: Record<string, unknown>[] = [];
  const spots: Spot[] = [];
  const root: Spot = { keyStart: -1, keyEnd: -1, start: 0, end: text.length, plain: false, children: spots };
  const document = locatedDocument(file, text, rows, root);
  for (const { message, start, end } of broken) {
    problems.error('playbook.bad-list', message, document.place(start, end));
  }
  const [header, ...body] = records;
  if (header === undefined) {
    problems.error('playbook.bad-list', 'the list is empty; its first line names the columns', document.place(0));
    return document;
  }
  if (header.length === 1 && header[0]?.text.includes(';') === true) {
    const hint = 'save the list with commas between its fields';
    problems.error('playbook.bad-list', 'the columns are separated by semicolons', document.place(0), { hint });
    return document;
  }
  const mistakes = new Problems();
  const chosen = chooseColumns(header, columns, document, mistakes);
  problems.add(...mistakes.list());
  // Rows that are read with the wrong columns are wrong in every line.
  if (mistakes.hasErrors) return document;
  for (const record of body) {
    if (record.length !== header.length) {
      const start = record[0]?.start ?? 0;
      const fields = record.length === 1 ? '1 field' : `${record.length} fields`;
      const message = `this row has ${fields}, the header has ${header.length}`;
      problems.error('playbook.bad-list', message, document.place(start, record.at(-1)?.end));
      continue;
    }
    const { value, spot } = readRow(record, chosen);
    rows.push(value);
    spots.push(spot);
  }
  return document;
}

function chooseColumns(
  header: readonly CsvField[],
  columns: Readonly<Record<string, string>>,
  document: LocatedDocument,
  problems: Problems,
): (Column | undefined)[] {
  const byColumn = new Map(Object.entries(columns).map(([property, column]) => [column, property]));
  const isMapped = byColumn.size > 0;
  const seen = new Set<string>();
  const chosen = header.map((field) => {
    const at = document.place(field.start, field.end);
    if (seen.has(field.text)) {
      problems.error('playbook.bad-list', `the column "${field.text}" is there twice`, at);
      return undefined;
    }
    seen.add(field.text);
    const column = columnOf(byColumn.get(field.text) ?? field.text);
    if (column !== undefined && !column.path.some((part) => FORBIDDEN_KEYS.has(part))) return column;
    if (!isMapped) {
      const suggestions = suggest(field.text, knownColumns());
      const message = `the column "${field.text}" is not a property of a machine`;
      problems.error('playbook.unknown-column', message, at, suggestions.length > 0 ? { suggestions } : {});
    }
    return undefined;
  });
  for (const [column, property] of byColumn) {
    if (seen.has(column)) continue;
    const suggestions = suggest(column, seen);
    const message = `there is no column "${column}" for "${property}"`;
    const at = document.place(header[0]?.start ?? 0, header.at(-1)?.end);
    problems.error('playbook.unknown-column', message, at, {
      allowed: [...seen],
      ...(suggestions.length > 0 ? { suggestions } : {}),
    });
  }
  return chosen;
}

function readRow(
  record: readonly CsvField[],
  columns: readonly (Column | undefined)[],
): { value: Record<string, unknown>; spot: Spot } {
  const value: Record<string, unknown> = {};
  const [first, last] = [record[0], record.at(-1)];
  const spot = branch(-1, -1, first?.start ?? 0, last?.end ?? 0);
  columns.forEach((column, i) => {
    const field = record[i];
    if (column === undefined || field === undefined || field.text === '') return;
    place(value, spot, column, field);
  });
  return { value, spot };
}

function branch(keyStart: number, keyEnd: number, start: number, end: number): MutableSpot {
  return { keyStart, keyEnd, start, end, plain: true, children: undefined };
}

/** Puts a cell where its column says; a cell is the key and the value of what it holds, however deep that lies. */
function place(
  value: Record<string, unknown>,
  spot: MutableSpot,
  column: Column,
  { text, start, end }: CsvField,
): void {
  let map = value;
  let at = spot;
  column.path.forEach((part, depth) => {
    at.children ??= new Map();
    let child = at.children.get(part);
    if (child === undefined) {
      child = branch(start, end, start, end);
      at.children.set(part, child);
    }
    at = child;
    if (depth === column.path.length - 1) {
      const held = map[part];
      const cell = cellValue(text, column.kind);
      // `labels` and `labels.tier` may stand beside each other.
      map[part] = isMap(held) && isMap(cell) ? { ...cell, ...held } : cell;
    } else map = (map[part] ??= {}) as Record<string, unknown>;
  });
}
