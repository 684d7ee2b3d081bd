import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFakeHost } from '../../../host/fake-host.js';
import { writeCpio } from '../../../lib/cpio.js';
import type { CpioEntry } from '../../../lib/cpio.js';
import type { ByteSource } from './formats.js';
import { readInitramfs } from './read.js';
import type { InitramfsContents } from './read.js';

function source(bytes: Buffer): ByteSource {
  return { sizeBytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

function archive(...names: readonly string[]): Buffer {
  return writeCpio(names.map((name): CpioEntry => ({ name, kind: 'file', mode: 0o644, content: Buffer.from(name) })));
}

function read(...parts: readonly Buffer[]): Promise<InitramfsContents> {
  return readInitramfs(createFakeHost(), source(Buffer.concat(parts)));
}

/** Zeros up to a multiple of 4 bytes, then some more. */
function padded(bytes: Buffer, more = 0): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(((4 - (bytes.length % 4)) % 4) + more)]);
}

function summary({ segments, entries, problem }: InitramfsContents): unknown {
  return { formats: segments.map((each) => each.format), names: entries.map((each) => each.name), problem };
}

test('walks over early pieces, packed ones and what was appended, to the end', async () => {
  const contents = await read(
    padded(archive('kernel/x86/microcode/GenuineIntel.bin'), 508),
    padded(archive('early2')),
    padded(gzipSync(archive('init', 'usr/lib/modules/1/a.ko')), 8),
    archive('usr/lib/modules/1/virtio_blk.ko'),
  );
  expect(summary(contents)).toEqual({
    formats: ['cpio', 'cpio', 'gzip', 'cpio'],
    names: [
      'kernel/x86/microcode/GenuineIntel.bin',
      'early2',
      'init',
      'usr/lib/modules/1/a.ko',
      'usr/lib/modules/1/virtio_blk.ko',
    ],
    problem: undefined,
  });
  expect(contents.entries.map((each) => each.segment)).toEqual([0, 1, 2, 2, 3]);
});

test('a plain piece may follow packed bytes without any padding between them', async () => {
  // Vary the content until the packed length is a multiple of 4.
  for (let extra = 0; ; extra += 1) {
    const packed = gzipSync(archive(`init${'x'.repeat(extra)}`));
    if (packed.length % 4 !== 0) continue;
    expect((await read(packed, archive('late'))).segments.map((each) => each.format)).toEqual(['gzip', 'cpio']);
    return;
  }
});

test('gzip headers with a name, a comment and an extra field are passed over', async () => {
  const packed = gzipSync(archive('init'));
  const header = Buffer.from(packed.subarray(0, 10));
  header[3] = 4 | 8 | 16 | 2;
  const fields = Buffer.from('\x03\x00abcname\0comment\0\x12\x34', 'latin1');
  expect(summary(await read(header, fields, packed.subarray(10)))).toMatchObject({
    names: ['init'],
    problem: undefined,
  });
});

test('leading slashes and dots of names do not count', async () => {
  const bytes = writeCpio([{ name: './usr/a', kind: 'file', mode: 0o644 }]);
  expect((await read(bytes)).entries[0]?.name).toBe('usr/a');
});

test('damage is a problem, never a shorter list', async () => {
  const whole = Buffer.concat([
    padded(archive('early')),
    padded(gzipSync(archive('init', 'x'.repeat(300)))),
    archive('late'),
  ]);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: whole.length - 5 }), async (length) => {
      const cut = await read(whole.subarray(0, length));
      // Whole pieces may be cut away; a piece that was begun may not end early.
      const complete = cut.segments.reduce((end, each) => Math.max(end, each.offset + each.bytes), 0);
      const rest = whole.subarray(complete, length);
      if (rest.some((byte) => byte !== 0)) expect(cut.problem).toBeDefined();
    }),
    { numRuns: 200 },
  );
});

test('a flipped byte of packed data is noticed', async () => {
  const packed = gzipSync(archive('init', ...Array.from({ length: 50 }, (_, at) => `file${at * 7919}`)));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 12, max: packed.length - 9 }), async (at) => {
      const broken = Buffer.from(packed);
      broken[at] = (broken[at] ?? 0) ^ 0x55;
      const contents = await read(broken);
      // Bits that only change a file's content go unnoticed by the walk; whatever it lists is what there was.
      if (contents.problem === undefined) expect(contents.entries).toHaveLength(51);
    }),
    { numRuns: 60 },
  );
});

test('unknown formats, misplaced archives and empty files are problems with words', async () => {
  expect((await read(Buffer.from('MZ garbage here'))).problem).toMatch(/unknown format at byte 0/);
  expect((await read(Buffer.alloc(4096))).problem).toMatch(/empty/);
  expect((await read(Buffer.alloc(2), archive('x'))).problem).toMatch(/no multiple of 4/);
});

test('a bomb is stopped at the limit', async () => {
  const bomb = gzipSync(writeCpio([{ name: 'zeros', kind: 'file', mode: 0o644, content: Buffer.alloc(3_000_000) }]));
  const contents = await readInitramfs(createFakeHost(), source(bomb), { maxBytes: 1_000_000 });
  expect(contents.problem).toMatch(/larger than 1000000/);
});

test('a missing tool is a problem, and names the package', async () => {
  const host = createFakeHost({ tools: { xz: null } });
  const xz = Buffer.from('fd377a585a0000000000000000000000', 'hex');
  expect((await readInitramfs(host, source(xz))).problem).toBeDefined();
});

test('wanted contents are handed out, the others are not', async () => {
  const got: string[] = [];
  await readInitramfs(createFakeHost(), source(gzipSync(archive('a', 'b', 'c'))), {
    collect: (entry) => (entry.name === 'b' ? (content) => void got.push(content.toString()) : undefined),
  });
  expect(got).toEqual(['b']);
});
