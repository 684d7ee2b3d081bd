import fc from 'fast-check';
import { expect, it } from 'vitest';
import { makeTar } from '../../test/support/tar-maker.js';
import { tarFromFile } from './tar-input.js';
import { readTar, TarError } from './tar.js';

async function readAll(bytes: Buffer): Promise<number> {
  let total = 0;
  const input = tarFromFile({ sizeBytes: bytes.length, read: async (at, n) => bytes.subarray(at, at + n) });
  for await (const member of readTar(input)) for await (const chunk of member.data()) total += chunk.length;
  return total;
}

async function endsOrder(bytes: Buffer): Promise<void> {
  try {
    expect(await readAll(bytes)).toBeLessThanOrEqual(bytes.length);
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
  }
}

it('random bytes end in a TarError or a listing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), (bytes) => endsOrder(Buffer.from(bytes))),
    { numRuns: 300 },
  );
});

it('a mutated archive ends in a TarError or a listing', async () => {
  const good = makeTar([
    { name: 'a', data: 'x'.repeat(700) },
    { name: 'L', flag: 'L', data: 'long\0' },
    { name: 'b', data: 'y' },
  ]);
  const change = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 6 }), fc.nat(good.length), (changes, cut) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      return endsOrder(bytes.subarray(0, bytes.length - (cut % 700)));
    }),
    { numRuns: 500 },
  );
});

it('every member comes back as it was written', async () => {
  const member = fc.record({
    name: fc.stringMatching(/^[a-z0-9._/-]{1,90}[a-z0-9]$/),
    data: fc.uint8Array({ maxLength: 2000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(member, { minLength: 1, maxLength: 6 }), async (members) => {
      const bytes = makeTar(members);
      const back: { name: string; data: Uint8Array }[] = [];
      const input = tarFromFile({ sizeBytes: bytes.length, read: async (at, n) => bytes.subarray(at, at + n) });
      for await (const found of readTar(input)) {
        const parts: Buffer[] = [];
        for await (const chunk of found.data()) parts.push(chunk);
        back.push({ name: found.name, data: new Uint8Array(Buffer.concat(parts)) });
      }
      expect(back).toEqual(members);
    }),
    { numRuns: 200 },
  );
});
