/** Whatever bytes they get: the readers end soon, in facts or in a coded error, and read no more than a bounded amount. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dynamicVhd, fixedVhd } from '../../../test/support/vhd-maker.js';
import { cowdExtent, hostedSparse, vmdkDescriptor, vmwareStream } from '../../../test/support/vmdk-maker.js';
import { makeQcow2, makeVdi, makeVhdx } from '../../../test/support/header-maker.js';
import { DroverError } from '../../lib/error.js';
import { readImage } from './index.js';
import { readVhdBlocks } from './vhd.js';
import { parseVmdkDescriptor } from './vmdk-descriptor.js';
import { readSparseHeader } from './vmdk-sparse.js';
import type { ByteSource } from './types.js';

const MIB = 1024 ** 2;

interface Counted extends ByteSource {
  readonly counts: { reads: number; bytes: number };
}

function source(bytes: Buffer): Counted {
  const counts = { reads: 0, bytes: 0 };
  return {
    path: 'x',
    sizeBytes: bytes.length,
    counts,
    async read(at, length) {
      // A wish for more than there is would make a real reader allocate it.
      expect(length).toBeLessThanOrEqual(bytes.length);
      counts.reads += 1;
      counts.bytes += length;
      return bytes.subarray(at, at + length);
    },
  };
}

async function endsOrderly(bytes: Buffer): Promise<void> {
  const readers = [
    readImage,
    (s: ByteSource) => readImage(s, 'raw'),
    (s: ByteSource) => readSparseHeader(s, 'sparse'),
    (s: ByteSource) => readSparseHeader(s, 'cowd'),
    (s: ByteSource) => readSparseHeader(s, 'sesparse'),
    readVhdBlocks,
    async (s: ByteSource) => parseVmdkDescriptor('x', bytes.subarray(0, Math.min(bytes.length, s.sizeBytes))),
  ];
  for (const reader of readers) {
    const from = source(bytes);
    try {
      await reader(from);
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      expect(error.code).toMatch(/^source[.]/);
    }
    expect(from.counts.bytes).toBeLessThan(4 * MIB);
    expect(from.counts.reads).toBeLessThan(2100);
  }
}

const raw = Buffer.alloc(MIB / 4);
for (let at = 0; at < raw.length; at += 50_000) raw.write(`data ${at}`, at);
const descriptor = vmdkDescriptor({
  createType: 'monolithicSparse',
  extents: ['RW 512 SPARSE "x.vmdk"'],
  parentCid: '1',
  parent: 'y.vmdk',
});

const samples: readonly (readonly [string, Buffer])[] = [
  ['descriptor', Buffer.from(descriptor)],
  ['hosted sparse', hostedSparse(raw, { descriptor })],
  ['stream', vmwareStream(raw)],
  ['cowd', cowdExtent(raw, (sector) => sector % 7 === 0)],
  ['fixed VHD', fixedVhd(raw)],
  ['dynamic VHD', dynamicVhd(raw)],
  ['differencing VHD', dynamicVhd(raw, { parent: { id: '11'.repeat(16), relative: '.\\p.vhd', name: 'p.vhd' } })],
  ['qcow2', makeQcow2({ sizeBytes: MIB, backing: 'base.qcow2', backingFormat: 'qcow2' })],
  ['VDI', makeVdi({ sizeBytes: 4 * MIB })],
  ['VHDX', makeVhdx({ sizeBytes: 40 * MIB })],
];

describe('header readers', () => {
  it('random bytes', async () => {
    const magics = [
      'KDMV',
      'COWD',
      'conectix',
      'vhdxfile',
      'QFI\xfb',
      '# Disk DescriptorFile\n',
      '\xbe\xba\xfe\xca\0\0\0\0',
      '',
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...magics), fc.uint8Array({ maxLength: 3000 }), (magic, bytes) =>
        endsOrderly(Buffer.concat([Buffer.from(magic, 'latin1'), bytes])),
      ),
      { numRuns: 250 },
    );
  });

  it.each(samples)(
    'a mutated %s',
    async (_, good) => {
      await endsOrderly(good);
      // Headers stand at the beginning and at the end; changes there reach most of the code.
      const place = fc.oneof(
        fc.nat(Math.min(good.length - 1, 2100)),
        fc.integer({ min: Math.max(0, good.length - 1600), max: good.length - 1 }),
        fc.nat(good.length - 1),
      );
      const change = fc.tuple(place, fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)));
      const cut = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(good.length) });
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), cut, (changes, missing) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of changes) bytes[at] = value;
          return endsOrderly(bytes.subarray(0, bytes.length - missing));
        }),
        { numRuns: 120 },
      );
    },
    60_000,
  );
});
