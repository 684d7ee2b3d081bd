import { describe, expect, it } from 'vitest';
import { makeTar, paxRecords, tarBlock, tarMember } from '../../test/support/tar-maker.js';
import { tarFromFile, tarFromStream } from './tar-input.js';
import { readTar, TarError } from './tar.js';
import type { TarInput, TarLimits } from './tar.js';

function fromFile(bytes: Buffer): TarInput {
  return tarFromFile({ sizeBytes: bytes.length, read: async (at, n) => bytes.subarray(at, at + n) });
}

function fromStream(bytes: Buffer, step: number): TarInput {
  return tarFromStream(
    (async function* () {
      for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
    })(),
  );
}

async function listing(input: TarInput, limits?: TarLimits): Promise<string[]> {
  const found: string[] = [];
  for await (const member of readTar(input, limits)) {
    const parts: Buffer[] = [];
    for await (const chunk of member.data()) parts.push(chunk);
    found.push(`${member.type} ${member.name} ${Buffer.concat(parts).toString()}`);
  }
  return found;
}

async function refusal(bytes: Buffer, limits?: TarLimits): Promise<TarError> {
  try {
    for await (const _ of readTar(fromFile(bytes), limits));
  } catch (error) {
    if (error instanceof TarError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

const LONG = `${'d/'.repeat(120)}name`;

const archive = makeTar([
  { name: 'a.ovf', data: '<x/>' },
  { name: 'dir/', flag: '5' },
  { name: 'big', data: 'x'.repeat(1000), binarySize: true },
  { name: 'tail', prefix: 'pre/fix', data: 'p' },
  { name: '././@LongLink', flag: 'L', data: `${LONG}\0` },
  { name: LONG.slice(0, 99), data: 'gnu' },
  { name: 'pax', flag: 'x', data: paxRecords({ path: `${LONG}é`, 'SCHILY.xattr.user.a': 'b' }) },
  { name: 'short', data: 'pax' },
  { name: 'link', flag: '2', linkName: '/etc/passwd' },
  { name: 'old\0', flag: '\0', data: 'old' },
]);

const expected = [
  'file a.ovf <x/>',
  'directory dir/ ',
  `file big ${'x'.repeat(1000)}`,
  'file pre/fix/tail p',
  `file ${LONG} gnu`,
  `file ${LONG}é pax`,
  'symlink link ',
  'file old old',
];

describe('readTar', () => {
  it('reads ustar, GNU and PAX members from a file', async () => {
    expect(await listing(fromFile(archive))).toEqual(expected);
  });

  it.each([1, 7, 511, 512, 513, 100_000])('reads the same from a stream in steps of %i', async (step) => {
    expect(await listing(fromStream(archive, step))).toEqual(expected);
  });

  it('passes over data that nobody reads and says where they are', async () => {
    const offsets: number[] = [];
    for await (const member of readTar(fromFile(archive))) offsets.push(member.dataOffset);
    expect(offsets.slice(0, 3)).toEqual([512, 1536, 2048]);
    expect(archive.subarray(512, 516).toString()).toBe('<x/>');
  });

  it('hands out the records of extended headers', async () => {
    for await (const member of readTar(fromFile(archive))) {
      if (member.name.endsWith('é')) expect(member.pax.get('SCHILY.xattr.user.a')?.toString()).toBe('b');
      else expect(member.pax.size).toBe(0);
    }
  });

  it('takes a size from an extended header', async () => {
    const bytes = makeTar([
      { name: 'pax', flag: 'x', data: paxRecords({ size: '3' }) },
      { name: 'f', data: 'abc', claimedSize: 0 },
      { name: 'g', data: 'd' },
    ]);
    expect(await listing(fromFile(bytes))).toEqual(['file f abc', 'file g d']);
  });

  it('marks sparse members, which are not what they seem', async () => {
    const bytes = makeTar([
      { name: 'pax', flag: 'x', data: paxRecords({ 'GNU.sparse.major': '1' }) },
      { name: 'f', data: 'abc' },
      { name: 's', flag: 'S' },
    ]);
    expect(await listing(fromFile(bytes))).toEqual(['sparse f abc', 'sparse s ']);
  });

  it('reports a missing end mark, and accepts a last member without padding', async () => {
    let missing = 0;
    const cut = tarMember({ name: 'a', data: 'abc' }).subarray(0, 515);
    for await (const _ of readTar(fromFile(cut), {}, () => (missing += 1)));
    expect(missing).toBe(1);
  });

  it('refuses what is damaged', async () => {
    expect((await refusal(Buffer.alloc(0))).kind).toBe('corrupt');
    expect((await refusal(makeTar([{ name: 'a', badChecksum: true }]))).kind).toBe('corrupt');
    expect((await refusal(tarMember({ name: 'a', data: 'abc' }).subarray(0, 514))).kind).toBe('truncated');
    expect((await refusal(tarBlock({ name: 'a' }).subarray(0, 100))).kind).toBe('truncated');
    expect((await refusal(tarBlock({ name: 'a', claimedSize: 5, binarySize: true }))).kind).toBe('truncated');
    const negative = tarBlock({ name: 'a' });
    negative.fill(0xff, 124, 136);
    negative.fill(0x20, 148, 156);
    let sum = 0;
    for (const byte of negative) sum += byte;
    negative.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect((await refusal(Buffer.concat([negative, Buffer.alloc(1024)]))).kind).toBe('corrupt');
    const behind = Buffer.concat([tarMember({ name: 'a' }), Buffer.alloc(512), Buffer.alloc(512, 7)]);
    expect((await refusal(behind)).kind).toBe('corrupt');
    const pax = makeTar([{ name: 'p', flag: 'x', data: '99999 path=x\n' }]);
    expect((await refusal(pax)).kind).toBe('corrupt');
    const size = makeTar([{ name: 'p', flag: 'x', data: paxRecords({ size: '1e9' }) }, { name: 'a' }]);
    expect((await refusal(size)).kind).toBe('corrupt');
  });

  it('keeps its limits', async () => {
    const many = makeTar(Array.from({ length: 11 }, (_, i) => ({ name: `f${i}` })));
    expect((await refusal(many, { maxMembers: 10 })).kind).toBe('limit');
    const meta = makeTar([{ name: 'p', flag: 'L', data: 'x'.repeat(600) }, { name: 'a' }]);
    expect((await refusal(meta, { maxMetaBytes: 599 })).kind).toBe('limit');
    const endless = Buffer.concat(Array.from({ length: 60 }, () => tarMember({ name: 'p', flag: 'L', data: 'x' })));
    expect((await refusal(endless, { maxMembers: 10 })).kind).toBe('limit');
    const huge = tarBlock({ name: 'p', flag: 'x', claimedSize: 2 ** 50, binarySize: true });
    expect((await refusal(huge)).kind).toBe('limit');
  });
});
