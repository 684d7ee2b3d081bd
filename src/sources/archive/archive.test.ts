import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeTar } from '../../../test/support/tar-maker.js';
import { createFakeHost } from '../../host/fake-host.js';
import { isAllZero } from '../../lib/bytes.js';
import { DroverError } from '../../lib/error.js';
import { judgeMember, selectCandidates } from './candidates.js';
import type { Candidate } from './candidates.js';
import { archiveLimits, createGuard } from './limits.js';
import { checkDigest, parseManifest, startDigest } from './manifest.js';
import { checkMemberName, isLitter, plainMemberName } from './member-names.js';
import { openSparse } from './sparse-writer.js';
import { listMembers } from './tar-members.js';

const MIB = 1024 ** 2;

function codeOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    if (error instanceof DroverError) return error.code;
    throw error;
  }
  return 'none';
}

describe('openSparse', () => {
  const BLOCK = 64 * 1024;

  it('writes back what it was given, whatever the pieces, and skips whole zero blocks', async () => {
    const run = fc.record({ zero: fc.boolean(), length: fc.integer({ min: 1, max: 150_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(run, { maxLength: 6 }), fc.integer({ min: 997, max: 100_000 }), async (runs, step) => {
        const whole = Buffer.concat(runs.map((r) => Buffer.alloc(r.length, r.zero ? 0 : 0x61)));
        const { files } = createFakeHost();
        files.put('/d/x', '');
        const writer = await openSparse(files, '/d/y');
        for (let at = 0; at < whole.length; at += step) await writer.write(whole.subarray(at, at + step));
        const { sizeBytes, dataBytes } = await writer.finish();
        expect(sizeBytes).toBe(whole.length);
        expect(files.peek('/d/y')?.equals(whole)).toBe(true);
        let expected = 0;
        for (let at = 0; at < whole.length; at += BLOCK) {
          const block = whole.subarray(at, at + BLOCK);
          if (!isAllZero(block)) expected += block.length;
        }
        expect(dataBytes).toBe(expected);
      }),
      { numRuns: 40 },
    );
  });

  it('never takes a file that exists, and leaves none when it gives up', async () => {
    const { files } = createFakeHost();
    files.put('/d/taken', 'x');
    await expect(openSparse(files, '/d/taken')).rejects.toBeInstanceOf(DroverError);
    const writer = await openSparse(files, '/d/y');
    await writer.write(Buffer.alloc(BLOCK, 1));
    await writer.abandon();
    expect(files.peek('/d/y')).toBeUndefined();
  });
});

describe('createGuard', () => {
  it('stops at the total, whether zeros or not', () => {
    const guard = createGuard('a', { ...archiveLimits(0), maxTotalBytes: 3 * MIB });
    const watch = guard.watch();
    watch.output(Buffer.alloc(2 * MIB));
    expect(codeOf(() => watch.output(Buffer.alloc(2 * MIB)))).toBe('source.archive-limit');
  });

  it('stops at a ratio over a window, but lets zeros pass', () => {
    const limits = { ...archiveLimits(0), windowBytes: 4 * MIB, maxRatio: 100 };
    const zeros = createGuard('a', limits).watch();
    zeros.input(10);
    for (let i = 0; i < 64; i += 1) zeros.output(Buffer.alloc(MIB));
    const data = createGuard('a', limits).watch();
    data.input(10_000);
    for (let i = 0; i < 3; i += 1) data.output(Buffer.alloc(MIB, 1));
    expect(codeOf(() => data.output(Buffer.alloc(MIB, 1)))).toBe('source.archive-limit');
    const honest = createGuard('a', limits).watch();
    for (let i = 0; i < 64; i += 1) {
      honest.input(20_000);
      honest.output(Buffer.alloc(MIB, 1));
    }
  });

  it('an early flood is not paid for by what came before', () => {
    const watch = createGuard('a', { ...archiveLimits(0), windowBytes: MIB, maxRatio: 100 }).watch();
    watch.input(50 * MIB);
    watch.output(Buffer.alloc(MIB, 1));
    expect(codeOf(() => watch.output(Buffer.alloc(MIB, 1)))).toBe('source.archive-limit');
  });

  it('bounds one member, and grows the total with what is declared', () => {
    const add = createGuard('a', { ...archiveLimits(0), maxMemberBytes: 10 }).member('m');
    add(10);
    expect(codeOf(() => add(1))).toBe('source.archive-limit');
    expect(archiveLimits(0).maxTotalBytes).toBe(2 * 1024 ** 4);
    expect(archiveLimits(3 * 1024 ** 4).maxTotalBytes).toBe(6 * 1024 ** 4);
  });
});

describe('member names', () => {
  it('lose what means nothing', () => {
    expect(plainMemberName('./a//b/')).toBe('a/b');
    expect(plainMemberName('./')).toBe('');
    expect(plainMemberName('/a')).toBe('/a');
    expect(plainMemberName('a/../b')).toBe('a/../b');
    expect(isLitter('x/._disk.vmdk')).toBe(true);
    expect(isLitter('__MACOSX/x')).toBe(true);
    expect(isLitter('disk._')).toBe(false);
  });

  it('that lead elsewhere are refused; colons are not', () => {
    for (const name of ['', '/a', '../a', 'a/../../b', 'C:\\x', 'a\\b', 'a\0b']) {
      expect(
        codeOf(() => checkMemberName('x.ova', name)),
        name,
      ).toBe('source.archive-unsafe');
    }
    expect(codeOf(() => checkMemberName('x.ova', 'snap 12:30.vmdk'))).toBe('none');
  });

  it('no member that passes leads out of a folder', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a./\\: ]{0,12}$/), (raw) => {
        const name = plainMemberName(raw);
        if (codeOf(() => checkMemberName('x', name)) !== 'none') return;
        const resolved = new URL(`file:///base/${name.split('/').map(encodeURIComponent).join('/')}`).pathname;
        expect(resolved.startsWith('/base/')).toBe(true);
      }),
    );
  });
});

