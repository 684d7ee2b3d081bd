import { describe, expect, it } from 'vitest';
import { makeQcow2, makeVdi, makeVhdx } from '../../../test/support/header-maker.js';
import { dynamicVhd, fixedVhd, vhdFooter } from '../../../test/support/vhd-maker.js';
import { cowdExtent, hostedHeader, hostedSparse, vmdkDescriptor } from '../../../test/support/vmdk-maker.js';
import { DroverError } from '../../lib/error.js';
import type { DiskFormat } from '../../model/index.js';
import { detectKind } from './detect.js';
import { readImage, windowOf } from './index.js';
import type { ByteSource } from './types.js';
import { parseVmdkDescriptor } from './vmdk-descriptor.js';
import { readSparseHeader } from './vmdk-sparse.js';

function source(bytes: Buffer | string, path = 'disk'): ByteSource {
  const data = Buffer.from(bytes);
  return { path, sizeBytes: data.length, read: async (at, length) => data.subarray(at, at + length) };
}

async function refusal(bytes: Buffer | string, said?: DiskFormat, path?: string): Promise<DroverError> {
  try {
    await readImage(source(bytes, path), said);
  } catch (error) {
    if (error instanceof DroverError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

function descriptorRefusal(text: string): string {
  try {
    parseVmdkDescriptor('x.vmdk', Buffer.from(text, 'latin1'));
  } catch (error) {
    if (error instanceof DroverError) return error.code;
    throw error;
  }
  return 'accepted';
}

const MIB = 1024 ** 2;
const flat = vmdkDescriptor({ createType: 'monolithicFlat', extents: ['RW 2048 FLAT "x-flat.vmdk" 0'] });

describe('detectKind', () => {
  const cases: readonly [string, Buffer | string, string][] = [
    ['hosted sparse', hostedHeader({ capacity: 1 }), 'vmdk-sparse'],
    ['descriptor', flat, 'vmdk-descriptor'],
    ['descriptor in capitals behind a mark', `\ufeff\n\n# DISK DESCRIPTORFILE\n`, 'vmdk-descriptor'],
    ['dynamic VHD', dynamicVhd(Buffer.alloc(65536)), 'vhd'],
    ['fixed VHD', fixedVhd(Buffer.alloc(65536)), 'vhd'],
    ['VHDX', makeVhdx({ sizeBytes: MIB }), 'vhdx'],
    ['qcow2', makeQcow2({ sizeBytes: MIB }), 'qcow2'],
    ['VDI', makeVdi({ sizeBytes: MIB }), 'vdi'],
    ['gzip', '\x1f\u008b', 'unknown'],
    ['zstd', Buffer.from('28b52ffd00', 'hex'), 'zstd'],
    ['xz', Buffer.from('fd377a585a0000', 'hex'), 'xz'],
    ['bzip2', 'BZh9', 'bzip2'],
    ['XML', '\ufeff<?xml version="1.0"?>', 'xml'],
    ['UTF-16 XML', Buffer.from('\ufeff<?xml', 'utf16le'), 'xml'],
    ['nothing', '', 'unknown'],
    ['a boot sector', Buffer.concat([Buffer.alloc(510), Buffer.from([0x55, 0xaa])]), 'unknown'],
  ];
  it.each(cases)('%s', async (_, bytes, kind) => {
    expect(await detectKind(source(bytes))).toBe(kind);
  });

  it('a start magic outweighs a footer that a guest could have written', async () => {
    const bytes = Buffer.concat([makeQcow2({ sizeBytes: MIB }), vhdFooter({ type: 2, sizeBytes: MIB })]);
    expect(await detectKind(source(bytes))).toBe('qcow2');
  });
});

describe('raw', () => {
  it('is taken only when said, in whole sectors', async () => {
    expect((await refusal(Buffer.alloc(1000))).code).toBe('source.format-unknown');
    expect(await readImage(source(Buffer.alloc(1000)), 'raw')).toMatchObject({ virtualSizeBytes: 1024 });
    expect((await readImage(source(Buffer.alloc(1024)), 'raw')).notes).toEqual([]);
    expect((await readImage(source(makeQcow2({ sizeBytes: MIB })), 'raw')).notes[0]).toContain('qcow2');
    expect((await refusal('', 'raw')).code).toBe('source.corrupt-image');
  });

  it('an unknown file shows its first bytes; an extent gets a hint', async () => {
    const error = await refusal('GIF89a', undefined, '/x/web-flat.vmdk');
    expect(error.message).toContain('47 49 46 38 39 61');
    expect(error.hint).toContain('descriptor');
  });
});

describe('parseVmdkDescriptor', () => {
  it('reads keys in any case, ids without padding, names with spaces, quotes and equals signs', () => {
    const text = [
      '# Disk DescriptorFile',
      'VERSION = 1',
      'cid = 14a40c9',
      'ParentCID="FFFFFFFE"',
      'CreateType = "vmfs"',
      'parentFileNameHint = "my base = 1.vmdk"',
      'rw 16 vmfs "a b=c "d".vmdk"',
      'RW 8 FLAT "second.bin" 4',
      'changeTrackPath="x-ctk.vmdk"',
    ].join('\r\n');
    expect(parseVmdkDescriptor('x', Buffer.from(`${text}\0\0\0garbage`))).toEqual({
      createType: 'vmfs',
      cid: '014a40c9',
      parentCid: 'fffffffe',
      parentName: 'my base = 1.vmdk',
      extents: [
        { kind: 'flat', sectors: 16, name: 'a b=c "d".vmdk', offsetSectors: 0 },
        { kind: 'flat', sectors: 8, name: 'second.bin', offsetSectors: 4 },
      ],
      capacityBytes: 24 * 512,
      notes: [],
    });
  });

  it('decodes names by the declared encoding', () => {
    const text = flat.replace('encoding="UTF-8"', 'encoding="windows-1252"').replace('x-flat', 'd\xe9');
    expect(parseVmdkDescriptor('x', Buffer.from(text, 'latin1')).extents[0]?.name).toBe('dé.vmdk');
    expect(descriptorRefusal(flat.replace('UTF-8', 'KLINGON').replace('x-flat', '\xe9'))).toBe('source.corrupt-image');
    expect(descriptorRefusal(flat.replace('x-flat', '\xe9'))).toBe('source.corrupt-image');
  });

  it('a parent name without a parent is a note', () => {
    const text = flat.replace('createType', 'parentFileNameHint="p.vmdk"\ncreateType');
    const parsed = parseVmdkDescriptor('x', Buffer.from(text));
    expect(parsed.parentName).toBeUndefined();
    expect(parsed.notes[0]).toContain('p.vmdk');
  });

  const bad: readonly [string, string, string][] = [
    ['empty', '', 'source.corrupt-image'],
    ['no head line', 'version=1', 'source.corrupt-image'],
    ['65 KiB', flat + '#'.repeat(65536), 'source.corrupt-image'],
    ['no extents', flat.replace(/^RW.*$/m, ''), 'source.corrupt-image'],
    ['no sectors', flat.replace('RW 2048', 'RW 0'), 'source.corrupt-image'],
    ['2^64 sectors', flat.replace('RW 2048', 'RW 18446744073709551616'), 'source.corrupt-image'],
    ['2^50 sectors', flat.replace('RW 2048', 'RW 1125899906842624'), 'source.too-large'],
    ['extent without quotes', flat.replace('"x-flat.vmdk"', 'x-flat.vmdk'), 'source.corrupt-image'],
    ['extent without name', flat.replace('"x-flat.vmdk" 0', ''), 'source.corrupt-image'],
    ['CID zzzz', flat.replace('CID=12345678', 'CID=zzzz'), 'source.corrupt-image'],
    ['no CID', flat.replace('CID=12345678', ''), 'source.corrupt-image'],
    ['unknown type', flat.replace('monolithicFlat', 'magic'), 'source.format-unsupported'],
    ['unknown extent', flat.replace('FLAT', 'CUBIC'), 'source.format-unsupported'],
    ['physical disk', flat.replace('monolithicFlat', 'fullDevice'), 'source.format-unsupported'],
    ['device extent', flat.replace('" 0', '" 0 "part-uuid"'), 'source.format-unsupported'],
    ['raw mapping', flat.replace('FLAT', 'VMFSRDM'), 'source.format-unsupported'],
    ['no access', flat.replace('RW', 'NOACCESS'), 'source.format-unsupported'],
    ['encrypted', flat.replace('ddb.adapter', 'keySafe = "x"\nddb.adapter'), 'source.encrypted'],
  ];
  it.each(bad)('refuses: %s', (_, text, code) => {
    expect(descriptorRefusal(text)).toBe(code);
  });
});

describe('qcow2', () => {
  it('names its backing file and format', async () => {
    const facts = await readImage(source(makeQcow2({ sizeBytes: MIB, backing: 'b/a.img', backingFormat: 'raw' })));
    expect(facts).toMatchObject({ virtualSizeBytes: MIB, parent: { names: ['b/a.img'], format: 'raw' } });
  });
  const bad: readonly [string, Parameters<typeof makeQcow2>[0], string][] = [
    ['data file by feature', { sizeBytes: MIB, features: 4n }, 'source.format-unsupported'],
    ['data file by extension', { sizeBytes: MIB, extensions: [[0x44415441, 'x']] }, 'source.format-unsupported'],
    ['encryption', { sizeBytes: MIB, crypt: 2 }, 'source.encrypted'],
    ['encryption by extension', { sizeBytes: MIB, extensions: [[0x0537be77, 'x'.repeat(16)]] }, 'source.encrypted'],
    ['damage', { sizeBytes: MIB, features: 2n }, 'source.corrupt-image'],
    ['unknown feature', { sizeBytes: MIB, features: 1n << 40n }, 'source.format-unsupported'],
    ['foreign backing', { sizeBytes: MIB, backing: 'x', backingFormat: 'nbd' }, 'source.format-unsupported'],
    ['no size', { sizeBytes: 0 }, 'source.corrupt-image'],
    ['a huge size', { sizeBytes: 2 ** 50 }, 'source.too-large'],
  ];
  it.each(bad)('refuses: %s', async (_, parts, code) => {
    expect((await refusal(makeQcow2(parts))).code).toBe(code);
  });
});

describe('maps that lead out of the file', () => {
  const L1 = 65536;
  const L2 = 2 * 65536;
  /** A qcow2 with one cluster in use, whose entry is the given one. */
  const withCluster = (entry: bigint, parts: Partial<Parameters<typeof makeQcow2>[0]> = {}): Buffer => {
    const bytes = Buffer.concat([makeQcow2({ sizeBytes: MIB, ...parts }), Buffer.alloc(2 * 65536)]);
    bytes.writeBigUInt64BE((1n << 63n) | BigInt(L2), L1);
    bytes.writeBigUInt64BE(entry, L2);
    return bytes;
  };
  const copied = 1n << 63n;
  const compressed = 1n << 62n;

  it.each([
    ['a cluster inside', copied | (3n * 65536n), {}],
    ['a cluster of zeros that keeps a place outside', copied | (99n * 65536n) | 1n, {}],
    ['a compressed cluster inside', compressed | (5n << 54n) | 200_000n, {}],
    ['an entry of 16 bytes', copied | (3n * 65536n), { features: 16n }],
  ])('qcow2: %s is fine', async (_, entry, parts) => {
    expect(await readImage(source(withCluster(entry, parts)))).toMatchObject({ virtualSizeBytes: MIB });
  });

  it.each([
    ['behind the end', copied | (4n * 65536n), {}, 'cut short'],
    ['far behind the end', copied | 0x00ff_ffff_ffff_0000n, {}, 'cut short'],
    ['within another one', copied | 70_144n, {}, 'within'],
    ['compressed, behind the end', compressed | (5n << 54n) | 300_000n, {}, 'cut short'],
    [
      'marked as zeros before there was such a mark',
      copied | (99n * 65536n) | 1n,
      { version: 2 as const },
      'cut short',
    ],
    ['of 16 bytes, behind the end', copied | (4n * 65536n), { features: 16n }, 'cut short'],
  ])('qcow2: a cluster %s is refused', async (_, entry, parts, says) => {
    const error = await refusal(withCluster(entry, parts));
    expect(error.code).toBe('source.corrupt-image');
    expect(error.message).toContain(says);
  });

  it.each([
    ['a second table behind the end', L1, (1n << 63n) | (4n * 65536n), 'table 0'],
    ['a second table within a cluster', L1, (1n << 63n) | 70_144n, 'within'],
    ['a first table behind the end', 40, 99n * 65536n, 'first table'],
    ['a first table within a cluster', 40, 70_000n, 'within'],
  ])('qcow2: %s is refused', async (_, at, value, says) => {
    const bytes = withCluster(0n);
    bytes.writeBigUInt64BE(value, at);
    expect((await refusal(bytes)).message).toContain(says);
  });

  it('qcow2: a first table that is too short or endless is refused', async () => {
    for (const entries of [0, 2 ** 32 - 1]) {
      const bytes = withCluster(0n);
      bytes.writeUInt32BE(entries, 36);
      expect((await refusal(bytes)).message).toContain('first table has');
    }
  });

  it('VDI: a block beyond those in use is refused', async () => {
    const bytes = makeVdi({ sizeBytes: 4 * MIB });
    bytes.writeUInt32LE(0xffff_fffe, 1028);
    expect(await readImage(source(bytes))).toMatchObject({ allocatedBytes: MIB });
    bytes.writeUInt32LE(1, 1028);
    expect((await refusal(bytes)).message).toContain('block 1 ');
  });

  it('VMDK: a disk of many tables is counted in pieces, wherever they stand', async () => {
    const raw = Buffer.alloc(96 * MIB);
    for (const at of [0, 40 * MIB, 95 * MIB]) raw.write('x', at);
    const bytes = hostedSparse(raw, {
      descriptor: vmdkDescriptor({ createType: 'monolithicSparse', extents: [`RW ${raw.length / 512} SPARSE "x"`] }),
    });
    expect(await readImage(source(bytes))).toMatchObject({ allocatedBytes: 3 * 65536 });
    // The last table alone, elsewhere.
    const directory = 21 * 512;
    const moved = Buffer.concat([bytes, bytes.subarray(bytes.readUInt32LE(directory + 8) * 512).subarray(0, 2048)]);
    moved.writeUInt32LE(bytes.length / 512, directory + 8);
    expect(await readImage(source(moved))).toMatchObject({ allocatedBytes: 3 * 65536 });
    expect((await refusal(bytes.subarray(0, -65536))).message).toContain('cut short');
  });

  it('ESX sparse: a grain behind the end is refused', async () => {
    const raw = Buffer.alloc(MIB, 'x');
    const bytes = cowdExtent(raw, (sector) => sector > 2000);
    const read = (part: Buffer) => readSparseHeader(source(part), 'cowd');
    expect(await read(bytes)).toMatchObject({ allocatedBytes: 47 * 512 });
    await expect(read(bytes.subarray(0, -512))).rejects.toMatchObject({ code: 'source.corrupt-image' });
  });
});

describe('VDI and VHDX', () => {
  it('are read', async () => {
    expect(await readImage(source(makeVdi({ sizeBytes: 4 * MIB })))).toMatchObject({
      subformat: 'dynamic',
      virtualSizeBytes: 4 * MIB,
      allocatedBytes: MIB,
    });
    expect(await readImage(source(makeVhdx({ sizeBytes: 40 * MIB })))).toMatchObject({
      subformat: 'dynamic',
      virtualSizeBytes: 40 * MIB,
      allocatedBytes: 0,
      needsReplay: false,
    });
  });

  it('a pending journal is noticed', async () => {
    expect(await readImage(source(makeVhdx({ sizeBytes: MIB, logPending: true })))).toMatchObject({
      needsReplay: true,
    });
  });

  it('one damaged header or region table of two is no harm, two are', async () => {
    const one = makeVhdx({ sizeBytes: MIB });
    one[65536 + 100] = 1;
    one[3 * 65536 + 300] = 1;
    expect(await readImage(source(one))).toMatchObject({ virtualSizeBytes: MIB });
    const headers = Buffer.from(one);
    headers[2 * 65536 + 100] = 1;
    expect((await refusal(headers)).message).toContain('both headers');
    one[4 * 65536 + 300] = 1;
    expect((await refusal(one)).message).toContain('both region tables');
  });

  it('snapshots, parents and large sectors are refused', async () => {
    expect((await refusal(makeVdi({ sizeBytes: MIB, type: 4 }))).code).toBe('source.format-unsupported');
    expect((await refusal(makeVdi({ sizeBytes: MIB, parent: true }))).code).toBe('source.format-unsupported');
    expect((await refusal(makeVhdx({ sizeBytes: MIB, hasParent: true }))).code).toBe('source.format-unsupported');
    expect((await refusal(makeVhdx({ sizeBytes: MIB, sectorBytes: 4096 }))).code).toBe('source.format-unsupported');
    expect((await refusal(makeVdi({ sizeBytes: MIB }).subarray(0, MIB))).code).toBe('source.corrupt-image');
  });
});

describe('windowOf', () => {
  it('never leaves its range', async () => {
    const inner = windowOf(source('abcdefgh'), 2, 3, 'w');
    expect((await inner.read(0, 10)).toString()).toBe('cde');
    expect((await inner.read(2, 10)).toString()).toBe('e');
    expect((await inner.read(3, 10)).length).toBe(0);
  });
});
