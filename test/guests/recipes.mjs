/** The guests that tests and the demo use. A new kind of guest is a new entry here. */

/** @typedef {import('./index.d.mts').Recipe} Recipe */

/** Storage and network of the machine that VMware shows, and nothing of KVM's. */
const vmwareDrivers = ['vmw_pvscsi', 'mptspi', 'mptsas', 'ata_piix', 'ahci', 'sd_mod', 'sr_mod', 'vmxnet3', 'e1000'];

/** @type {Recipe} */
const demo = {
  name: 'demo',
  about: 'fstab by-path, ens192 pinned by udev to a VMware MAC, no virtio in the initramfs, no serial console',
  suite: 'bookworm',
  packages: ['grub-pc', 'ifupdown', 'initramfs-tools', 'isc-dhcp-client', 'open-vm-tools'],
  hostname: 'web01',
  firmware: 'bios',
  disks: [
    {
      sizeMiB: 2048,
      table: 'mbr',
      partitions: [
        { fs: 'ext4', uuid: '6a3b7c50-9d1e-4f0a-8b57-1c2d3e4f5a6b', mount: '/', sizeMiB: 1920 },
        { fs: 'swap', uuid: '0f5e2f3c-7b0c-4ee1-9c64-4a1f0b7d2c11', sizeMiB: 0 },
      ],
    },
  ],
  initramfs: { tool: 'initramfs-tools', drivers: [...vmwareDrivers, 'ext4'] },
  network: { backend: 'ifupdown', ifname: 'ens192', mac: '00:50:56:3a:5b:7c', pin: 'udev' },
  fstab: 'by-path',
  rootToken: 'uuid',
  serialConsole: false,
};

/** @type {Recipe} */
const dracutLvmUefi = {
  name: 'dracut-lvm-uefi',
  about:
    'UEFI without EFI/BOOT fallback, separate /boot, LVM root, dracut image without virtio, NetworkManager by name',
  suite: 'trixie',
  packages: [
    'dracut',
    'grub-efi-amd64',
    'grub-efi-amd64-signed',
    'lvm2',
    'network-manager',
    'open-vm-tools',
    'shim-signed',
  ],
  hostname: 'app01',
  firmware: 'uefi',
  disks: [
    {
      sizeMiB: 3072,
      table: 'gpt',
      partitions: [
        { fs: 'vfat', uuid: '7C1E-05AF', mount: '/boot/efi', sizeMiB: 64, esp: true },
        { fs: 'ext4', uuid: 'b7a0cc1d-51f7-4c58-a3a5-0f0e9d6b1a02', mount: '/boot', sizeMiB: 320 },
        { vg: 'vg0', sizeMiB: 0 },
      ],
    },
  ],
  volumeGroups: {
    vg0: [
      { lv: 'root', fs: 'ext4', uuid: 'e1c5d1b2-3a9c-4f37-8a5e-92e3a0c4d703', mount: '/', sizeMiB: 2048 },
      { lv: 'swap', fs: 'swap', uuid: '5b9e8a44-6a1d-4b8e-9e0a-7c33d4b2a904', sizeMiB: 128 },
    ],
  },
  initramfs: { tool: 'dracut', drivers: [...vmwareDrivers, 'ext4', 'dm_mod'] },
  network: { backend: 'NetworkManager', ifname: 'ens160', mac: '00:50:56:8f:21:d4', pin: 'none' },
  fstab: 'by-path',
  rootToken: 'uuid',
  serialConsole: false,
};

/** @type {Recipe} */
const netplanTwoDisks = {
  name: 'netplan-two-disks',
  about: 'volume group over two disks, /boot and a data volume by-path on different disks, netplan match and set-name',
  suite: 'bookworm',
  packages: ['grub-pc', 'initramfs-tools', 'lvm2', 'netplan.io', 'open-vm-tools'],
  hostname: 'db01',
  firmware: 'bios',
  disks: [
    {
      sizeMiB: 1536,
      table: 'mbr',
      partitions: [
        { fs: 'ext4', uuid: '2d8e4c60-17ab-4a90-b7e0-c5f6d1e20a05', mount: '/boot', sizeMiB: 256 },
        { vg: 'data', sizeMiB: 0 },
      ],
    },
    {
      sizeMiB: 1024,
      table: 'mbr',
      partitions: [
        { vg: 'data', sizeMiB: 768 },
        { fs: 'ext4', uuid: '93f10c5e-e2d4-45bb-9d8e-6b0a7c9f1d06', mount: '/srv', sizeMiB: 0 },
      ],
    },
  ],
  volumeGroups: {
    data: [
      { lv: 'root', fs: 'ext4', uuid: 'c4a7e6d8-0f13-4d5b-8c72-3e9a1b5f4c07', mount: '/', sizeMiB: 1792 },
      { lv: 'swap', fs: 'swap', uuid: '1e6b9d3a-84c5-4f72-a0d1-5c7e2f8b6a08', sizeMiB: 0 },
    ],
  },
  initramfs: { tool: 'initramfs-tools', drivers: [...vmwareDrivers, 'ext4', 'dm_mod'] },
  network: { backend: 'netplan', ifname: 'eth0', mac: '00:0c:29:4b:7d:e9', pin: 'none' },
  fstab: 'by-path',
  rootToken: 'uuid',
  serialConsole: false,
};

/** @type {Recipe} */
const btrfsNetworkd = {
  name: 'btrfs-networkd',
  about: 'Debian 11, btrfs subvolumes by-path, systemd-networkd by name with a .link pin, no agent',
  suite: 'bullseye',
  packages: ['btrfs-progs', 'grub-pc', 'initramfs-tools'],
  hostname: 'log01',
  firmware: 'bios',
  disks: [
    {
      sizeMiB: 2048,
      table: 'mbr',
      partitions: [
        {
          fs: 'btrfs',
          uuid: 'd05a1f7e-62b9-4e84-95c3-7f4e8a0b2d09',
          mount: '/',
          sizeMiB: 0,
          subvolumes: { '/': '@', '/home': '@home' },
        },
      ],
    },
  ],
  initramfs: { tool: 'initramfs-tools', drivers: [...vmwareDrivers, 'btrfs'] },
  network: { backend: 'networkd', ifname: 'ens192', mac: '00:50:56:b2:0e:63', pin: 'link' },
  fstab: 'by-path',
  rootToken: 'uuid',
  serialConsole: false,
};

export const recipes = {
  demo,
  'demo-serial': { ...demo, name: 'demo-serial', about: 'the demo guest with console=ttyS0', serialConsole: true },
  'demo-volatile-root': {
    ...demo,
    name: 'demo-volatile-root',
    about: 'the demo guest with root=/dev/sda1 in grub.cfg, and console=ttyS0',
    rootToken: /** @type {const} */ ('device'),
    serialConsole: true,
  },
  'demo-uuid': {
    ...demo,
    name: 'demo-uuid',
    about: 'the demo guest with UUIDs in fstab, which virt-v2v can convert',
    fstab: /** @type {const} */ ('uuid'),
  },
  'dracut-lvm-uefi': dracutLvmUefi,
  'netplan-two-disks': netplanTwoDisks,
  'btrfs-networkd': btrfsNetworkd,
};
