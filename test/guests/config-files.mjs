/** The guest's own configuration, written the way the distribution's installer and VMware's customisation leave it. */
import { createHash } from 'node:crypto';
import { mountPoints, partitionNode } from './layout.mjs';

/** @typedef {import('./index.d.mts').Recipe} Recipe */
/** @typedef {import('./layout.mjs').Layout} Layout */
/** @typedef {import('./layout.mjs').PlacedVolume} PlacedVolume */

/**
 * @param {Recipe} recipe
 * @param {Layout} layout
 * @returns {Record<string, string>} content by absolute path
 */
export function configFiles(recipe, layout) {
  return {
    '/etc/hostname': `${recipe.hostname}\n`,
    '/etc/hosts': `127.0.0.1\tlocalhost\n127.0.1.1\t${recipe.hostname}\n\n::1\tlocalhost ip6-localhost ip6-loopback\n`,
    // A machine that has run has an id; an empty file would make the next boot a "first boot".
    '/etc/machine-id': `${createHash('sha256').update(recipe.name).digest('hex').slice(0, 32)}\n`,
    '/etc/fstab': fstab(recipe, layout),
    '/etc/default/grub': defaultGrub(recipe),
    ...resume(recipe, layout),
    ...pin(recipe),
    ...network(recipe),
  };
}

/**
 * @param {Recipe} recipe
 * @param {PlacedVolume} placed
 * @returns {string}
 */
function fstabSpec(recipe, { volume, device, partition }) {
  if (!partition) return device;
  // The ESP is by UUID even where everything else is not: the installer writes it so.
  if (recipe.fstab === 'uuid' || partition.esp) return `UUID=${volume.uuid}`;
  if (recipe.fstab === 'device') return device;
  // VMware's first pvscsi controller sits at 0000:03:00.0; the disks are its targets.
  return `/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:${partition.disk}:0-part${partition.number}`;
}

/**
 * @param {Recipe} recipe
 * @param {Layout} layout
 */
function fstab(recipe, layout) {
  const lines = [
    '# /etc/fstab: static file system information.',
    '#',
    '# <file system> <mount point>   <type>  <options>       <dump>  <pass>',
  ];
  for (const { placed, mount, subvolume } of mountPoints(layout)) {
    const { fs } = placed.volume;
    const options =
      subvolume !== undefined
        ? `defaults,subvol=${subvolume}`
        : fs === 'vfat'
          ? 'umask=0077'
          : mount === '/' && fs === 'ext4'
            ? 'errors=remount-ro'
            : 'defaults';
    const pass = fs === 'btrfs' || fs === 'xfs' ? '0' : mount === '/' ? '1' : '2';
    if (placed.partition) lines.push(`# ${mount} was on ${partitionNode(placed.partition)} during installation`);
    lines.push([fstabSpec(recipe, placed), mount, fs, options, '0', pass].join('\t'));
  }
  for (const placed of swaps(layout)) {
    if (placed.partition) lines.push(`# swap was on ${partitionNode(placed.partition)} during installation`);
    lines.push([fstabSpec(recipe, placed), 'none', 'swap', 'sw', '0', '0'].join('\t'));
  }
  lines.push(['/dev/sr0', '/media/cdrom0', 'udf,iso9660', 'user,noauto', '0', '0'].join('\t'));
  return `${lines.join('\n')}\n`;
}

/** @param {Layout} layout */
function swaps(layout) {
  return layout.volumes.filter((placed) => placed.volume.fs === 'swap');
}

/**
 * @param {Recipe} recipe
 * @param {Layout} layout
 * @returns {Record<string, string>}
 */
function resume(recipe, layout) {
  const swap = swaps(layout)[0];
  if (!swap || recipe.initramfs.tool !== 'initramfs-tools') return {};
  const value = swap.partition && recipe.fstab !== 'device' ? `UUID=${swap.volume.uuid}` : swap.device;
  return { '/etc/initramfs-tools/conf.d/resume': `RESUME=${value}\n` };
}

