/** Diagnostics for people, for programs and for code-hosting services. */
import type { Diagnostic, Location } from './diagnostic.js';
import { parsePointer, pathText } from './json-pointer.js';
import { plainText } from './text-table.js';

/** Diagnostics that are shown unless all are asked for. */
const MOST_SHOWN = 50;
/** Columns of an excerpt; longer lines are cut around the place. */
const EXCERPT_WIDTH = 120;

export interface FormatOptions {
  /** The text of a file by the name in its locations; without it there is no excerpt. */
  readonly textOf?: (file: string) => string | undefined;
  /** Show more than the first 50. */
  readonly all?: boolean;
}

/** The text form: one paragraph per diagnostic with an excerpt, and a last line with the counts. Empty for none. */
export function formatText(diagnostics: readonly Diagnostic[], options: FormatOptions = {}): string {
  if (diagnostics.length === 0) return '';
  const shown = options.all === true ? diagnostics : diagnostics.slice(0, MOST_SHOWN);
  const lines = new LineCache(options.textOf);
  const parts = shown.map((diagnostic) => paragraph(diagnostic, lines));
  const hidden = diagnostics.length - shown.length;
  if (hidden > 0) parts.push(`… and ${hidden} more; --all-errors shows them\n`);
  return `${parts.join('\n')}\n${countText(diagnostics)}\n`;
}

function countText(diagnostics: readonly Diagnostic[]): string {
  const counted = (severity: Diagnostic['severity'], noun: string): string | undefined => {
    const count = diagnostics.filter((d) => d.severity === severity).length;
    return count === 0 ? undefined : `${count} ${noun}${count === 1 ? '' : 's'}`;
  };
  const counts = [counted('error', 'error'), counted('warning', 'warning'), counted('info', 'note')];
  return counts.filter((text) => text !== undefined).join(', ');
}

function at(location: Location): string {
  return `${plainText(location.file)}:${location.line}:${location.column}`;
}

function quoted(names: readonly string[]): string {
  const all = names.map((name) => `"${name}"`);
  const last = all.pop() ?? '';
  return all.length === 0 ? last : `${all.join(', ')} or ${last}`;
}

function paragraph(diagnostic: Diagnostic, lines: LineCache): string {
  const { code, severity, message, hint, location, pointer, suggestions = [], allowed = [], origins = [] } = diagnostic;
  const place = location === undefined ? '' : `${at(location)}: `;
  const meant = suggestions.length === 0 ? '' : ` — did you mean ${quoted(suggestions)}?`;
  // Names from files stand in all of these: none may steer the terminal or pass for a line of ours.
  const out = [`${place}${severity} ${code} ${plainText(`${message}${meant}`)}`];
  if (pointer !== undefined && pointer !== '') out.push(`  at ${plainText(pointer)}`);
  if (location !== undefined) out.push(...excerpt(location, lines));
  if (allowed.length > 0) out.push(`  allowed here: ${plainText(allowed.join(', '))}`);
  for (const origin of origins) out.push(`  ${at(origin)}: ${plainText(origin.note)}`);
  if (hint !== undefined) out.push(`  hint: ${plainText(hint)}`);
  return `${out.join('\n')}\n`;
}

/** The line before, the line itself, and marks under the place. */
function excerpt(location: Location, lines: LineCache): string[] {
  const line = lines.line(location.file, location.line);
  if (line === undefined) return [];
  const before = location.line > 1 ? lines.line(location.file, location.line - 1) : undefined;
  const width = String(location.line).length + 3;
  // Long lines (flow style, JSON) are shown around the place.
  const from = location.column > EXCERPT_WIDTH - 20 ? location.column - 40 : 0;
  const cut = (text: string): string => {
    const piece = text.slice(from, from + EXCERPT_WIDTH);
    return `${from > 0 && piece !== '' ? '…' : ''}${piece}${text.length > from + EXCERPT_WIDTH ? '…' : ''}`;
  };
  const row = (number: number | '', text: string): string => `${String(number).padStart(width)} | ${text}`.trimEnd();
  const start = location.column - 1 - from + (from > 0 ? 1 : 0);
  const length = Math.max(1, Math.min((location.endColumn ?? location.column + 1) - location.column, EXCERPT_WIDTH));
  // Tabs keep their width, so that the marks stand where the text does.
  const indent = cut(line).slice(0, start).replace(/[^\t]/g, ' ');
  return [
    ...(before === undefined ? [] : [row(location.line - 1, cut(before))]),
    row(location.line, cut(line)),
    row('', indent.padEnd(start) + '^'.repeat(length)),
  ];
}

