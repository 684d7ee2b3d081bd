import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cpioKind, CpioError, readCpio, writeCpio } from './cpio.js';
import type { CpioEntry } from './cpio.js';

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readBack(bytes: Buffer, chunk: number): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  await readCpio(chunked(bytes, chunk), (header) => ({
    data: (content) => {
      const kind = cpioKind(header.mode);
      if (kind === 'other') throw new Error('unexpected kind');
      entries.push({ name: header.name, kind, mode: header.mode & 0o7777, content: Buffer.from(content) });
    },
  }));
  return entries;
}

const entry: fc.Arbitrary<CpioEntry> = fc.record({
  name: fc
    .string({ unit: 'binary', minLength: 1, maxLength: 40 })
    .filter((name) => !name.includes('\0') && !name.startsWith('/') && name !== 'TRAILER!!!'),
  kind: fc.constantFrom('file', 'directory', 'symlink'),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  content: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

test('reading back what was written gives the same entries, however the bytes arrive', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 12 }), fc.integer({ min: 1, max: 700 }), async (entries, chunk) => {
      const bytes = writeCpio(entries);
      expect(bytes.length % 4).toBe(0);
      expect(await readBack(bytes, chunk)).toEqual(entries);
    }),
  );
});

test('archives one after the other, with zeros between them, read as one', async () => {
  const padding = fc.integer({ min: 0, max: 5 }).map((blocks) => Buffer.alloc(blocks * 4));
  await fc.assert(
    fc.asyncProperty(fc.array(entry), fc.array(entry), padding, padding, async (first, second, between, behind) => {
      const bytes = Buffer.concat([writeCpio(first), between, writeCpio(second), behind]);
      expect(await readBack(bytes, 64)).toEqual([...first, ...second]);
    }),
  );
});

test('a cut or a flipped header byte is damage, never a shorter list', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 4 }), fc.nat(), async (entries, seed) => {
      const bytes = writeCpio(entries);
      // Behind the trailer's name only padding is left, and a cut there loses nothing.
      const length = seed % (bytes.length - 4);
      await expect(readBack(bytes.subarray(0, length), 100)).rejects.toThrow(CpioError);
      const broken = Buffer.from(bytes);
      broken[seed % 110] = 0x7a;
      await expect(readBack(broken, 100)).rejects.toThrow(CpioError);
    }),
  );
});