/** @param {Recipe} recipe */
function defaultGrub(recipe) {
  const consoles = recipe.serialConsole ? ['console=tty0 console=ttyS0,115200n8'] : [];
  const args = [...consoles, ...(recipe.kernelArguments === undefined ? [] : [recipe.kernelArguments])];
  return [
    "# If you change this file, run 'update-grub' afterwards to update",
    '# /boot/grub/grub.cfg.',
    '',
    'GRUB_DEFAULT=0',
    'GRUB_TIMEOUT=1',
    'GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`',
    `GRUB_CMDLINE_LINUX_DEFAULT="quiet"`,
    `GRUB_CMDLINE_LINUX="${args.join(' ')}"`,
    ...(recipe.rootToken === 'device' ? ['GRUB_DISABLE_LINUX_UUID=true'] : []),
    '',
  ].join('\n');
}

/**
 * @param {Recipe} recipe
 * @returns {Record<string, string>}
 */
function pin(recipe) {
  const { mac, ifname, pin: kind } = recipe.network;
  if (kind === 'none') return {};
  if (kind === 'link') {
    return {
      '/etc/systemd/network/10-persistent-net.link': `[Match]\nMACAddress=${mac}\n\n[Link]\nName=${ifname}\n`,
    };
  }
  return {
    '/etc/udev/rules.d/70-persistent-net.rules':
      '# PCI device 0x15ad:0x07b0 (vmxnet3)\n' +
      `SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="${mac}", ATTR{dev_id}=="0x0", ATTR{type}=="1", NAME="${ifname}"\n`,
  };
}

/**
 * @param {Recipe} recipe
 * @returns {Record<string, string>}
 */
function network(recipe) {
  const { backend, ifname, mac, address, bind, second } = recipe.network;
  const gateway = address?.replace(/\.\d+\/\d+$/, '.1');
  switch (backend) {
    case 'ifupdown':
      return {
        '/etc/network/interfaces': [
          '# This file describes the network interfaces available on your system',
          '# and how to activate them. For more information, see interfaces(5).',
          '',
          'source /etc/network/interfaces.d/*',
          '',
          '# The loopback network interface',
          'auto lo',
          'iface lo inet loopback',
          '',
          '# The primary network interface',
          `allow-hotplug ${ifname}`,
          ...(address === undefined
            ? [`iface ${ifname} inet dhcp`]
            : [`iface ${ifname} inet static`, `\taddress ${address}`, `\tgateway ${gateway}`]),
          ...(second === undefined
            ? []
            : [
                '',
                `allow-hotplug ${second.ifname}`,
                `iface ${second.ifname} inet static`,
                `\taddress ${second.address}`,
              ]),
          '',
        ].join('\n'),
      };
    case 'NetworkManager':
      return {
        '/etc/NetworkManager/system-connections/Wired connection 1.nmconnection': [
          '[connection]',
          'id=Wired connection 1',
          'uuid=0d1f6bb4-6d1b-3c3f-8c0d-2b0f9a7f3a11',
          'type=ethernet',
          'autoconnect-priority=-999',
          ...(bind === 'mac' ? [] : [`interface-name=${ifname}`]),
          '',
          '[ethernet]',
          ...(bind === 'mac' ? [`mac-address=${mac.toUpperCase()}`] : []),
          '',
          '[ipv4]',
          ...(address === undefined ? ['method=auto'] : [`address1=${address},${gateway}`, 'method=manual']),
          '',
          '[ipv6]',
          'addr-gen-mode=default',
          'method=auto',
          '',
        ].join('\n'),
      };
    case 'netplan':
      return {
        '/etc/netplan/00-installer-config.yaml': [
          "# This is the network config written by 'subiquity'",
          'network:',
          '  ethernets:',
          `    ${ifname}:`,
          ...(address === undefined
            ? ['      match:', `        macaddress: "${mac}"`, `      set-name: ${ifname}`, '      dhcp4: true']
            : [`      addresses: [${address}]`, '      routes:', `        - { to: default, via: ${gateway} }`]),
          '  version: 2',
          '',
        ].join('\n'),
      };
    case 'networkd':
      return {
        '/etc/systemd/network/20-wired.network':
          `[Match]\nName=${ifname}\n\n[Network]\n` +
          (address === undefined ? 'DHCP=yes\n' : `Address=${address}\nGateway=${gateway}\n`),
      };
    default:
      throw new Error(`no files for the network backend ${String(backend)}`);
  }
}
