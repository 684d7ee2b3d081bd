import { expect, test } from 'vitest';
import { diskLetters, readBlockDevices } from './block-devices.js';
import type { LsblkDevice } from './block-devices.js';

function device(name: string, type: string, more: Partial<LsblkDevice> = {}): LsblkDevice {
  return { name, kname: name, path: `/dev/${name}`, type, size: 1024, ...more };
}

const root = device('vg0-root', 'lvm', {
  ...{ kname: 'dm-0', path: '/dev/mapper/vg0-root', fstype: 'ext4', uuid: 'R' },
});

test('disks are told apart by serial number, whatever the kernel called them', () => {
  const { block, paths, kernelNames } = readBlockDevices(
    {
      blockdevices: [
        device('sda', 'disk', { serial: 'appliance', fstype: 'ext2' }),
        device('sdb', 'disk', { serial: 'hd1', children: [device('sdb1', 'part', { fstype: 'xfs', partuuid: 'p' })] }),
        device('sdc', 'disk', { serial: 'hd0', children: [device('sdc2', 'part', { parttype: 'C12A7328-F81F' })] }),
      ],
    },
    2,
  );
  expect(block.map((each) => [each.device, each.kind, each.diskIndex, each.partition])).toEqual([
    ['/dev/sda', 'disk', 0, undefined],
    ['/dev/sda2', 'partition', 0, 2],
    ['/dev/sdb', 'disk', 1, undefined],
    ['/dev/sdb1', 'partition', 1, 1],
  ]);
  expect(paths.get('/dev/sda2')).toBe('/dev/sdc2');
  expect(kernelNames.get('sdb1')).toBe('/dev/sdb1');
  expect(block[1]?.partType).toBe('c12a7328-f81f');
});

test('without serial numbers the place on the controller decides, and the last disk is the appliance', () => {
  const { paths } = readBlockDevices(
    {
      blockdevices: [
        device('sda', 'disk', { hctl: '2:0:10:0' }),
        device('sdb', 'disk', { hctl: '2:0:0:0' }),
        device('sdc', 'disk', { hctl: '2:0:2:0' }),
      ],
    },
    2,
  );
  expect([...paths]).toEqual([
    ['/dev/sda', '/dev/sdb'],
    ['/dev/sdb', '/dev/sdc'],
  ]);
});

test('a volume over two disks is one device with two parents, under the first disk', () => {
  const { block, unreadable } = readBlockDevices(
    {
      blockdevices: ['hd0', 'hd1'].map((serial, index) =>
        device(`sd${'ab'[index]}`, 'disk', {
          serial,
          children: [device(`sd${'ab'[index]}1`, 'part', { fstype: 'LVM2_member', children: [root] })],
        }),
      ),
    },
    2,
  );
  expect(block.filter((each) => each.kind === 'lv')).toEqual([
    {
      ...{ device: '/dev/vg0/root', kind: 'lv', diskIndex: 0, sizeBytes: 1024, fsType: 'ext4', uuid: 'R' },
      parents: ['/dev/sda1', '/dev/sdb1'],
    },
  ]);
  expect(unreadable).toEqual([]);
});

test('hyphens in volume names are undone', () => {
  const volume = device('my--vg-a--b', 'lvm', { path: '/dev/mapper/my--vg-a--b' });
  const { block } = readBlockDevices(
    { blockdevices: [device('sda', 'disk', { serial: 'hd0', children: [volume] })] },
    1,
  );
  expect(block[1]?.device).toBe('/dev/my-vg/a-b');
});

test('closed containers are unreadable with their reason, opened ones are not', () => {
  const luks = (name: string, children: readonly LsblkDevice[]): LsblkDevice =>
    device(name, 'part', { fstype: 'crypto_LUKS', children });
  const { unreadable } = readBlockDevices(
    {
      blockdevices: [
        device('sda', 'disk', {
          serial: 'hd0',
          children: [
            luks('sda1', []),
            luks('sda2', [device('open', 'crypt')]),
            device('sda3', 'part', { fstype: 'zfs_member' }),
          ],
        }),
      ],
    },
    1,
  );
  expect(unreadable.map((each) => each.device)).toEqual(['/dev/sda1', '/dev/sda3']);
  expect(unreadable[0]?.reason).toContain('LUKS');
});

test('letters go on behind z', () => {
  expect([0, 25, 26, 51, 52, 701, 702].map(diskLetters)).toEqual(['a', 'z', 'aa', 'az', 'ba', 'zz', 'aaa']);
});