describe('listMembers', () => {
  it('lists places, and notes what it passes over', async () => {
    const { files } = createFakeHost();
    files.put(
      '/x.ova',
      makeTar([
        { name: './a.ovf', data: 'ovf' },
        { name: 'l', flag: '1', linkName: '/etc/passwd' },
        { name: '._a.ovf', data: 'litter' },
        { name: 'd/', flag: '5' },
        { name: 'd/b.vmdk', data: 'disk' },
      ]),
    );
    const { members, notes } = await listMembers(files, '/x.ova');
    expect([...members.keys()]).toEqual(['a.ovf', 'd/b.vmdk']);
    expect(members.get('a.ovf')).toEqual({ name: 'a.ovf', offset: 512, sizeBytes: 3 });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain('hardlink');
  });
});

describe('parseManifest', () => {
  it('reads every algorithm and spacing', () => {
    const sha1 = 'A'.repeat(40);
    const text = `SHA1(a.ovf)= ${sha1}\r\nSHA256 ( b c.vmdk ) = ${'b'.repeat(64)}\nsha-512(./d)=${'c'.repeat(128)}\n\n`;
    const { entries, notes } = parseManifest('x.mf', Buffer.from(text));
    expect([...entries.values()].map((e) => `${e.algorithm} ${e.file}`)).toEqual([
      'sha1 a.ovf',
      'sha256 b c.vmdk',
      'sha512 d',
    ]);
    expect(entries.get('a.ovf')?.digest).toBe('a'.repeat(40));
    expect(notes).toEqual([]);
  });

  it('says what it could not read instead of passing it as checked', () => {
    const text = `MD5(a)= ${'a'.repeat(32)}\nSHA1(b)= abc\nSHA256(c) ${'a'.repeat(64)}\nx\ny\n`;
    const { entries, notes } = parseManifest('x.mf', Buffer.from(text));
    expect(entries.size).toBe(0);
    expect(notes).toHaveLength(4);
    expect(notes[3]).toContain('2 more');
  });

  it('digests are compared whole', () => {
    const { entries } = parseManifest('x', Buffer.from(`SHA1(a)= a9993e364706816aba3e25717850c26c9cd0d89d`));
    const entry = entries.get('a');
    if (entry === undefined) throw new Error('no entry');
    expect(codeOf(() => checkDigest(entry, startDigest(entry).update('abc').digest('hex'), 'a'))).toBe('none');
    expect(codeOf(() => checkDigest(entry, startDigest(entry).update('abd').digest('hex'), 'a'))).toBe(
      'source.manifest',
    );
  });
});

describe('candidates', () => {
  const member = (name: string, over: Partial<Parameters<typeof judgeMember>[0]> = {}) =>
    judgeMember({ name, sizeBytes: 10 * MIB, head: Buffer.alloc(4096), kind: 'unknown', ...over });
  const head = (at: number, hex: string): Buffer => {
    const bytes = Buffer.alloc(72 * 1024);
    bytes.write(hex, at, 'hex');
    return bytes;
  };

  it('are images by magic, by what stands on the disk, or by name', () => {
    expect(member('x', { kind: 'qcow2', sizeBytes: 10 })).toMatchObject({ format: 'qcow2', rank: 0 });
    expect(member('x', { tail: Buffer.from('conectix'.padEnd(512)) })).toMatchObject({ format: 'vhd', rank: 0 });
    expect(member('x', { head: head(510, '55aa') })).toMatchObject({ format: 'raw', rank: 1 });
    expect(member('x', { head: head(1080, '53ef') })).toMatchObject({ format: 'raw', rank: 1 });
    expect(member('x', { head: head(65600, '5f42485266535f4d') })).toMatchObject({ format: 'raw', rank: 1 });
    expect(member('x.RAW')).toMatchObject({ format: 'raw', rank: 2 });
  });

  it('are not what only looks like one', () => {
    for (const verdict of [
      member('notes.txt'),
      member('x.raw', { sizeBytes: 1000 }),
      member('initrd.img', { head: Buffer.from('070701'.padEnd(600)) }),
      member('initrd.img', { kind: 'gzip' }),
      member('vmlinuz.img', { head: Buffer.concat([head(510, '55aa').subarray(0, 514), Buffer.from('HdrS')]) }),
    ]) {
      expect(verdict).toHaveProperty('rejected');
    }
  });

  it('are taken in the order of their names, or as selected', () => {
    const make = (name: string, sizeBytes: number): Candidate => ({ name, sizeBytes, format: 'raw', rank: 1 });
    const all = [make('disk10.raw', 5), make('a//disk2.img', 9), make('disk2.raw', 7)];
    const names = (select: string): string[] => selectCandidates(all, select).disks.map((c) => c.name);
    expect(names('all')).toEqual(['a//disk2.img', 'disk2.raw', 'disk10.raw']);
    expect(names('largest')).toEqual(['a//disk2.img']);
    expect(names('*.raw')).toEqual(['disk2.raw', 'disk10.raw']);
    expect(names('disk2.*')).toEqual(['a//disk2.img', 'disk2.raw']);
    expect(selectCandidates(all, '*.img').passedOver).toHaveLength(2);
  });
});
