/** Turns a tree into the raw disks of a recipe, without loop devices, device mapper or any write outside the cache. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { embedBiosLoader, grubStandIns } from './boot-loader.mjs';
import { configFiles } from './config-files.mjs';
import { setupDir, setupScript } from './guest-setup.mjs';
import { mountPoints, partitionNode, placeLayout, sectorBytes } from './layout.mjs';
import { run } from './run.mjs';

/** @typedef {import('./index.d.mts').Recipe} Recipe */
/** @typedef {import('./layout.mjs').Layout} Layout */
/** @typedef {import('./layout.mjs').PlacedPartition} PlacedPartition */

/**
 * Builds `disk0.raw ...` and `kernel` in a directory.
 * @param {Recipe} recipe
 * @param {string} tree tar of the bootstrapped system
 * @param {string} dir existing, empty
 * @param {(text: string) => void} say
 */
export async function buildDisks(recipe, tree, dir, say) {
  const layout = placeLayout(recipe);
  const work = path.join(dir, 'work');
  await mkdir(path.join(work, 'setup'), { recursive: true });
  for (const [file, content] of Object.entries(configFiles(recipe, layout))) {
    const target = path.join(work, 'files', file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, content);
  }
  for (const [name, script] of Object.entries(grubStandIns(recipe, layout))) {
    await writeFile(path.join(work, 'setup', name), script);
  }
  await writeFile(path.join(work, 'setup', 'setup.sh'), setupScript(recipe, layout));
  await partitionDisks(recipe, layout, dir);

  const inAppliance = layout.volumes.some(
    ({ volume, logical }) => logical || volume.fs === 'xfs' || volume.fs === 'btrfs',
  );
  say(`configuring ${recipe.name} and making its initramfs`);
  await runAsGuestRoot(treeScript(layout, inAppliance), [work, tree, dir]);
  await placeImages(layout, work, dir);
  if (inAppliance) {
    say(`filling the disks of ${recipe.name} in an appliance`);
    await run('guestfish', [], { input: applianceScript(recipe, layout, work, dir) });
  }
  if (recipe.firmware === 'bios') {
    const home = layout.partitions.find((part) => part.disk === 0 && part.biosBoot);
    await embedBiosLoader(diskPath(dir, 0), work, home?.startSector ?? 1);
  }
  await writeFile(path.join(dir, 'kernel'), await readFile(path.join(work, 'kernel')));
  await rm(work, { recursive: true, force: true });
}

/**
 * @param {string} dir
 * @param {number} disk
 */
export function diskPath(dir, disk) {
  return path.join(dir, `disk${disk}.raw`);
}

const biosBootType = '21686148-6449-6E6F-744E-656564454649';

/**
 * @param {Recipe} recipe
 * @param {Layout} layout
 * @param {string} dir
 */
async function partitionDisks(recipe, layout, dir) {
  for (const [disk, { sizeMiB, table }] of recipe.disks.entries()) {
    const file = diskPath(dir, disk);
    await writeFile(file, '');
    await truncate(file, sizeMiB * 1024 * 1024);
    const parts = layout.partitions.filter((part) => part.disk === disk);
    const lines = parts.map((part) => {
      const type = part.biosBoot
        ? biosBootType
        : part.esp
          ? 'U'
          : part.vg !== undefined
            ? 'V'
            : part.volume?.fs === 'swap'
              ? 'S'
              : 'L';
      const active = table === 'mbr' && disk === 0 && part.number === 1 ? ', bootable' : '';
      return `start=${part.startSector}, size=${part.sectors}, type=${type}${active}`;
    });
    const input = [`label: ${table === 'mbr' ? 'dos' : 'gpt'}`, ...lines, ''].join('\n');
    await run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', file], { input });
  }
}

/**
 * Runs a shell script as the owner of guest files: as root, or as the root of a user namespace that maps to the
 * caller's subordinate ids, the way mmdebstrap itself works for an ordinary user.
 * @param {string} script
 * @param {readonly string[]} args $1 and on
 */
