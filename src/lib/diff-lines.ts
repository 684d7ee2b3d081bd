/** Lines of a text, each with its line feed; only the last may lack it. An empty text has no lines. */
export function splitLines(text: string): string[] {
  const lines: string[] = [];
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    if (end === -1) {
      lines.push(text.slice(start));
      break;
    }
    lines.push(text.slice(start, end + 1));
    start = end + 1;
  }
  return lines;
}

/** Whether a text holds a NUL byte, the mark by which git and diff tell binary files. */
export function isBinaryText(text: string): boolean {
  return text.includes('\0');
}
