/** Fixtures about devices: mount tables, encrypted volumes, caches. */
import type { FixCase } from './cases.js';
import { dataUuid, partition, rootUuid, scsiDisks, swapUuid, twoDisks } from './context.js';

const byPath = '/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0';

function fstabCase(name: string, given: string, expected: string, more: Partial<FixCase> = {}): FixCase {
  return {
    name: `fstab: ${name}`,
    given: { '/etc/fstab': given },
    expected: given === expected ? {} : { '/etc/fstab': expected },
    ...more,
  };
}

const clonedData = [
  ...twoDisks.slice(0, 4),
  partition(1, 1, 'ext4', { uuid: dataUuid, partUuid: '22222222-01', label: 'data' }),
  partition(1, 2, 'ext4', { uuid: dataUuid, partUuid: '22222222-02', label: 'data' }),
];

const lvmRoot = [
  ...twoDisks.slice(0, 1),
  partition(0, 1, 'vfat', { uuid: 'ABCD-1234' }),
  partition(0, 2, 'LVM2_member', { uuid: 'pvpv-aaaa' }),
  ...(['root', 'swap'] as const).map((lv) => ({
    device: `/dev/vg-0/${lv}`,
    kind: 'lv' as const,
    diskIndex: 0,
    sizeBytes: 1024 ** 3,
    fsType: lv === 'root' ? 'xfs' : 'swap',
    uuid: lv === 'root' ? rootUuid : swapUuid,
    parents: ['/dev/sda2'],
  })),
];

