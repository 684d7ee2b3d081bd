import type { TarInput } from './tar.js';

/** Bytes that can be read at any place, such as an open file. */
export interface Seekable {
  readonly sizeBytes: number;
  read(offset: number, length: number): Promise<Buffer>;
}

/** Reads an archive in a file; passing over data costs nothing. */
export function tarFromFile(file: Seekable): TarInput {
  let at = 0;
  return {
    async read(length) {
      const data = await file.read(at, Math.min(length, Math.max(0, file.sizeBytes - at)));
      at += data.length;
      return data;
    },
    async skip(length) {
      const step = Math.min(length, Math.max(0, file.sizeBytes - at));
      at += step;
      return step;
    },
  };
}

/** Reads an archive from a stream of chunks; holds one chunk at a time and what a read still needs. */
export function tarFromStream(chunks: AsyncIterable<Uint8Array>): TarInput {
  const source = chunks[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    for (;;) {
      const next = await source.next();
      if (next.done === true) return false;
      if (next.value.length > 0) {
        rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length);
        return true;
      }
    }
  };
  const take = (length: number): Buffer => {
    const part = rest.subarray(0, length);
    rest = rest.subarray(part.length);
    return part;
  };
  return {
    async read(length) {
      if (rest.length === 0 && !(await more())) return Buffer.alloc(0);
      const first = take(length);
      if (first.length === length) return first;
      const parts = [first];
      let filled = first.length;
      while (filled < length && (rest.length > 0 || (await more()))) {
        const part = take(length - filled);
        parts.push(part);
        filled += part.length;
      }
      return Buffer.concat(parts);
    },
    async skip(length) {
      let passed = 0;
      while (passed < length && (rest.length > 0 || (await more()))) passed += take(length - passed).length;
      return passed;
    },
  };
}
