/** FLATTEN: overlays that cost nothing, copies where they must be, and the source as it was. */
import { readdirSync, statSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DiskFormat, FlattenedDisk, Progress, ResolvedSettings } from '../../src/model/index.js';
import { createHost } from '../../src/host/index.js';
import type { Host } from '../../src/host/index.js';
import { createLab, sampleDisk } from '../support/image-lab.js';
import type { ImageLab } from '../support/image-lab.js';
import { settings } from '../support/plan-fixture.js';
import { createStageLab, treeDigest } from '../support/stage-lab.js';
import type { LabVm, StageLab } from '../support/stage-lab.js';
import { requireTools } from '../support/tools.js';
import { dynamicVhd, fixedVhd } from '../support/vhd-maker.js';
import { withPendingJournal } from '../support/vhdx-journal.js';
import { hostedSparse, vmdkDescriptor, vmwareStream } from '../support/vmdk-maker.js';

const MIB = 1024 ** 2;

describe.skipIf(!(await requireTools('qemu-img', 'prlimit')))('FLATTEN', () => {
  const raw = sampleDisk(9 * MIB + 128 * 1024);
  const sectors = raw.length / 512;
  let lab: ImageLab;
  let stages: StageLab;

  beforeAll(() => {
    stages = createStageLab();
  });
  afterAll(() => stages.remove());
  beforeEach(() => {
    lab = createLab();
    lab.put('disk.raw', raw);
  });
  afterEach(() => lab.remove());

  function vmOf(file: string, format?: DiskFormat, over: Partial<ResolvedSettings> = {}): LabVm {
    return {
      madeOf: { kind: 'disks', disks: [{ file, ...(format === undefined ? {} : { format }) }] },
      settings: over,
    };
  }

  const flattenOver = (over: Partial<ResolvedSettings['flatten']>): Partial<ResolvedSettings> => ({
    flatten: { ...settings().flatten, ...over },
  });

  async function flattenOne(vm: LabVm, run: StageLab = stages): Promise<{ disk: FlattenedDisk; work: string }> {
    const before = treeDigest(lab.dir);
    const { flat, work } = await run.run(lab.dir, vm);
    expect(treeDigest(lab.dir)).toBe(before);
    const disk = flat.disks[0];
    if (disk === undefined) throw new Error('no disk');
    expect(disk.virtualSizeBytes).toBe(raw.length);
    return { disk, work };
  }

  function expectSame(disk: FlattenedDisk, original = 'disk.raw'): void {
    const out = lab.run('qemu-img', 'compare', '-f', 'raw', '-F', disk.format, original, disk.path);
    expect(out).toContain('identical');
  }

  it('an overlay takes no space, is writable, and leaves the source alone', async () => {
    lab.put('web.vmdk', vmwareStream(raw));
    const before = lab.sha256('web.vmdk');
    const { disk } = await flattenOne(vmOf('web.vmdk'));
    expect(disk).toMatchObject({
      mode: 'overlay',
      format: 'qcow2',
      backing: { path: lab.path('web.vmdk'), format: 'vmdk' },
    });
    expect(statSync(disk.path).blocks * 512).toBeLessThan(MIB);
    expectSame(disk);
    lab.run('qemu-io', '-f', 'qcow2', '-c', 'write -P 0x77 0 1M', disk.path);
    expect(lab.sha256('web.vmdk')).toBe(before);
    // As the guest session does: one more overlay above it.
    lab.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', disk.path, '-F', 'qcow2', 'above.qcow2');
    const expected = Buffer.from(raw);
    expected.fill(0x77, 0, MIB);
    lab.put('written.raw', expected);
    expect(lab.run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', 'written.raw', 'above.qcow2')).toContain(
      'identical',
    );
  });

  it('a copy is one file that needs nothing else, with progress and a full comparison', async () => {
    lab.put('web.vmdk', vmwareStream(raw));
    const vm = vmOf('web.vmdk', undefined, flattenOver({ mode: 'copy', verify: 'full' }));
    const seen: Progress[] = [];
    const fetched = (await stages.fetch(lab.dir, vm)).result;
    const outcome = await stages.flatten(vm, fetched, { progress: (progress) => seen.push(progress) });
    const disk = outcome.result.disks[0];
    if (disk === undefined) throw new Error('no disk');
    expect(disk.mode).toBe('copy');
    expect(disk.backing).toBeUndefined();
    expect(outcome.outputs.map((o) => o.path)).toEqual([disk.path]);
    expect(seen.at(-1)).toMatchObject({ phase: 'copy', disk: 'disk0', doneBytes: raw.length, totalBytes: raw.length });
    lab.run('rm', 'web.vmdk');
    expectSame(disk);
  });

  it('fetch.copy collapses in FETCH already', async () => {
    lab.put('web.vmdk', vmwareStream(raw));
    const vm = vmOf('web.vmdk', undefined, { fetch: { ...settings().fetch, copy: true } });
    const fetched = (await stages.fetch(lab.dir, vm)).result;
    expect(fetched.disks[0]).toMatchObject({ how: 'copied', format: 'qcow2' });
    lab.run('rm', 'web.vmdk');
    const flat = (await stages.flatten(vm, fetched)).result;
    expectSame(flat.disks[0] as FlattenedDisk);
  });

  it('differencing VHDs, over fixed, dynamic and differencing parents, with partial blocks', async () => {
    const s1 = sampleDisk(raw.length, 70 * 1024, 'one');
    const s2 = sampleDisk(raw.length, 90 * 1024, 'two');
    const holds1 = (sector: number): boolean => sector % 7 < 3 && sector < 9000;
    const holds2 = (sector: number): boolean =>
      sector % 11 === 5 || (sector >= 1000 && sector < 1300) || sector === sectors - 1;
    const parent = (id: string, name: string) => ({ id, relative: `.\\${name}`, absolute: `D:\\vms\\${name}`, name });
    lab.put('fixed.vhd', fixedVhd(raw, { id: '01'.repeat(16) }));
    lab.put('dynamic.vhd', dynamicVhd(raw, { id: '02'.repeat(16) }));
    for (const [base, id] of [
      ['fixed.vhd', '01'],
      ['dynamic.vhd', '02'],
    ] as const) {
      lab.put('one.vhd', dynamicVhd(s1, { id: '03'.repeat(16), holds: holds1, parent: parent(id.repeat(16), base) }));
      lab.put(
        'two.vhd',
        dynamicVhd(s2, { id: '04'.repeat(16), holds: holds2, parent: parent('03'.repeat(16), 'one.vhd') }),
      );
      const expected = Buffer.from(raw);
      for (let s = 0; s < sectors; s += 1) {
        if (holds1(s)) s1.copy(expected, s * 512, s * 512, (s + 1) * 512);
        if (holds2(s)) s2.copy(expected, s * 512, s * 512, (s + 1) * 512);
      }
      lab.put('expected.raw', expected);
      const { disk } = await flattenOne(vmOf('two.vhd'));
      expect(disk).toMatchObject({ mode: 'copy', format: 'raw' });
      expectSame(disk, 'expected.raw');
    }
    const vm = vmOf('two.vhd', undefined, flattenOver({ mode: 'overlay' }));
    await expect(flattenOne(vm)).rejects.toMatchObject({ code: 'flatten.no-overlay' });
    const copied = vmOf('two.vhd', undefined, { fetch: { ...settings().fetch, copy: true } });
    const again = await flattenOne(copied);
    expect(again.disk.mode).toBe('overlay');
    expectSame(again.disk, 'expected.raw');
  });

  it('a VHDX that was not closed is copied and its journal replayed there', async () => {
    lab.run('qemu-img', 'convert', '-f', 'raw', '-O', 'vhdx', '-o', 'block_size=1M', 'disk.raw', 'clean.vhdx');
    const clean = lab.read('clean.vhdx');
    const place = clean.indexOf(raw.subarray(0, 4096));
    lab.put('dirty.vhdx', withPendingJournal(clean, place, Buffer.alloc(4096, 0x3c)));
    const { description, diagnostics } = await stages.describe(lab.dir, vmOf('dirty.vhdx'));
    expect(diagnostics.map((d) => d.message).join()).toContain('journal');
    expect(description).toBeDefined();
    const { disk } = await flattenOne(vmOf('dirty.vhdx'));
    const expected = Buffer.from(raw);
    expected.fill(0x3c, 0, 4096);
    lab.put('expected.raw', expected);
    expectSame(disk, 'expected.raw');
  });

  it('a chain whose ids do not match is refused when it is described, and marked when it is accepted', async () => {
    lab.put('base-flat.vmdk', raw);
    lab.put(
      'base.vmdk',
      vmdkDescriptor({ cid: 'aa', createType: 'vmfs', extents: [`RW ${sectors} VMFS "base-flat.vmdk"`] }),
    );
    const text = vmdkDescriptor({
      cid: 'bb',
      parentCid: 'cc',
      parent: 'base.vmdk',
      createType: 'monolithicSparse',
      extents: [`RW ${sectors} SPARSE "snap.vmdk"`],
    });
    lab.put('snap.vmdk', hostedSparse(Buffer.alloc(raw.length), { descriptor: text }));
    const { description, diagnostics } = await stages.describe(lab.dir, vmOf('snap.vmdk'));
    expect(description).toBeUndefined();
    expect(diagnostics.map((d) => d.code)).toEqual(['flatten.chain-cid']);
    const vm = vmOf('snap.vmdk', undefined, flattenOver({ ignoreCid: true }));
    const fetched = (await stages.fetch(lab.dir, vm)).result;
    const outcome = await stages.flatten(vm, fetched);
    expect(outcome.degraded).toBe(true);
    expectSame(outcome.result.disks[0] as FlattenedDisk);
    // FLATTEN looks again by itself.
    await expect(stages.flatten(vmOf('snap.vmdk'), fetched)).rejects.toMatchObject({ code: 'flatten.chain-cid' });
  });

  it('a source that changed after FETCH is noticed', async () => {
    lab.put('web.vmdk', vmwareStream(raw));
    const vm = vmOf('web.vmdk');
    const fetched = (await stages.fetch(lab.dir, vm)).result;
    lab.put('web.vmdk', vmwareStream(sampleDisk(raw.length, 200 * 1024, 'other')));
    await expect(stages.flatten(vm, fetched)).rejects.toMatchObject({ code: 'source.changed' });
  });

  it('an image on a network filesystem is copied, one with long names in an overlay as well', async () => {
    const real = createHost();
    const host: Host = {
      ...real,
      files: {
        ...real.files,
        space: async (path) => ({
          ...(await real.files.space(path)),
          ...(path.startsWith(lab.dir) ? { fsType: 'nfs' } : {}),
        }),
      },
    };
    const remote: Host = { ...host, within: (scope) => ({ ...real.within(scope), files: host.files }) };
    const overNfs = createStageLab(remote);
    try {
      const { disk } = await flattenOne(vmOf('disk.raw', 'raw'), overNfs);
      expect(disk.mode).toBe('copy');
      expectSame(disk);
      const asked = await flattenOne(vmOf('disk.raw', 'raw', flattenOver({ mode: 'overlay' })), overNfs);
      expect(asked.disk.mode).toBe('overlay');
    } finally {
      overNfs.remove();
    }
  });

  it('too little space is told before anything is written, with both numbers', async () => {
    lab.put('web.vmdk', vmwareStream(raw));
    const real = createHost();
    const files: Host['files'] = {
      ...real.files,
      space: async (path) => ({ ...(await real.files.space(path)), freeBytes: 1000 }),
    };
    const full = createStageLab({ ...real, files, within: (scope) => ({ ...real.within(scope), files }) });
    const vm = vmOf('web.vmdk', undefined, { fetch: { ...settings().fetch, copy: true } });
    try {
      await expect(full.fetch(lab.dir, vm)).rejects.toMatchObject({
        code: 'source.no-space',
        message: expect.stringContaining('1000') as string,
      });
      for (const folder of readdirSync(full.scratch)) expect(readdirSync(`${full.scratch}/${folder}`)).toEqual([]);
    } finally {
      full.remove();
    }
  });

  it('cancelling stops the copy and leaves no part of it', async () => {
    lab.run('qemu-img', 'create', '-q', '-f', 'raw', 'big.raw', '200M');
    lab.run('sh', '-c', 'head -c 150000000 /dev/urandom | dd of=big.raw conv=notrunc status=none');
    const vm = vmOf('big.raw', 'raw', flattenOver({ mode: 'copy' }));
    const fetched = (await stages.fetch(lab.dir, vm)).result;
    const controller = new AbortController();
    const before = new Set(readdirSync(stages.scratch));
    const running = stages.flatten(vm, fetched, {
      signal: controller.signal,
      progress: ({ doneBytes }) => {
        if (doneBytes > 0) controller.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'exec.cancelled' });
    for (const folder of readdirSync(stages.scratch)) {
      if (before.has(folder)) continue;
      expect(readdirSync(`${stages.scratch}/${folder}`).filter((name) => name.endsWith('.qcow2'))).toEqual([]);
    }
  });
});
