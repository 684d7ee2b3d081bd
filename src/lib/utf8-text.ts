import { isUtf8 } from 'node:buffer';
import type { Diagnostic } from './diagnostic.js';

/** The text of a file without its byte order mark, or why there is none. */
export function decodeUtf8(bytes: Uint8Array, file: string, maxBytes: number): string | Diagnostic {
  if (bytes.length > maxBytes) {
    return {
      code: 'playbook.too-large',
      severity: 'error',
      message: `the file has ${bytes.length} bytes; at most ${maxBytes} are read`,
      location: { file, line: 1, column: 1 },
    };
  }
  if (isUtf8(bytes)) return new TextDecoder('utf-8').decode(bytes);
  const message = isUtf16(bytes) ? 'the file is UTF-16, not UTF-8' : 'the file holds bytes that are not UTF-8';
  return { code: 'playbook.encoding', severity: 'error', message, location: { file, ...firstBadByte(bytes) } };
}

/** Whether the bytes begin with the mark of UTF-16. */
export function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

function firstBadByte(bytes: Uint8Array): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (;;) {
    // A line feed never stands inside a character of UTF-8, so lines can be checked one by one.
    const end = bytes.indexOf(0x0a, start);
    const part = bytes.subarray(start, end === -1 ? bytes.length : end);
    if (!isUtf8(part)) {
      const text = new TextDecoder('utf-8').decode(part);
      return { line, column: Math.max(1, text.indexOf('\ufffd') + 1) };
    }
    if (end === -1) return { line, column: 1 };
    start = end + 1;
    line += 1;
  }
}
