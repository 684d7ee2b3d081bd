/** Converts a built guest's raw disks into the formats that hypervisors write. */
import path from 'node:path';
import { cached, contentHash } from './cache.mjs';
import { run } from './run.mjs';

/** @typedef {import('./index.d.mts').DiskFormat} DiskFormat */

/** @type {Record<Exclude<DiskFormat, 'raw'>, { driver: string, suffix: string, options?: string }>} */
const writers = {
  qcow2: { driver: 'qcow2', suffix: 'qcow2' },
  vmdk: { driver: 'vmdk', suffix: 'vmdk', options: 'subformat=monolithicSparse,adapter_type=lsilogic' },
  'vmdk-split': { driver: 'vmdk', suffix: 'vmdk', options: 'subformat=twoGbMaxExtentSparse,adapter_type=lsilogic' },
  'vmdk-stream': { driver: 'vmdk', suffix: 'vmdk', options: 'subformat=streamOptimized,adapter_type=lsilogic' },
  // Hyper-V writes the exact size; without force_size the image grows to a CHS boundary.
  vhd: { driver: 'vpc', suffix: 'vhd', options: 'subformat=dynamic,force_size=on' },
  vhdx: { driver: 'vhdx', suffix: 'vhdx', options: 'subformat=dynamic' },
  vdi: { driver: 'vdi', suffix: 'vdi' },
};

/**
 * @param {{ name: string, hash: string, hostname: string, disks: readonly string[] }} raw a built guest
 * @param {DiskFormat} format
 * @param {(text: string) => void} say
 * @returns {Promise<{ hash: string, disks: readonly string[] }>} files called `<hostname>-disk<n>.<suffix>`, from 1
 */
export async function convertDisks(raw, format, say) {
  if (format === 'raw') return { hash: raw.hash, disks: raw.disks };
  const { driver, suffix, options } = writers[format];
  const hash = await contentHash({ disk: raw.hash, format }, ['formats.mjs']);
  const names = raw.disks.map((_, disk) => `${raw.hostname}-disk${disk + 1}.${suffix}`);
  const dir = await cached(`disk-${raw.name}-${format}`, hash, async (part) => {
    say(`converting ${raw.name} to ${format}`);
    for (const [disk, name] of names.entries()) {
      const source = raw.disks[disk] ?? '';
      const wanted = options === undefined ? [] : ['-o', options];
      await run('qemu-img', ['convert', '-f', 'raw', '-O', driver, ...wanted, source, path.join(part, name)]);
    }
  });
  return { hash, disks: names.map((name) => path.join(dir, name)) };
}
