/** Which firmware can boot what is on the disks. */
import type { BlockDevice, Inspection, Mountpoint } from '../../../model/inspection.js';
import type { Inventory } from '../../common/inventory.js';
import type { GuestTree } from '../../common/ports.js';
import type { Firmware } from '../../../model/vm.js';
import { isEsp } from './mounts.js';

const BIOS_BOOT = '21686148-6449-6e6f-744e-656564454649';
const FALLBACK = /^boot(x64|aa64|ia32|riscv64|loongarch64)\.efi$/i;

/** Loaders on the mounted EFI system partition, by path in the guest, sorted. */
function findEfiLoaders(tree: GuestTree, mountpoints: readonly Mountpoint[], esp: BlockDevice | undefined): string[] {
  const mount = mountpoints.find((each) => each.device === esp?.device)?.path;
  if (mount === undefined) return [];
  const base = mount === '/' ? '' : mount;
  const efi = tree.list(mount).find((name) => name.toLowerCase() === 'efi');
  if (efi === undefined) return [];
  const loaders: string[] = [];
  const walk = (dir: string, depth: number): void => {
    for (const name of tree.list(dir)) {
      const path = `${dir}/${name}`;
      const kind = tree.lstat(path)?.kind;
      if (kind === 'directory' && depth < 4) walk(path, depth + 1);
      else if (kind === 'file' && name.toLowerCase().endsWith('.efi')) loaders.push(path);
    }
  };
  walk(`${base}/${efi}`, 0);
  return loaders.sort();
}

/** The firmware facts: what was declared, and what the disks show. */
export function readFirmware(
  inventory: Pick<Inventory, 'block' | 'bootCode'>,
  tree: GuestTree,
  mountpoints: readonly Mountpoint[],
  declared: Firmware | undefined,
): Inspection['firmware'] {
  const esps = inventory.block.filter(isEsp);
  const esp = esps.find((device) => mountpoints.some((mount) => mount.device === device.device)) ?? esps[0];
  const efiLoaders = findEfiLoaders(tree, mountpoints, esp);
  const hasUefi = efiLoaders.length > 0;
  const biosDisk = firstBiosDisk(inventory);
  const hasBios = biosDisk !== undefined;
  // An ESP that nothing was found on counts only where nothing else could boot.
  const observed = hasUefi ? (hasBios ? 'both' : 'uefi') : hasBios ? 'bios' : esp === undefined ? 'none' : 'uefi';
  return {
    ...(declared === undefined ? {} : { declared }),
    observed,
    ...(esp === undefined ? {} : { espDevice: esp.device }),
    ...(biosDisk === undefined ? {} : { biosDisk }),
    fallbackLoader: efiLoaders.some(
      (path) => FALLBACK.test(path.slice(path.lastIndexOf('/') + 1)) && /\/efi\/boot\/[^/]+$/i.test(path),
    ),
    efiLoaders,
  };
}

/**
 * The first disk with boot code in its first sector, which is what a BIOS starts. On a disk with a GPT it is there only when a loader was put there: GRUB into
 * a BIOS boot partition; the protective entry alone has none.
 */
function firstBiosDisk({ block, bootCode }: Pick<Inventory, 'block' | 'bootCode'>): number | undefined {
  const bootable = [...bootCode].filter(([diskIndex, code]) => {
    if (!code.present) return false;
    const partitions = block.filter((device) => device.diskIndex === diskIndex && device.kind === 'partition');
    const isGpt = partitions.some((device) => (device.partType ?? '').length === 36);
    return !isGpt || code.isGrub || partitions.some((device) => device.partType === BIOS_BOOT);
  });
  return bootable.map(([diskIndex]) => diskIndex).sort((a, b) => a - b)[0];
}