function runAsGuestRoot(script, args) {
  const shell = ['sh', '-eu', '-c', script, 'sh', ...args];
  return process.getuid?.() === 0 ? run('env', shell) : run('mmdebstrap', ['--unshare-helper', ...shell]);
}

/** Device nodes and /proc for the chroot, in a mount namespace of its own, so that nothing outlives it. */
const enterChroot = `
  mount -t tmpfs -o mode=755 tmpfs "$1/dev"
  for node in null zero full random urandom; do
    touch "$1/dev/$node"
    mount --bind "/dev/$node" "$1/dev/$node"
  done
  ln -s /proc/self/fd "$1/dev/fd"
  mount --rbind /proc "$1/proc"
  exec chroot "$1" sh -eu ${setupDir}/setup.sh
`;

/**
 * The script that unpacks, configures and packs again. $1 is the work directory, $2 the tree, $3 where the disks are.
 * @param {Layout} layout
 * @param {boolean} inAppliance
 * @returns {string}
 */
function treeScript(layout, inAppliance) {
  return [
    'work=$1 tree=$2 disks=$3 root=$1/root',
    `trap 'rm -rf --one-file-system "$root" "$work"/mount-*' EXIT`,
    'umask 022',
    'mkdir "$root"',
    // Device nodes cannot be made in a user namespace, and a booting kernel mounts its own /dev.
    `zstd -dcq "$tree" | tar -xp --xattrs '--xattrs-include=*' --numeric-owner --exclude='./dev/*' -C "$root"`,
    'cp -r --no-preserve=ownership "$work/files/." "$root/"',
    `cp -r --no-preserve=ownership "$work/setup" "$root${setupDir}"`,
    `unshare --mount sh -eu -c '${enterChroot}' sh "$root" >&2`,
    `cp "$root${setupDir}/kernel" "$work/"`,
    'if [ -d "$root/boot/grub/i386-pc" ]; then cp "$root"/boot/grub/i386-pc/*.img "$work/"; fi',
    `rm -rf "$root${setupDir}"`,
    ...(inAppliance ? packForAppliance(layout) : fillFileSystems(layout)),
    // An ordinary user owns nothing that the namespace's root made in the caller's directories.
    'chmod -R a+rwX "$work"',
  ].join('\n');
}

/** @param {Layout} layout */
function espLines(layout) {
  return layout.volumes
    .filter(({ volume }) => volume.fs === 'vfat')
    .flatMap(({ volume, partition }) => {
      if (!partition || volume.mount === undefined)
        throw new Error('a vfat volume needs a partition and a mount point');
      const image = `"$work/part-${partition.disk}-${partition.number}.img"`;
      return [
        `mkfs.vfat -i ${volume.uuid.replace('-', '')} -C ${image} ${partition.sectors / 2} >/dev/null`,
        `mcopy -s -i ${image} "$root${volume.mount}"/* ::/`,
        `rm -rf "$root${volume.mount}"/*`,
      ];
    });
}

/** @param {Layout} layout */
function packForAppliance(layout) {
  return [...espLines(layout), `tar -c --xattrs '--xattrs-include=*' --numeric-owner -C "$root" -f "$work/root.tar" .`];
}

/**
 * ext4 and swap on plain partitions need no appliance: mke2fs fills a file system from a directory.
 * @param {Layout} layout
 */
function fillFileSystems(layout) {
  const lines = espLines(layout);
  for (const { placed, mount } of mountPoints(layout).reverse()) {
    const { volume, partition } = placed;
    if (volume.fs === 'vfat' || !partition) continue;
    let source = '$root';
    if (mount !== '/') {
      source = `$work/mount-${partition.disk}-${partition.number}`;
      lines.push(`mv "$root${mount}" "${source}"`, `mkdir "$root${mount}"`);
    }
    const options = `offset=${partition.startSector * sectorBytes}`;
    lines.push(
      `mke2fs -q -t ext4 -F -U ${volume.uuid} -E ${options} -d "${source}" "$disks/disk${partition.disk}.raw" ${partition.sectors / 2}k`,
    );
  }
  for (const { volume, partition } of layout.volumes) {
    if (volume.fs !== 'swap' || !partition) continue;
    const image = `"$work/part-${partition.disk}-${partition.number}.img"`;
    lines.push(`truncate -s ${partition.sectors * sectorBytes} ${image}`, `mkswap -q -U ${volume.uuid} ${image}`);
  }
  return lines;
}

