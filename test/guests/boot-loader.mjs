/**
 * GRUB without a running guest: the guest's own grub-mkconfig writes grub.cfg, its questions about devices answered
 * from the layout, because the disk does not exist yet; boot code is embedded the way grub-bios-setup does.
 */
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { sectorBytes, volumeOf } from './layout.mjs';

/** @typedef {import('./index.d.mts').Recipe} Recipe */
/** @typedef {import('./layout.mjs').Layout} Layout */
/** @typedef {import('./layout.mjs').PlacedVolume} PlacedVolume */

const grubFs = { ext4: 'ext2', xfs: 'xfs', btrfs: 'btrfs', vfat: 'fat', swap: '' };

/**
 * @param {Recipe} recipe
 * @param {PlacedVolume} placed
 * @returns {Record<string, string>} answer by grub-probe target
 */
function probeAnswers(recipe, { volume, device, partition, logical }) {
  const table = recipe.disks[partition?.disk ?? 0]?.table === 'gpt' ? 'gpt' : 'msdos';
  const drive = partition ? `hd${partition.disk},${table}${partition.number}` : `lvm/${logical?.vg}-${logical?.lv}`;
  const hint = partition
    ? `--hint-bios=${drive} --hint-efi=${drive} --hint-baremetal=ahci${partition.disk},${table}${partition.number} `
    : `--hint='${drive}' `;
  return {
    device,
    drive: `(${drive})`,
    compatibility_hint: drive,
    hints_string: hint,
    fs: grubFs[volume.fs],
    fs_uuid: volume.uuid,
    partmap: table,
    abstraction: partition ? '' : 'lvm',
  };
}

/**
 * Stand-ins for grub-probe and grub-mkrelpath, which would look for the build machine's devices.
 * @param {Recipe} recipe
 * @param {Layout} layout
 * @returns {Record<'grub-probe' | 'grub-mkrelpath', string>} shell scripts
 */
export function grubStandIns(recipe, layout) {
  const root = volumeOf(layout, '/');
  const boot = volumeOf(layout, '/boot');
  const seen = boot === root ? [root] : [boot, root];
  const where = seen.map((placed, index) => `  ${placed.device}) v=${index} ;;`);
  if (boot !== root) where.unshift('  /boot|/boot/*) v=0 ;;');
  const answers = seen.flatMap((placed, index) =>
    Object.entries(probeAnswers(recipe, placed)).map(
      ([target, answer]) => `  ${index}:${target}) printf '%s\\n' ${shellQuote(answer)} ;;`,
    ),
  );
  const subvolume = root.volume.subvolumes?.['/'];
  return {
    'grub-probe': [
      '#!/bin/sh',
      'while [ $# -gt 0 ]; do',
      '  case $1 in',
      '    --target=*) target=${1#*=} ;;',
      '    -t|--target) target=$2; shift ;;',
      '    -*) ;;',
      '    *) what=$1 ;;',
      '  esac',
      '  shift',
      'done',
      `v=${seen.length - 1}`,
      'case $what in',
      ...where,
      'esac',
      'case $v:$target in',
      ...answers,
      '  *) exit 1 ;;',
      'esac',
      '',
    ].join('\n'),
    'grub-mkrelpath': [
      '#!/bin/sh',
      'for p; do :; done',
      'p=$(readlink -f "$p")',
      ...(boot === root ? [] : ['case $p in /boot|/boot/*) printf "%s\\n" "${p#/boot}"; exit ;; esac']),
      `printf '%s\\n' "${subvolume === undefined ? '' : `/${subvolume}`}\${p%/}"`,
      '',
    ].join('\n'),
  };
}

/**
 * Commands for the guest's chroot that leave /boot/grub (and the ESP) as grub-install and update-grub do.
 * @param {Recipe} recipe
 * @param {Layout} layout
 * @param {string} standIns directory of the stand-ins, seen from inside
 * @returns {string} shell script
 */
