import { expect, test } from 'vitest';
import { tarMember } from '../../../test/support/tar-maker.js';
import { parseInventory } from './inventory.js';

const b64 = (text: string | Buffer): string => Buffer.from(text).toString('base64') || '-';

function lsblk(devices: unknown): string {
  return `lsblk ${b64(JSON.stringify({ blockdevices: devices }))}`;
}

const ONE_DISK = [
  {
    ...{ name: 'sdb', kname: 'sdb', path: '/dev/sdb', type: 'disk', size: 9, serial: 'hd0' },
    children: [
      { name: 'sdb1', kname: 'sdb1', path: '/dev/sdb1', type: 'part', size: 8, fstype: 'ext4', uuid: 'U' },
      { name: 'sdb2', kname: 'sdb2', path: '/dev/sdb2', type: 'part', size: 8, fstype: 'btrfs', uuid: 'B' },
      { name: 'sdb3', kname: 'sdb3', path: '/dev/sdb3', type: 'part', size: 8, fstype: 'btrfs', uuid: 'B' },
    ],
  },
];

test('takes a whole answer apart', async () => {
  const sector = Buffer.alloc(512);
  sector.write('GRUB ', 380, 'latin1');
  sector.writeUInt16LE(0xaa55, 510);
  const archive = Buffer.concat([tarMember({ name: 'etc/fstab', data: 'x' }), Buffer.alloc(1024)]);
  const inventory = await parseInventory(
    [
      lsblk(ONE_DISK),
      `mbr =/dev/sdb ${b64(sector)}`,
      `peek =/dev/sdb1 - - =,etc/fstab,boot/kernel ${b64(archive)}`,
      `default =/dev/sdb2 ${b64('ID 256 gen 10 top level 5 path @')}`,
      `peek =/dev/sdb2 ${b64('@')} =256 =,etc/os-release -`,
      'peek =/dev/sdb2 - =5 - -',
      `default =/dev/sdb3 ${b64('ID 256 gen 10 top level 5 path @')}`,
      `peek =/dev/sdb3 ${b64('@')} =256 =,etc/os-release -`,
      `kernel ${b64('[1.0] EXT4-fs (sdb1): recovery complete\n[2.0] BTRFS info (device sdb2): enabling\n')}`,
    ].join('\n'),
    1,
  );
  expect(inventory.bootCode.get(0)).toEqual({ present: true, isGrub: true });
  expect([...inventory.dirty]).toEqual(['/dev/sda1']);
  expect(
    inventory.peeks.map(({ device, subvolume, isDefaultSubvolume }) => [device, subvolume, isDefaultSubvolume]),
  ).toEqual([
    ['/dev/sda1', undefined, true],
    ['/dev/sda2', '@', true],
    ['/dev/sda2', '', false],
  ]);
  expect([...(inventory.peeks[0]?.markers ?? [])]).toEqual(['etc/fstab', 'boot/kernel']);
  expect(inventory.peeks[0]?.entries.map(({ node }) => node.path)).toEqual(['/etc/fstab']);
});

test('a label cannot pretend to be a line of the answer', async () => {
  const evil = [{ ...ONE_DISK[0], label: 'x\nwindows =/dev/sdb1\n' }];
  expect((await parseInventory(lsblk(evil), 1)).windowsDevices).toEqual([]);
});

test('what refuses to be mounted is unreadable with the last words of mount', async () => {
  const refused = `refused =/dev/sdb1 ${b64('mount: a\nmount: /tmp/x: wrong fs type\n')}`;
  expect((await parseInventory(`${lsblk(ONE_DISK)}\n${refused}`, 1)).unreadable).toEqual([
    { device: '/dev/sda1', reason: 'cannot be mounted: /tmp/x: wrong fs type' },
  ]);
});

test('every journal that was replayed is noticed, on volumes too', async () => {
  const devices = [
    {
      ...ONE_DISK[0],
      children: [
        { name: 'vg-root', kname: 'dm-0', path: '/dev/mapper/vg-root', type: 'lvm', size: 8, fstype: 'xfs' },
        { name: 'sdb4', kname: 'sdb4', path: '/dev/sdb4', type: 'part', size: 8, fstype: 'btrfs' },
      ],
    },
  ];
  const log =
    '[1] XFS (dm-0): Starting recovery (logdev: internal)\n[2] BTRFS info (device sdb4): start tree-log replay\n';
  const { dirty } = await parseInventory(`${lsblk(devices)}\nkernel ${b64(log)}`, 1);
  expect([...dirty]).toEqual(['/dev/vg/root', '/dev/sda4']);
});

test('an answer without disks is an error', async () => {
  await expect(parseInventory('', 1)).rejects.toMatchObject({ code: 'guest.call' });
  await expect(parseInventory(`lsblk ${b64('{}')}`, 1)).rejects.toMatchObject({ code: 'guest.call' });
});
