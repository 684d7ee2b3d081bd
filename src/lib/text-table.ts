export interface Column {
  readonly head: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** Cells that are wider are cut with `…`. */
  readonly max?: number;
}

const SEGMENTER = new Intl.Segmenter('en', { granularity: 'grapheme' });
const ZERO_WIDTH = /^[\p{M}\p{Cf}]+$/u;
// East Asian wide and full-width ranges, and emoji shown as pictures.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  if (/^[\x00-\x7f]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of SEGMENTER.segment(text)) {
    if (!ZERO_WIDTH.test(segment)) width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}

/** The text cut to at most `columns` columns; what was cut is shown by `…`. */
export function truncateText(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let out = '';
  let width = 0;
  for (const { segment } of SEGMENTER.segment(text)) {
    const next = displayWidth(segment);
    if (width + next > columns - 1) break;
    out += segment;
    width += next;
  }
  return columns < 1 ? '' : `${out}…`;
}

/** The text filled with spaces to `columns` columns. */
export function padText(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, columns - displayWidth(text)));
  return align === 'left' ? text + fill : fill + text;
}

/**
 * The text without anything that could steer a terminal: control characters become `\xNN`, direction marks `\u{N}`.
 * For names that come from outside and land in a line meant for people.
 */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * Whole output without anything that could steer a terminal but line ends and tabs. The rest becomes `\uNNNN`, which means the
 * same in JSON. The last door for what people see; `plainText` is for single names, where a line end is out of place, too.
 */
export function steadyText(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A table for a fixed-width font: a head line, then one line per row; no line ends in spaces. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[], indent = ''): string {
  const cells = [columns.map((column) => column.head), ...rows].map((row) =>
    columns.map(({ max }, at) => {
      const cell = plainText(row[at] ?? '');
      return max === undefined ? cell : truncateText(cell, max);
    }),
  );
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => displayWidth(row[at] ?? ''))));
  return cells
    .map((row) => indent + row.map((cell, at) => padText(cell, widths[at] ?? 0, columns[at]?.align)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** The same table in Markdown. Pipes, backslashes and characters of HTML are escaped. */
export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return (
    line(columns.map((column) => markdownText(column.head))) +
    line(columns.map((column) => (column.align === 'right' ? '---:' : '---'))) +
    rows.map((row) => line(columns.map((_, at) => markdownText(row[at] ?? '')))).join('')
  );
}

/** Text that Markdown shows as it is, on one line. */
export function markdownText(text: string): string {
  return plainText(text.replaceAll(/\s+/g, ' '))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/([\\`*_[\]|~])/g, '\\$1');
}
