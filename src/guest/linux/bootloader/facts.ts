import type { GuestTree } from '../../common/ports.js';
import type { BootloaderKind, Inspection } from '../../../model/inspection.js';
import { blsFiles } from './bls.js';
import {
  efiVendorDirs,
  extlinuxFiles,
  grubConfigFiles,
  grubenvFiles,
  legacyFiles,
  readBootEntries,
  uniqueFiles,
} from './entries.js';

/** Files below /etc from which the arguments of the next generated entry come. */
export function argumentSources(tree: GuestTree): string[] {
  const dropIns = (dir: string, suffix: string): string[] =>
    tree
      .list(dir)
      .filter((name) => name.endsWith(suffix))
      .map((name) => `${dir}/${name}`);
  return uniqueFiles(tree, [
    '/etc/default/grub',
    ...dropIns('/etc/default/grub.d', '.cfg'),
    '/etc/kernel/cmdline',
    '/etc/cmdline',
    ...dropIns('/etc/cmdline.d', '.conf'),
    '/etc/dracut.conf',
    ...dropIns('/etc/dracut.conf.d', '.conf'),
    '/etc/sysconfig/bootloader',
    '/etc/sysconfig/grub',
  ]);
}

/** Which boot loaders are there, their files, and what is booted by default. */
export function readBootloaderFacts(tree: GuestTree): Inspection['bootloader'] {
  const grub = grubConfigFiles(tree);
  const legacy = uniqueFiles(tree, legacyFiles);
  const extlinux = uniqueFiles(tree, extlinuxFiles);
  const bls = blsFiles(tree);
  const kinds: BootloaderKind[] = [];
  if (grub.length > 0) kinds.push('grub2');
  if (legacy.length > 0 && grub.length === 0) kinds.push('grub-legacy');
  if (bls.length > 0) kinds.push('bls');
  if (hasSystemdBoot(tree)) kinds.push('systemd-boot');
  if (hasUnifiedImages(tree)) kinds.push('uki');
  if (extlinux.length > 0) kinds.push('extlinux');
  const chosen = readBootEntries(tree).find((entry) => entry.isDefault);
  return {
    kinds: kinds.length === 0 ? ['none'] : kinds,
    configs: [...argumentSources(tree), ...bls, ...grubenvFiles(tree), ...grub, ...legacy, ...extlinux],
    ...(chosen === undefined ? {} : { defaultKernel: chosen.version, cmdline: chosen.cmdline }),
  };
}

function hasSystemdBoot(tree: GuestTree): boolean {
  return efiVendorDirs(tree).some((dir) => dir.toLowerCase().endsWith('/systemd')) && loaderConf(tree);
}

function loaderConf(tree: GuestTree): boolean {
  return ['/boot', '/boot/efi', '/efi'].some((dir) => tree.stat(`${dir}/loader/loader.conf`) !== undefined);
}

function hasUnifiedImages(tree: GuestTree): boolean {
  return ['/boot/efi/EFI/Linux', '/efi/EFI/Linux', '/boot/EFI/Linux'].some((dir) =>
    tree.list(dir).some((name) => name.toLowerCase().endsWith('.efi')),
  );
}