export const storageCases: readonly FixCase[] = [
  fstabCase(
    'by-path on both disks, everything else stays as it was written',
    [
      '# /etc/fstab: static file system information.',
      `# / was on ${byPath}:0:0-part1 during installation`,
      `${byPath}:0:0-part1 / \t ext4    errors=remount-ro 0       1   # root`,
      `${byPath}:0:0-part2\tnone\tswap\tsw\t0\t0`,
      `${byPath}:1:0-part1 /srv/my\\040data ext4 defaults,noauto 0 2`,
      '/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0',
      '',
      'tmpfs /tmp tmpfs nosuid 0 0',
    ].join('\n'),
    [
      '# /etc/fstab: static file system information.',
      `# / was on ${byPath}:0:0-part1 during installation`,
      `UUID=${rootUuid} / \t ext4    errors=remount-ro 0       1   # root`,
      `UUID=${swapUuid}\tnone\tswap\tsw\t0\t0`,
      `UUID=${dataUuid} /srv/my\\040data ext4 defaults,noauto 0 2`,
      '/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0',
      '',
      'tmpfs /tmp tmpfs nosuid 0 0',
    ].join('\n'),
  ),
  fstabCase(
    'plain names by bus order, CRLF and UTF-8 comments kept',
    `# D\u00c3\u00a4ten\r\n/dev/sda1 / ext4 defaults 0 1\r\n/dev/sdb1 /data ext4 defaults 0 2\r\n`,
    `# D\u00c3\u00a4ten\r\nUUID=${rootUuid} / ext4 defaults 0 1\r\nUUID=${dataUuid} /data ext4 defaults 0 2\r\n`,
  ),
  fstabCase(
    'stable names are left alone, quotes included',
    [
      `UUID="${rootUuid}" / ext4 defaults 0 1`,
      'LABEL=data /data ext4 defaults 0 2',
      '/dev/disk/by-uuid/x /x ext4 nofail 0 0',
      '/swapfile none swap sw 0 0',
      '/data/srv /srv none bind 0 0',
      'nas:/export /mnt nfs4 _netdev 0 0',
      '//nas/share /smb cifs credentials=/root/c 0 0',
      '[fd00::1]:/x /v6 nfs ro 0 0',
      'short line',
    ].join('\n'),
    [
      `UUID="${rootUuid}" / ext4 defaults 0 1`,
      'LABEL=data /data ext4 defaults 0 2',
      '/dev/disk/by-uuid/x /x ext4 nofail 0 0',
      '/swapfile none swap sw 0 0',
      '/data/srv /srv none bind 0 0',
      'nas:/export /mnt nfs4 _netdev 0 0',
      '//nas/share /smb cifs credentials=/root/c 0 0',
      '[fd00::1]:/x /v6 nfs ro 0 0',
      'short line',
    ].join('\n'),
  ),
  fstabCase(
    'shared folders of the hypervisor are commented out',
    '.host:/ /mnt/hgfs fuse.vmhgfs-fuse allow_other 0 0\nshare /media/vb vboxsf defaults 0 0\n/dev/disk/cloud/azure_resource-part1 /mnt auto nofail 0 2\n',
    '# drover: .host:/ /mnt/hgfs fuse.vmhgfs-fuse allow_other 0 0\n# drover: share /media/vb vboxsf defaults 0 0\n# drover: /dev/disk/cloud/azure_resource-part1 /mnt auto nofail 0 2\n',
  ),
  fstabCase(
    'a data disk that was not brought along does not stop the boot',
    `UUID=${rootUuid} / ext4 defaults 0 1\n${byPath}:5:0-part1 /backup xfs\n/dev/sdz1 /z ext4 noatime 0 2 # gone\n/dev/sdy1 /y ext4 ro,noauto\n`,
    `UUID=${rootUuid} / ext4 defaults 0 1\n${byPath}:5:0-part1 /backup xfs defaults,nofail,x-systemd.device-timeout=10s\n/dev/sdz1 /z ext4 noatime,nofail,x-systemd.device-timeout=10s 0 2 # gone\n/dev/sdy1 /y ext4 ro,noauto\n`,
    {
      facts: { block: twoDisks.slice(0, 3), disks: scsiDisks.slice(0, 1) },
      warnings: [/:2: .*names no device/, /:3: /, /:4: /],
    },
  ),
  fstabCase(
    'without systemd an unknown disk is not mounted at all',
    `UUID=${rootUuid} / ext4 defaults 0 1\n/dev/sdc7 /c xfs defaults 0 0\n`,
    `UUID=${rootUuid} / ext4 defaults 0 1\n/dev/sdc7 /c xfs defaults,noauto 0 0\n`,
    { facts: { inspection: { init: 'sysv' } }, warnings: [/sdc7/] },
  ),
  fstabCase(
    'a label or UUID that several filesystems carry becomes unambiguous',
    `UUID=${rootUuid} / ext4 defaults 0 1\nLABEL=data /data ext4 defaults 0 2\nUUID=${dataUuid} /copy ext4 nofail 0 2\n`,
    `UUID=${rootUuid} / ext4 defaults 0 1\nPARTUUID=22222222-01 /data ext4 defaults 0 2\nPARTUUID=22222222-01 /copy ext4 nofail 0 2\n`,
    { facts: { block: clonedData } },
  ),
  fstabCase(
    'logical volumes keep their mapper names; device-mapper numbers get one',
    '/dev/mapper/vg--0-root / xfs defaults 0 0\n/dev/vg-0/swap none swap sw 0 0\n/dev/sda1 /boot/efi vfat umask=0077 0 1\n',
    '/dev/mapper/vg--0-root / xfs defaults 0 0\n/dev/vg-0/swap none swap sw 0 0\nUUID=ABCD-1234 /boot/efi vfat umask=0077 0 1\n',
    {
      facts: {
        block: lvmRoot,
        disks: scsiDisks.slice(0, 1),
        inspection: { root: { device: '/dev/vg-0/root', candidates: [] } },
      },
    },
  ),
  fstabCase(
    'a device-mapper number is recognised by its filesystem',
    '/dev/mapper/vg--0-root / xfs defaults 0 0\n/dev/dm-1 none swap sw 0 0\n',
    `/dev/mapper/vg--0-root / xfs defaults 0 0\nUUID=${swapUuid} none swap sw 0 0\n`,
    {
      facts: {
        block: lvmRoot,
        disks: scsiDisks.slice(0, 1),
        inspection: { root: { device: '/dev/vg-0/root', candidates: [] } },
      },
      notes: [/elimination/],
    },
  ),
  fstabCase(
    'mode bypath-only leaves plain names alone',
    `${byPath}:0:0-part1 / ext4 defaults 0 1\n/dev/sdb1 /data ext4 defaults 0 2\n`,
    `UUID=${rootUuid} / ext4 defaults 0 1\n/dev/sdb1 /data ext4 defaults 0 2\n`,
    { facts: { fix: { fstab: 'bypath-only' } } },
  ),
  fstabCase(
    'mode all-uuid rewrites labels and mapper names too',
    '/dev/mapper/vg--0-root / xfs defaults 0 0\nLABEL=nothing /n ext4 nofail 0 0\n',
    `UUID=${rootUuid} / xfs defaults 0 0\nLABEL=nothing /n ext4 nofail 0 0\n`,
    {
      facts: {
        fix: { fstab: 'all-uuid' },
        block: lvmRoot,
        disks: scsiDisks.slice(0, 1),
        inspection: { root: { device: '/dev/vg-0/root', candidates: [] } },
      },
    },
  ),
  fstabCase('mode off changes nothing', '/dev/sda1 / ext4 defaults 0 1\n', '/dev/sda1 / ext4 defaults 0 1\n', {
    facts: { fix: { fstab: 'off' } },
  }),
  fstabCase(
    'WWN and serial names by the serial that the source knows',
    `/dev/disk/by-id/wwn-0x6000c29a1b2c3d4e5f60718293a4b5c6-part1 / ext4 defaults 0 1\n/dev/disk/by-id/scsi-36000c29ffeeddccbbaa99887766554433-part1 /data ext4 defaults 0 2\n`,
    `UUID=${rootUuid} / ext4 defaults 0 1\nUUID=${dataUuid} /data ext4 defaults 0 2\n`,
    {
      facts: {
        disks: [
          { ...scsiDisks[0]!, serial: '6000C29a-1b2c-3d4e-5f60-718293a4b5c6' },
          { ...scsiDisks[1]!, serial: '6000C29f-feed-dccb-baa9-9887766554433' },
        ],
      },
    },
  ),
  {
    name: 'fstab: mount and swap units, and the device that hibernation resumes from',
    given: {
      '/etc/fstab': `UUID=${rootUuid} / ext4 defaults 0 1\n`,
      '/etc/systemd/system/data.mount':
        '[Unit]\nDescription=data\n\n[Mount]\nWhat = /dev/sdb1\nWhere=/data\nType=ext4\n',
      '/etc/systemd/system/dev-sda2.swap': '[Swap]\nWhat=/dev/sda2\n[Install]\nWantedBy=swap.target\n',
      '/etc/systemd/system/swap.target.wants/dev-sda2.swap': { link: '/etc/systemd/system/dev-sda2.swap' },
      '/etc/initramfs-tools/conf.d/resume': 'RESUME=/dev/sda2\n',
      '/etc/auto.misc': 'usb -fstype=ext4 :/dev/sdb1\ncd -fstype=iso9660,ro :/dev/cdrom\n',
    },
    expected: {
      '/etc/systemd/system/data.mount': `[Unit]\nDescription=data\n\n[Mount]\nWhat = /dev/disk/by-uuid/${dataUuid}\nWhere=/data\nType=ext4\n`,
      '/etc/systemd/system/dev-sda2.swap': undefined,
      '/etc/systemd/system/swap.target.wants/dev-sda2.swap': undefined,
      [`/etc/systemd/system/dev-disk-by\\x2duuid-${swapUuid.replaceAll('-', '\\x2d')}.swap`]: `[Swap]\nWhat=/dev/disk/by-uuid/${swapUuid}\n[Install]\nWantedBy=swap.target\n`,
      [`/etc/systemd/system/swap.target.wants/dev-disk-by\\x2duuid-${swapUuid.replaceAll('-', '\\x2d')}.swap`]: `-> /etc/systemd/system/dev-disk-by\\x2duuid-${swapUuid.replaceAll('-', '\\x2d')}.swap`,
      '/etc/initramfs-tools/conf.d/resume': `RESUME=UUID=${swapUuid}\n`,
    },
    warnings: [/automounter mounts \/dev\/sdb1/],
  },
  {
    name: 'crypttab: LUKS by its header, random swap by partition, missing devices do not stop the boot',
    given: {
      '/etc/crypttab': [
        '# name device key options',
        'root /dev/sda3 none luks,discard,initramfs',
        `cswap ${byPath}:0:0-part2 /dev/urandom swap,cipher=aes-xts-plain64`,
        'old /dev/sdx1 none',
        'oldswap /dev/sdx2 /dev/urandom swap',
        'fine UUID=123 none luks',
        'usb UUID=456 /dev/sdb1:/keyfile luks',
      ].join('\n'),
    },
    facts: {
      block: [...twoDisks.slice(0, 3), partition(0, 3, 'crypto_LUKS', { uuid: 'luks-uuid-1' }), ...twoDisks.slice(3)],
    },
    expected: {
      '/etc/crypttab': [
        '# name device key options',
        'root UUID=luks-uuid-1 none luks,discard,initramfs',
        'cswap PARTUUID=11111111-02 /dev/urandom swap,cipher=aes-xts-plain64',
        'old /dev/sdx1 none nofail',
        'oldswap /dev/sdx2 /dev/urandom swap,noauto',
        'fine UUID=123 none luks',
        'usb UUID=456 /dev/sdb1:/keyfile luks',
      ].join('\n'),
    },
    warnings: [/:4: .*sdx1/, /:5: .*sdx2/, /key of usb lies on/],
  },
  {
    name: 'caches: records of the old devices go, filters that would hide the new ones are commented out',
    given: {
      '/etc/lvm/devices/system.devices':
        'VERSION=1.1.1\nIDTYPE=sys_wwid IDNAME=naa.6000c29aa DEVNAME=/dev/sda2 PVID=x\n',
      '/etc/lvm/cache/.cache': 'x',
      '/etc/blkid.tab': 'x',
      '/etc/lvm/lvm.conf':
        'devices {\n\tfilter = [ "a|^/dev/sd.*|", "r|.*|" ]\n\t# filter = [ "a|.*|" ]\n\tglobal_filter = [ "r|/dev/sr0|" ]\n}\n',
      '/etc/multipath/wwids':
        '# Valid WWIDs:\n/36000c29a1b2c3d4e5f60718293a4b5c6/\n/3600508b400105e210000900000490000/\n',
      '/etc/mdadm/mdadm.conf': 'DEVICE /dev/sdb1 /dev/sdc1\nARRAY /dev/md0 UUID=1:2:3:4\n',
    },
    expected: {
      '/etc/lvm/devices/system.devices': undefined,
      '/etc/lvm/cache/.cache': undefined,
      '/etc/blkid.tab': undefined,
      '/etc/lvm/lvm.conf':
        'devices {\n# drover: \tfilter = [ "a|^/dev/sd.*|", "r|.*|" ]\n\t# filter = [ "a|.*|" ]\n\tglobal_filter = [ "r|/dev/sr0|" ]\n}\n',
      '/etc/multipath/wwids': '# Valid WWIDs:\n/3600508b400105e210000900000490000/\n',
      '/etc/mdadm/mdadm.conf': 'DEVICE partitions\nARRAY /dev/md0 UUID=1:2:3:4\n',
    },
    warnings: [/would hide every disk/],
  },
  {
    name: 'caches: a filter over several lines that lets the new disks through stays',
    given: {
      '/etc/lvm/lvm.conf': 'filter = [\n  "a|/dev/vd.*|",\n  "r|.*|"\n]\n',
      '/etc/mdadm.conf': 'DEVICE partitions containers\n',
    },
    expected: {},
  },
];