/** What looks like a secret that stands in a file against all advice must not reach terminals and build logs. */
const SECRETS = /((?:password|passwd|passphrase|token|secret|api[_-]?key)["']?\s*[:=]\s*["']?)([^\s"',}\]]+)/gi;

/** Lines of files, split once per file. Control characters and marks of direction are shown as blanks. */
class LineCache {
  readonly #files = new Map<string, readonly string[] | undefined>();

  constructor(readonly textOf: FormatOptions['textOf']) {}

  line(file: string, number: number): string | undefined {
    if (!this.#files.has(file))
      this.#files.set(
        file,
        this.textOf?.(file)
          ?.replace(/^\ufeff/, '')
          .split(/\r?\n/),
      );
    return this.#files
      .get(file)
      ?.[number - 1]?.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, ' ')
      .replace(SECRETS, (_whole, key: string, value: string) => key + '*'.repeat(value.length));
  }
}

/** The JSON form of a diagnostic, members in a stable order. */
export interface DiagnosticRecord {
  readonly code: string;
  readonly severity: string;
  readonly message: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  readonly endColumn: number | null;
  readonly pointer: string | null;
  /** The pointer as people write it: `waves[0].vms[3].name`. */
  readonly instancePath: string | null;
  readonly suggestion?: readonly string[];
  readonly allowed?: readonly string[];
  readonly hint?: string;
  readonly origins?: readonly (Location & { readonly note: string })[];
  readonly docs: string;
}

/** The records of `--format json`. */
export function diagnosticRecords(diagnostics: readonly Diagnostic[]): readonly DiagnosticRecord[] {
  return diagnostics.map(({ code, severity, message, hint, location, pointer, suggestions, allowed, origins }) => ({
    code,
    severity,
    message,
    file: location?.file ?? null,
    line: location?.line ?? null,
    column: location?.column ?? null,
    endColumn: location?.endColumn ?? null,
    pointer: pointer ?? null,
    instancePath: pointer === undefined ? null : pathText(parsePointer(pointer) ?? []),
    ...(suggestions === undefined ? {} : { suggestion: suggestions }),
    ...(allowed === undefined ? {} : { allowed }),
    ...(hint === undefined ? {} : { hint }),
    ...(origins === undefined ? {} : { origins }),
    docs: docsAnchor(code),
  }));
}

/** The form of `--format json`: an array of records. */
export function formatJson(diagnostics: readonly Diagnostic[]): string {
  return `${JSON.stringify(diagnosticRecords(diagnostics), null, 2)}\n`;
}

/** Where a code is explained. */
export function docsAnchor(code: string): string {
  return `docs/errors.md#${code.replaceAll('.', '')}`;
}

const COMMANDS: Readonly<Record<Diagnostic['severity'], string>> = {
  error: 'error',
  warning: 'warning',
  info: 'notice',
};

/** The form of `--format github`: workflow commands that become annotations of the lines. */
export function formatGithub(diagnostics: readonly Diagnostic[]): string {
  const escapeText = (text: string): string =>
    text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const escapeProperty = (text: string): string => escapeText(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
  const lines = diagnostics.map(({ code, severity, message, location, suggestions = [] }) => {
    const properties: string[] = [];
    const add = (name: string, value: string | number | undefined): void => {
      if (value !== undefined) properties.push(`${name}=${escapeProperty(String(value))}`);
    };
    add('file', location?.file);
    add('line', location?.line);
    add('col', location?.column);
    add('endColumn', location?.endColumn);
    add('title', code);
    const meant = suggestions.length === 0 ? '' : ` Did you mean ${quoted(suggestions)}?`;
    return `::${COMMANDS[severity]} ${properties.join(',')}::${escapeText(message + meant)}`;
  });
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
