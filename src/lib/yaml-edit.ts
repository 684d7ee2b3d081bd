/** YAML that others wrote: read as plain data, and edited so that comments, order and style stay. */
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, parseDocument } from 'yaml';
import type { Document, Pair, YAMLMap } from 'yaml';

/** One edit; a path leads through mappings by their keys. */
export type YamlEdit =
  /** Removes a key with its value. The mapping must keep at least one other key. */
  | { readonly op: 'delete'; readonly path: readonly string[] }
  /** Gives an existing key another text, written in double quotes. */
  | { readonly op: 'set'; readonly path: readonly string[]; readonly value: string }
  /** Adds a key with a text, as the first of a mapping that has keys. */
  | { readonly op: 'add'; readonly path: readonly string[]; readonly value: string };

function parse(text: string): Document.Parsed {
  return parseDocument(text, { logLevel: 'silent', uniqueKeys: false, strict: false });
}

function valueOf(document: Document.Parsed): unknown {
  if (document.errors.length > 0) return undefined;
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch {
    // Aliases to nothing and alias bombs surface here.
    return undefined;
  }
}

/** The value of a document, or undefined when it is no YAML. Aliases are limited, tags of other languages are texts. */
export function readYaml(text: string): unknown {
  return valueOf(parse(text));
}

/**
 * Applies edits one after the other, touching only the characters they are about. Undefined when an edit does not fit the
 * document, or when the result would not mean exactly what was asked for; then nothing may be written.
 */
export function editYaml(text: string, edits: readonly YamlEdit[]): string | undefined {
  let current = text;
  for (const edit of edits) {
    const document = parse(current);
    // Through JSON, because an alias must become a copy: an edit under one name may not show under another.
    const before = JSON.stringify(valueOf(document)) as string | undefined;
    const expected = before === undefined ? undefined : expectedValue(JSON.parse(before), edit);
    const edited = applyEdit(current, document, edit);
    if (expected === undefined || edited === undefined) return undefined;
    if (!isDeepStrictEqual(readYaml(edited), expected)) return undefined;
    current = edited;
  }
  return current;
}

function expectedValue(root: unknown, edit: YamlEdit): unknown {
  let at = root;
  for (const key of edit.path.slice(0, -1)) at = isRecord(at) ? at[key] : undefined;
  const key = edit.path.at(-1);
  if (!isRecord(at) || key === undefined) return undefined;
  if (edit.op === 'delete') delete at[key];
  else at[key] = edit.value;
  return root;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function applyEdit(text: string, document: Document.Parsed, edit: YamlEdit): string | undefined {
  const key = edit.path.at(-1);
  const map = mapAt(document.contents, edit.path.slice(0, -1));
  if (map === undefined || key === undefined) return undefined;
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  switch (edit.op) {
    case 'delete':
      return pair === undefined || map.items.length < 2 ? undefined : deletePair(text, map, pair);
    case 'set': {
      const range = isScalar(pair?.value) ? pair.value.range : undefined;
      return range === undefined || range === null
        ? undefined
        : text.slice(0, range[0]) + JSON.stringify(edit.value) + text.slice(range[1]);
    }
    case 'add':
      return pair === undefined ? addPair(text, map, `${key}: ${JSON.stringify(edit.value)}`) : undefined;
  }
}

function mapAt(node: unknown, path: readonly string[]): YAMLMap | undefined {
  let at = node;
  for (const key of path) at = isMap(at) ? at.get(key, true) : undefined;
  return isMap(at) ? at : undefined;
}

function span(pair: Pair): { readonly start: number; readonly end: number } | undefined {
  const key = isScalar(pair.key) ? pair.key.range : undefined;
  const value = pair.value as { range?: readonly number[] | null } | null;
  const end = value?.range?.[1] ?? key?.[1];
  return key === undefined || key === null || end === undefined ? undefined : { start: key[0], end };
}

function deletePair(text: string, map: YAMLMap, pair: Pair): string | undefined {
  const place = span(pair);
  if (place === undefined) return undefined;
  if (map.flow === true) {
    const after = /^\s*,[ \t]*/.exec(text.slice(place.end));
    if (after !== null) return text.slice(0, place.start) + text.slice(place.end + after[0].length);
    return text.slice(0, place.start).replace(/,\s*$/, '') + text.slice(place.end);
  }
  // A block value ends after its last line break; what counts is where its last character stands.
  const end = place.start + text.slice(place.start, place.end).trimEnd().length;
  const lineEnd = text.indexOf('\n', end);
  const next = lineEnd === -1 ? text.length : lineEnd + 1;
  const lineStart = text.lastIndexOf('\n', place.start - 1) + 1;
  if (text.slice(lineStart, place.start).trim() === '') return text.slice(0, lineStart) + text.slice(next);
  // The first key of a list item shares its line with the dash: the next key moves up.
  const indent = /^[ \t]*/.exec(text.slice(next))?.[0].length ?? 0;
  return text.slice(0, place.start) + text.slice(next + indent);
}

function addPair(text: string, map: YAMLMap, line: string): string | undefined {
  const first = map.items[0];
  const place = first === undefined ? undefined : span(first);
  if (place === undefined) return undefined;
  if (map.flow === true) return `${text.slice(0, place.start)}${line}, ${text.slice(place.start)}`;
  const lineStart = text.lastIndexOf('\n', place.start - 1) + 1;
  const indent = text.slice(lineStart, place.start).replace(/[^ ]/g, ' ');
  return `${text.slice(0, place.start)}${line}\n${indent}${text.slice(place.start)}`;
}
