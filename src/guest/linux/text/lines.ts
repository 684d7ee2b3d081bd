/** A line of a text file together with the exact bytes that ended it. */
export interface TextLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** `\n`, `\r\n`, or empty at the end of a file without a final newline. */
  readonly eol: string;
}

/** Splits a file into lines so that joining them again gives the same bytes. */
export function splitLines(content: string): TextLine[] {
  const lines: TextLine[] = [];
  let start = 0;
  while (start < content.length) {
    const newline = content.indexOf('\n', start);
    const end = newline === -1 ? content.length : newline;
    const carriage = newline !== -1 && end > start && content[end - 1] === '\r';
    const textEnd = carriage ? end - 1 : end;
    lines.push({
      number: lines.length + 1,
      text: content.slice(start, textEnd),
      eol: newline === -1 ? '' : content.slice(textEnd, newline + 1),
    });
    start = newline === -1 ? content.length : newline + 1;
  }
  return lines;
}

/** The inverse of `splitLines`. */
export function joinLines(lines: readonly Pick<TextLine, 'text' | 'eol'>[]): string {
  return lines.map((line) => line.text + line.eol).join('');
}

/** The line ending a new line in this file should have. */
function lineEnding(content: string): string {
  return /\r\n/.test(content.slice(0, 4096)) ? '\r\n' : '\n';
}

/** Adds a line at the end of a file, ending the last line first when it has no newline. */
export function appendLine(content: string, line: string): string {
  const eol = lineEnding(content);
  const separator = content === '' || content.endsWith('\n') ? '' : eol;
  return `${content}${separator}${line}${eol}`;
}

/** Rewrites a file line by line; `edit` returns the new text, the same text, or undefined to drop the line. */
export function mapLines(content: string, edit: (line: TextLine) => string | undefined): string {
  let result = '';
  for (const line of splitLines(content)) {
    const text = edit(line);
    if (text !== undefined) result += text + line.eol;
  }
  return result;
}

/** Puts a line out of action so that a person can see what it was and who did it. */
export function commentOut(text: string, mark = '#'): string {
  return `${mark} drover: ${text}`;
}
