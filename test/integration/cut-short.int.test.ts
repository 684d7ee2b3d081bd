/** Images of every layout: whole they become the right disk, cut short they are refused instead of being filled with zeros. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostileGround } from '../support/hostile.js';
import type { HostileGround } from '../support/hostile.js';
import { hostileTable, playbookOf } from '../support/hostile-table.js';
import { sampleDisk } from '../support/image-lab.js';
import { requireTools } from '../support/tools.js';
import { cowdExtent, vmdkDescriptor } from '../support/vmdk-maker.js';

const DISK = sampleDisk(6 * 1024 ** 2, 150 * 1024, 'cut');

/** Formats and options of `qemu-img convert`. */
const LAYOUTS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['v2.qcow2', '-O', 'qcow2', '-o', 'compat=0.10'],
  ['v3.qcow2', '-O', 'qcow2'],
  ['small.qcow2', '-O', 'qcow2', '-o', 'cluster_size=512'],
  ['large.qcow2', '-O', 'qcow2', '-o', 'cluster_size=2M'],
  ['extended.qcow2', '-O', 'qcow2', '-o', 'extended_l2=on'],
  ['reserved.qcow2', '-O', 'qcow2', '-o', 'preallocation=metadata'],
  ['zlib.qcow2', '-c', '-O', 'qcow2'],
  ['zstd.qcow2', '-c', '-O', 'qcow2', '-o', 'compression_type=zstd'],
  ['lazy.qcow2', '-O', 'qcow2', '-o', 'lazy_refcounts=on,refcount_bits=1'],
  ['sparse.vmdk', '-O', 'vmdk'],
  ['stream.vmdk', '-O', 'vmdk', '-o', 'subformat=streamOptimized'],
  ['d.vdi', '-O', 'vdi'],
  ['s.vdi', '-O', 'vdi', '-o', 'static=on'],
  ['d.vhd', '-O', 'vpc'],
  ['f.vhd', '-O', 'vpc', '-o', 'subformat=fixed,force_size=on'],
  ['d.vhdx', '-O', 'vhdx'],
  ['f.vhdx', '-O', 'vhdx', '-o', 'subformat=fixed'],
];

function make(ground: HostileGround): void {
  ground.put('disk.raw', DISK);
  const run = (...args: readonly string[]): void => void execFileSync('qemu-img', args, { stdio: 'pipe' });
  for (const [name, ...args] of LAYOUTS) {
    const more = name.endsWith('d.vhd') ? ['-o', 'force_size=on'] : [];
    run('convert', '-q', '-f', 'raw', ...args, ...more, '--', ground.path('disk.raw'), ground.path(`images/${name}`));
  }
  copyFileSync(ground.path('images/v3.qcow2'), ground.path('images/snapshots.qcow2'));
  run('snapshot', '-c', 'before', ground.path('images/snapshots.qcow2'));
  ground.put(
    'images/esx-delta.bin',
    cowdExtent(DISK, () => true),
  );
  ground.put('images/esx-base.bin', Buffer.alloc(DISK.length));
  const sectors = DISK.length / 512;
  const base = { cid: '00000001', createType: 'vmfs', extents: [`RW ${sectors} VMFS "esx-base.bin"`] };
  ground.put('images/esx-base.vmdk', vmdkDescriptor(base));
  const delta = { parentCid: '00000001', parent: 'esx-base.vmdk', createType: 'vmfsSparse' };
  ground.put('images/esx.vmdk', vmdkDescriptor({ ...delta, extents: [`RW ${sectors} VMFSSPARSE "esx-delta.bin"`] }));
}

const ALL = [...LAYOUTS.map(([name]) => name), 'snapshots.qcow2', 'esx.vmdk'];

describe.skipIf(!(await requireTools('qemu-img')))('images of every layout', () => {
  describe('whole', () => {
    let ground: HostileGround;
    let said = '';
    beforeAll(async () => {
      ground = hostileGround();
      make(ground);
      ground.put('p.yaml', playbookOf(ALL.map((name) => `disks: [${name}]`)));
      const { code, err } = await ground.drover(['run', 'p.yaml', '--yes', '--renderer', 'plain'], 120_000);
      expect(code, err).toBe(0);
      said = err;
    });
    afterAll(() => ground.remove());

    it.each(ALL.map((name, index) => [name, index] as const))('%s', (_name, index) => {
      const product = ground.path(`out/m${index}/m${index}-disk0.qcow2`);
      const args = ['convert', '-f', 'qcow2', '-O', 'raw', '--', product, ground.path('product.raw')];
      execFileSync('qemu-img', args, { stdio: 'pipe' });
      const bytes = readFileSync(ground.path('product.raw'));
      expect(bytes.subarray(0, DISK.length).equals(DISK), said).toBe(true);
    });
  });

  describe('cut short', () => {
    hostileTable(
      (ground) => {
        make(ground);
        for (const name of ALL) {
          const path = ground.path(`images/${name === 'esx.vmdk' ? 'esx-delta.bin' : name}`);
          truncateSync(path, Math.floor((statSync(path).size * 0.5) / 512) * 512);
        }
      },
      // A fixed VHD has no mark but at its end.
      ALL.map((title) => ({
        title,
        vm: `disks: [${title}]`,
        codes: [title === 'f.vhd' ? 'source.format-unknown' : 'source.corrupt-image'],
      })),
    );
  });
});