export function grubCommands(recipe, layout, standIns) {
  const root = volumeOf(layout, '/');
  const boot = volumeOf(layout, '/boot');
  const answers = probeAnswers(recipe, boot);
  const prefix = relativeGrubDir(layout);
  const lines = [
    'mkdir -p /boot/grub/fonts',
    'cp /usr/share/grub/unicode.pf2 /boot/grub/fonts/',
    'grub-editenv /boot/grub/grubenv create',
  ];
  if (recipe.firmware === 'bios') {
    const modules = ['biosdisk', `part_${answers.partmap}`, answers.fs, 'search_fs_uuid'];
    lines.push(
      'mkdir -p /boot/grub/i386-pc',
      'cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /usr/lib/grub/i386-pc/boot.img /boot/grub/i386-pc/',
      `grub-mkimage -O i386-pc -p '(,${answers.partmap}${boot.partition?.number})${prefix}' -o /boot/grub/i386-pc/core.img ${modules.join(' ')}`,
    );
  } else {
    // What Debian's grub-install lays down with Secure Boot. There is no EFI/BOOT fallback: the firmware's boot
    // entry led here, and that entry stayed behind in the old machine's NVRAM.
    lines.push(
      'mkdir -p /boot/efi/EFI/debian /boot/grub/x86_64-efi',
      'cp /usr/lib/grub/x86_64-efi/*.mod /usr/lib/grub/x86_64-efi/*.lst /boot/grub/x86_64-efi/',
      'cp /usr/lib/shim/shimx64.efi.signed /boot/efi/EFI/debian/shimx64.efi',
      'cp /usr/lib/shim/mmx64.efi.signed /boot/efi/EFI/debian/mmx64.efi',
      'cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed /boot/efi/EFI/debian/grubx64.efi',
      `printf "search.fs_uuid %s root\\nset prefix=(\\$root)'%s'\\nconfigfile \\$prefix/grub.cfg\\n" ${boot.volume.uuid} ${prefix} > /boot/efi/EFI/debian/grub.cfg`,
    );
  }
  // 10_linux looks below /dev: for the UUID that it is to name, and for a logical volume, which it names by its node.
  lines.push(
    `mkdir -p /dev/disk/by-uuid /dev/mapper && touch /dev/disk/by-uuid/${root.volume.uuid}`,
    ...(root.logical ? [`touch ${root.device}`] : []),
    `for f in grub-probe grub-mkrelpath; do real=$(command -v $f); mv $real $real.real; cp ${standIns}/$f $real; chmod 755 $real; done`,
    'grub-mkconfig -o /boot/grub/grub.cfg',
    'for f in grub-probe grub-mkrelpath; do real=$(command -v $f); mv $real.real $real; done',
    'grep -q "^[[:space:]]*linux" /boot/grub/grub.cfg',
  );
  return lines.join('\n');
}

/**
 * /boot/grub as GRUB sees it on the volume that holds /boot.
 * @param {Layout} layout
 */
function relativeGrubDir(layout) {
  const boot = volumeOf(layout, '/boot');
  const subvolume = boot.volume.subvolumes?.['/'];
  if (boot.volume.mount !== '/') return '/grub';
  return `${subvolume === undefined ? '' : `/${subvolume}`}/boot/grub`;
}

const bootCodeBytes = 440;
const maxCoreSectors = 2047;

/** In boot.img: the sector of core.img. In core.img's first sector: that of its continuation. */
const coreSectorAt = 0x5c;
const restSectorAt = 0x1f4;

/**
 * Writes boot.img into the MBR, and core.img into the gap before the first partition or into the BIOS boot partition.
 * @param {string} disk raw image
 * @param {string} loaderDir holds boot.img and core.img
 * @param {number} coreSector where core.img goes
 */
export async function embedBiosLoader(disk, loaderDir, coreSector) {
  const bootCode = await readFile(path.join(loaderDir, 'boot.img'));
  const core = await readFile(path.join(loaderDir, 'core.img'));
  if (core.length > maxCoreSectors * sectorBytes) throw new Error(`core.img of ${core.length} bytes does not fit`);
  bootCode.writeBigUInt64LE(BigInt(coreSector), coreSectorAt);
  core.writeBigUInt64LE(BigInt(coreSector + 1), restSectorAt);
  const file = await open(disk, 'r+');
  try {
    await file.write(bootCode, 0, bootCodeBytes, 0);
    await file.write(core, 0, core.length, coreSector * sectorBytes);
  } finally {
    await file.close();
  }
}

/** @param {string} text */
function shellQuote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