/**
 * Copies the partition images that tools made as files (ESP, swap) to their place on the disk.
 * @param {Layout} layout
 * @param {string} work
 * @param {string} dir
 */
async function placeImages(layout, work, dir) {
  for (const part of layout.partitions) {
    const image = path.join(work, `part-${part.disk}-${part.number}.img`);
    if (!existsSync(image)) continue;
    const seek = `seek=${part.startSector * sectorBytes}`;
    await run('dd', [
      'status=none',
      'bs=1M',
      'conv=notrunc,sparse',
      'oflag=seek_bytes',
      seek,
      `if=${image}`,
      `of=${diskPath(dir, part.disk)}`,
    ]);
  }
}

/**
 * @param {Recipe} recipe
 * @param {Layout} layout
 * @param {string} work
 * @param {string} dir
 * @returns {string} guestfish commands
 */
function applianceScript(recipe, layout, work, dir) {
  const lines = recipe.disks.map((_, disk) => `add "${diskPath(dir, disk)}" format:raw cachemode:unsafe`);
  lines.push('run');
  for (const [vg, volumes] of Object.entries(recipe.volumeGroups ?? {})) {
    const members = layout.partitions.filter((part) => part.vg === vg).map(partitionNode);
    lines.push(...members.map((node) => `pvcreate ${node}`), `vgcreate ${vg} "${members.join(' ')}"`);
    for (const { lv, sizeMiB } of volumes) {
      lines.push(sizeMiB === 0 ? `lvcreate-free ${lv} ${vg} 100` : `lvcreate ${lv} ${vg} ${sizeMiB}`);
    }
  }
  for (const placed of layout.volumes) lines.push(...makeFileSystem(placed));
  for (const { placed, mount, subvolume } of mountPoints(layout)) {
    if (placed.volume.fs === 'vfat') continue;
    if (mount !== '/') lines.push(`mkdir-p ${mount}`);
    lines.push(`mount-options "${subvolume === undefined ? '' : `subvol=${subvolume}`}" ${node(placed)} ${mount}`);
  }
  lines.push(`tar-in "${path.join(work, 'root.tar')}" / xattrs:true`, 'umount-all', '');
  return lines.join('\n');
}

/** @param {import('./layout.mjs').PlacedVolume} placed */
function makeFileSystem(placed) {
  const { volume } = placed;
  switch (volume.fs) {
    case 'ext4':
      return [`mke2fs ${node(placed)} fstype:ext4 uuid:${volume.uuid}`];
    case 'swap':
      return [`mkswap ${node(placed)} uuid:${volume.uuid}`];
    case 'xfs':
      return [`mkfs xfs ${node(placed)}`, `set-uuid ${node(placed)} ${volume.uuid}`];
    case 'btrfs':
      return [
        `mkfs btrfs ${node(placed)}`,
        `set-uuid ${node(placed)} ${volume.uuid}`,
        ...(volume.subvolumes ? [`mount ${node(placed)} /`] : []),
        ...Object.values(volume.subvolumes ?? {}).map((name) => `btrfs-subvolume-create /${name}`),
        ...(volume.subvolumes ? ['umount /'] : []),
      ];
    case 'vfat':
      // Made on the host, where its id can be chosen.
      return [];
  }
}

/**
 * The appliance's name of a volume: logical volumes by path, partitions as in VMware.
 * @param {import('./layout.mjs').PlacedVolume} placed
 */
function node({ logical, device }) {
  return logical ? `/dev/${logical.vg}/${logical.lv}` : device;
}
