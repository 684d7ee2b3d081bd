import { StringDecoder } from 'node:string_decoder';

const LONGEST_LINE = 64 * 1024;

/** Splits a byte stream into lines at LF and CR (qemu-img ends its progress with CR); overlong lines are cut. */
export function lineSplitter(onLine: (line: string) => void): { push(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let endedWithCr = false;
  const take = (chunk: string): void => {
    // A CR LF that two chunks share ends one line, not two.
    const text = endedWithCr && chunk.startsWith('\n') ? chunk.slice(1) : chunk;
    if (chunk !== '') endedWithCr = chunk.endsWith('\r');
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.slice(0, LONGEST_LINE));
    if (rest.length > LONGEST_LINE) {
      onLine(rest.slice(0, LONGEST_LINE));
      rest = '';
    }
  };
  return {
    push: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end());
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}

/** Keeps the whole output up to a limit, or only its end. */
export class Capture {
  readonly #limit: number;
  readonly #keepTail: boolean;
  #chunks: Buffer[] = [];
  #bytes = 0;
  truncated = false;

  constructor(limit: number, keepTail: boolean) {
    this.#limit = limit;
    this.#keepTail = keepTail;
  }

  push(chunk: Buffer): void {
    if (!this.#keepTail) {
      const room = this.#limit - this.#bytes;
      if (chunk.length > room) this.truncated = true;
      if (room > 0) this.#chunks.push(chunk.subarray(0, room));
      this.#bytes += Math.min(chunk.length, Math.max(room, 0));
      return;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes - (this.#chunks[0]?.length ?? 0) >= this.#limit) {
      this.#bytes -= this.#chunks.shift()?.length ?? 0;
      this.truncated = true;
    }
  }

  bytes(): Buffer {
    const all = Buffer.concat(this.#chunks);
    return this.#keepTail && all.length > this.#limit ? all.subarray(all.length - this.#limit) : all;
  }
}
