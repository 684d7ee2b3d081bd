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

/** @type {Recipe} */
const xfsTwoKernels = {
  name: 'xfs-two-kernels',
  about:
    'XFS root on GPT with a BIOS boot partition, /dev/sdX everywhere, two kernels, static ifupdown without any pin',
  suite: 'bookworm',
  packages: ['grub-pc', 'ifupdown', 'initramfs-tools', 'linux-image-rt-amd64', 'xfsprogs'],
  hostname: 'shop01',
  firmware: 'bios',
  disks: [
    {
      sizeMiB: 2560,
      table: 'gpt',
      partitions: [
        { biosBoot: true, sizeMiB: 1 },
        { fs: 'ext4', uuid: '3b1f0f6a-0a5e-4c0a-9d61-70a1c6a1b00a', mount: '/boot', sizeMiB: 300 },
        { fs: 'swap', uuid: '8e0d4a77-52f3-4b8d-8a14-0b9f6c2d3e0b', sizeMiB: 128 },
        { fs: 'xfs', uuid: 'b94c2e1d-7f60-4d93-bb5a-6e8d1f3a4c0c', mount: '/', sizeMiB: 0 },
      ],
    },
  ],
  initramfs: { tool: 'initramfs-tools', drivers: [...vmwareDrivers, 'xfs', 'ext4'] },
  network: {
    backend: 'ifupdown',
    ifname: 'ens192',
    mac: '00:50:56:91:0c:5e',
    address: '192.168.50.10/24',
    pin: 'none',
  },
  fstab: 'device',
  rootToken: 'device',
  serialConsole: false,
  kernelArguments: 'splash',
};

/** @type {Recipe} */
const cloudInitUefi = {
  name: 'cloud-init-uefi',
  about: 'Debian 13 with initramfs-tools and cloud-init, UEFI, /var/log by-path, static netplan by name',
  suite: 'trixie',
  packages: [
    'cloud-init',
    'grub-efi-amd64',
    'grub-efi-amd64-signed',
    'initramfs-tools',
    'netplan.io',
    'open-vm-tools',
    'shim-signed',
  ],
  hostname: 'api01',
  firmware: 'uefi',
  disks: [
    {
      sizeMiB: 2560,
      table: 'gpt',
      partitions: [
        { fs: 'vfat', uuid: '4D2A-9C10', mount: '/boot/efi', sizeMiB: 64, esp: true },
        { fs: 'ext4', uuid: '5a7e3c90-1b2d-4e6f-8091-a2b3c4d5e60d', mount: '/', sizeMiB: 2048 },
        { fs: 'ext4', uuid: '6b8f4da1-2c3e-4f70-91a2-b3c4d5e6f70e', mount: '/var/log', sizeMiB: 200 },
        { fs: 'swap', uuid: '7c905eb2-3d4f-4081-a2b3-c4d5e6f7080f', sizeMiB: 0 },
      ],
    },
  ],
  initramfs: { tool: 'initramfs-tools', drivers: [...vmwareDrivers, 'ext4'] },
  network: { backend: 'netplan', ifname: 'ens160', mac: '00:50:56:aa:bb:01', address: '10.20.30.40/24', pin: 'none' },
  fstab: 'by-path',
  rootToken: 'uuid',
  serialConsole: false,
};

/** @type {Recipe} */
const classicNames = {
  name: 'classic-names',
  about: 'Debian 11, net.ifnames=0, NetworkManager profile by MAC with a static address, /boot and root as /dev/sdX',
  suite: 'bullseye',
  packages: ['grub-pc', 'initramfs-tools', 'lvm2', 'network-manager', 'open-vm-tools'],
  hostname: 'crm01',
  firmware: 'bios',
  disks: [
    {
      sizeMiB: 2560,
      table: 'mbr',
      partitions: [
        { fs: 'ext4', uuid: '8da16fc3-4e50-4192-b3c4-d5e6f7081910', mount: '/boot', sizeMiB: 256 },
        { fs: 'swap', uuid: '9eb270d4-5f61-42a3-84d5-e6f708192a11', sizeMiB: 128 },
        { fs: 'ext4', uuid: 'afc381e5-6072-43b4-95e6-f708192a3b12', mount: '/', sizeMiB: 0 },
      ],
    },
  ],
  initramfs: { tool: 'initramfs-tools', drivers: [...vmwareDrivers, 'ext4'] },
  network: {
    backend: 'NetworkManager',
    ifname: 'eth0',
    mac: '00:0c:29:11:22:33',
    address: '172.20.1.7/24',
    bind: 'mac',
    pin: 'none',
  },
  fstab: 'device',
  rootToken: 'uuid',
  serialConsole: true,
  kernelArguments: 'net.ifnames=0 biosdevname=0',
};

/** @type {Recipe} */
const separateUsr = {
  name: 'separate-usr',
  about: '/usr on a partition of its own, little room on the root, GPT with BIOS, static systemd-networkd by name',
  suite: 'bookworm',
  packages: ['grub-pc', 'initramfs-tools'],
  hostname: 'mq01',
  firmware: 'bios',
  disks: [
    {
      sizeMiB: 2560,
      table: 'gpt',
      partitions: [
        { biosBoot: true, sizeMiB: 1 },
        { fs: 'ext4', uuid: 'b0d492f6-7183-44c5-a6f7-08192a3b4c13', mount: '/', sizeMiB: 256 },
        { fs: 'ext4', uuid: 'c1e5a307-8294-45d6-b708-192a3b4c5d14', mount: '/usr', sizeMiB: 1500 },
        { fs: 'ext4', uuid: 'd2f6b418-93a5-46e7-8819-2a3b4c5d6e15', mount: '/home', sizeMiB: 0 },
      ],
    },
  ],
  initramfs: { tool: 'initramfs-tools', drivers: [...vmwareDrivers, 'ext4'] },
  network: { backend: 'networkd', ifname: 'ens33', mac: '00:0c:29:44:55:66', address: '192.168.7.9/24', pin: 'none' },
  fstab: 'device',
  rootToken: 'uuid',
  serialConsole: false,
  kernelArguments: 'splash',
};

/** @type {Recipe} */
const twoAdapters = {
  ...demo,
  name: 'two-adapters',
  about: 'two adapters that only their slots at VMware tell apart, the first one in the second slot',
  hostname: 'gw01',
  // Nobody pinned anything; and the adapter that VMware counts first has the higher slot number.
  network: {
    backend: 'ifupdown',
    ifname: 'ens224',
    mac: '00:50:56:3a:00:01',
    pin: 'none',
    second: { ifname: 'ens192', mac: '00:50:56:3a:00:02', address: '192.168.99.5/24' },
  },
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
  'xfs-two-kernels': xfsTwoKernels,
  'cloud-init-uefi': cloudInitUefi,
  'classic-names': classicNames,
  'separate-usr': separateUsr,
  'two-adapters': twoAdapters,
};
