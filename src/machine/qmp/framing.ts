import { StringDecoder } from 'node:string_decoder';

const LONGEST_LINE = 64 * 1024 ** 2;

/**
 * Cuts a byte stream into the lines of the QEMU machine protocol: messages end with CRLF, arrive split or several at once, and a
 * character may be cut in the middle. `onTooLong` is called once for a line over the limit; what follows is ignored.
 */
export function qmpLines(
  onLine: (line: string) => void,
  onTooLong: () => void,
  longest = LONGEST_LINE,
): (chunk: Buffer) => void {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;
  let broken = false;
  return (chunk) => {
    if (broken) return;
    const pieces = decoder.write(chunk).split('\n');
    for (const [index, piece] of pieces.entries()) {
      parts.push(piece);
      length += piece.length;
      if (length > longest) {
        broken = true;
        onTooLong();
        return;
      }
      if (index === pieces.length - 1) continue;
      const line = parts.join('').trim();
      parts = [];
      length = 0;
      if (line !== '') onLine(line);
    }
  };
}
