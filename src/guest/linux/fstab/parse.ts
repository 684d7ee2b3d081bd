import { splitLines } from '../text/lines.js';
import type { TextLine } from '../text/lines.js';

/** A field of a line with its place, so that an edit can replace it and nothing else. */
export interface FieldSpan {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A line of /etc/fstab; `spec` and the rest are absent on comments, blank lines and lines too short to mean anything. */
export interface FstabLine extends TextLine {
  readonly fields: readonly FieldSpan[];
  readonly entry?: {
    /** As written, escapes and quotes included. */
    readonly spec: string;
    /** Escapes decoded. */
    readonly mountpoint: string;
    readonly fsType: string;
    /** `defaults` when the line has none. */
    readonly options: string;
  };
}

/** Splits a line into its blank-separated fields, at most `limit` of them. */
export function fieldSpans(text: string, limit: number): FieldSpan[] {
  const fields: FieldSpan[] = [];
  const pattern = /[^ \t]+/g;
  for (let match = pattern.exec(text); match !== null && fields.length < limit; match = pattern.exec(text)) {
    fields.push({ text: match[0], start: match.index, end: match.index + match[0].length });
  }
  return fields;
}

/** No machine has more mounts; a longer table is an attack or an accident, and nobody's boot depends on its end. */
export const MAX_LINES = 10_000;

/** Parses /etc/fstab. Never throws; joining `text + eol` of all lines gives the file back. */
export function parseFstab(content: string): FstabLine[] {
  return splitLines(content).map((line) => {
    const trimmed = line.text.trimStart();
    if (trimmed === '' || trimmed.startsWith('#') || line.number > MAX_LINES) return { ...line, fields: [] };
    const fields = fieldSpans(line.text, 6);
    const [spec, mountpoint, fsType, options] = fields;
    if (spec === undefined || mountpoint === undefined || fsType === undefined) return { ...line, fields };
    // `UUID="x y"` splits at the blank inside the quotes; what follows would be nonsense, so it is left alone.
    if ((spec.text.match(/"/g)?.length ?? 0) % 2 !== 0) return { ...line, fields };
    return {
      ...line,
      fields,
      entry: {
        spec: spec.text,
        mountpoint: decodeFstab(mountpoint.text),
        fsType: fsType.text,
        options: options === undefined || options.text.startsWith('#') ? 'defaults' : options.text,
      },
    };
  });
}

/** Decodes the octal escapes of mount tables (`\040` for a blank). */
function decodeFstab(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** Encodes what would end a field. */
export function encodeFstab(text: string): string {
  return text.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** Replaces one field of a line, keeping every other character. */
export function replaceField(line: Pick<FstabLine, 'text' | 'fields'>, index: number, value: string): string {
  const field = line.fields[index];
  if (field === undefined) return line.text;
  return line.text.slice(0, field.start) + value + line.text.slice(field.end);
}

const bootCritical = new Set(['/', '/boot', '/boot/efi', '/efi', '/usr', '/var']);

/** Whether the guest cannot come up without this mountpoint. */
export function isBootCritical(mountpoint: string): boolean {
  return bootCritical.has(mountpoint.length > 1 ? mountpoint.replace(/\/+$/, '') : mountpoint);
}
