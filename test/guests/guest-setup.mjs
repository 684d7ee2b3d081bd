/** The commands that turn a bootstrapped tree into the recipe's guest, run in its chroot at the host's full speed. */
import { grubCommands } from './boot-loader.mjs';

/** @typedef {import('./index.d.mts').Recipe} Recipe */
/** @typedef {import('./layout.mjs').Layout} Layout */

/** Where the chroot finds what the factory brought; removed before the tree becomes a disk. */
export const setupDir = '/.drover-setup';

/** Of the password "drover": these guests never leave a test machine. */
const rootPasswordHash =
  '$6$drovertest$CzTC2.2zzyFWWeFNj.mrISVaVvMooM1Ud2bmK/rft/ytOzktQAxaplNbU0S1pHYbsNELFd88vPSG/aHFmdE6Z0';

/**
 * @param {Recipe} recipe
 * @param {Layout} layout
 * @returns {string} shell script
 */
export function setupScript(recipe, layout) {
  return [
    'set -eu',
    'export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive',
    // The newest first: it is the one that boots.
    'kernels=$(ls /lib/modules | sort -rV)',
    `echo "\${kernels%%[[:space:]]*}" > ${setupDir}/kernel`,
    `usermod -p '${rootPasswordHash}' root`,
    ...networkCommands(recipe),
    'for kernel in $kernels; do',
    ...initramfsCommands(recipe),
    'done',
    grubCommands(recipe, layout, setupDir),
    'rm -rf /var/cache/apt/* /var/lib/apt/lists/* /var/log/apt /tmp/*',
    'rm -f /var/log/dpkg.log /var/log/bootstrap.log',
    '',
  ].join('\n');
}

/** @param {Recipe} recipe */
function networkCommands(recipe) {
  switch (recipe.network.backend) {
    case 'NetworkManager':
      return ['chmod 600 /etc/NetworkManager/system-connections/*'];
    case 'netplan':
    case 'networkd':
      return ['systemctl enable systemd-networkd.service'];
    default:
      return [];
  }
}

/**
 * Builds the image that a hostonly build inside VMware would have left, and proves that no virtio driver is in it.
 * The guest's configuration keeps saying what such a guest's says, not how this one image was made.
 * @param {Recipe} recipe
 */
function initramfsCommands(recipe) {
  const drivers = recipe.initramfs.drivers;
  const image = '/boot/initrd.img-$kernel';
  if (recipe.initramfs.tool === 'dracut') {
    const modules = recipe.volumeGroups ? ' --add lvm' : '';
    return [
      // Left to itself, a generic image brings KVM's drivers along.
      `dracut --quiet --force --no-hostonly --no-hostonly-cmdline${modules} --omit 'qemu qemu-net virtiofs' --omit-drivers 'virtio virtio.* .*_virtio' --drivers '${drivers.join(' ')}' ${image} "$kernel"`,
      `lsinitrd ${image} > ${setupDir}/initramfs.txt`,
      ...proveNoVirtio,
    ];
  }
  return [
    `rm -rf ${setupDir}/initramfs-tools`,
    `cp -r /etc/initramfs-tools ${setupDir}/`,
    `sed -i 's/^MODULES=.*/MODULES=list/' ${setupDir}/initramfs-tools/initramfs.conf`,
    `printf '%s\\n' ${drivers.join(' ')} >> ${setupDir}/initramfs-tools/modules`,
    `mkinitramfs -d ${setupDir}/initramfs-tools -o ${image} "$kernel"`,
    "sed -i 's/^MODULES=.*/MODULES=dep/' /etc/initramfs-tools/initramfs.conf",
    `lsinitramfs ${image} > ${setupDir}/initramfs.txt`,
    ...proveNoVirtio,
  ];
}

const proveNoVirtio = [
  `grep -q 'vmw_pvscsi\\.ko' ${setupDir}/initramfs.txt`,
  `if grep 'virtio[a-z0-9_]*\\.ko' ${setupDir}/initramfs.txt; then echo "the initramfs holds virtio drivers" >&2; exit 1; fi`,
];
