import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataUuid, partition, rootUuid, scsiDisks, twoDisks } from '../testing/context.js';
import { chooseIdentifier, classifySpec, explainSpec, parseFstab, parseSpec, readFstabFacts } from './index.js';
import { parseByPath } from './by-path.js';
import { letterIndex } from './spec.js';
import { escapeUnitPath } from './units.js';

describe('classifySpec', () => {
  it.each([
    ['UUID=1', 'ext4', 'stable'],
    ['PARTLABEL="EFI"', 'vfat', 'stable'],
    ['/dev/disk/by-uuid/1', 'ext4', 'stable'],
    ['/dev/mapper/vg-root', 'xfs', 'stable'],
    ['/dev/vg0/root', 'xfs', 'stable'],
    ['/dev/md0', 'ext4', 'stable'],
    ['/dev/disk/by-id/dm-uuid-LVM-abc', 'ext4', 'stable'],
    ['/swapfile', 'swap', 'stable'],
    ['/dev/sda1', 'ext4', 'volatile'],
    ['/dev/nvme0n1p2', 'ext4', 'volatile'],
    ['/dev/cciss/c0d0p1', 'ext4', 'volatile'],
    ['/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1', 'ext4', 'volatile'],
    ['/dev/disk/by-id/wwn-0x6000c29a', 'ext4', 'volatile'],
    ['/dev/disk/by-id/dm-uuid-mpath-3600', 'ext4', 'volatile'],
    ['/dev/mapper/mpatha1', 'ext4', 'volatile'],
    ['/dev/dm-3', 'ext4', 'volatile'],
    ['/dev/disk/azure/root-part1', 'ext4', 'volatile'],
    ['/dev/disk/azure/resource-part1', 'auto', 'hypervisor'],
    ['.host:/', 'fuse.vmhgfs-fuse', 'hypervisor'],
    ['/dev/sr0', 'udf', 'removable'],
    ['/dev/fd0', 'auto', 'removable'],
    ['host:/export', 'nfs4', 'network'],
    ['//host/share', 'auto', 'network'],
    ['user@host:/x', 'fuse.sshfs', 'network'],
    ['proc', 'proc', 'pseudo'],
    ['none', 'swap', 'pseudo'],
    ['what', 'ever', 'unknown'],
  ])('%s (%s) is %s', (spec, fsType, expected) => {
    expect(classifySpec(spec, fsType)).toBe(expected);
  });

  it('knows bind mounts by their options', () => {
    expect(classifySpec('/a', 'none', 'rw,bind')).toBe('pseudo');
  });

  it('never throws, whatever stands in the field', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (spec, fsType, options) => {
        classifySpec(spec, fsType, options);
        explainSpec(spec, { block: twoDisks, disks: scsiDisks, fsType });
      }),
    );
  });
});

describe('explainSpec', () => {
  const serials = [
    { ...scsiDisks[0]!, serial: '6000C29a-1111-2222-3333-444455556666' },
    { ...scsiDisks[1]!, serial: '6000C29b-1111-2222-3333-444455556666' },
  ];
  it.each([
    ['/dev/sdb1', undefined, '/dev/sdb1', 'order'],
    ['/dev/sda', undefined, '/dev/sda', 'order'],
    ['/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:1:0-part1', undefined, '/dev/sdb1', 'controller'],
    ['/dev/disk/by-path/pci-0000:02:01.0-sas-phy1-0x5000c295-lun-0-part1', undefined, '/dev/sdb1', 'controller'],
    ['/dev/disk/by-id/wwn-0x6000c29b111122223333444455556666-part1', undefined, '/dev/sdb1', 'serial'],
    ['LABEL=data', undefined, '/dev/sdb1', 'identifier'],
    [`uuid=${rootUuid.toUpperCase()}`, undefined, '/dev/sda1', 'identifier'],
  ])('%s', (spec, fsType, device, rule) => {
    const ctx = { block: twoDisks, disks: serials, ...(fsType === undefined ? {} : { fsType }) };
    expect(explainSpec(spec, ctx)).toEqual({ device, rule });
  });

  it('does not take a device whose filesystem is another one', () => {
    expect(explainSpec('/dev/sda2', { block: twoDisks, disks: scsiDisks, fsType: 'ext4' })).toBeUndefined();
    expect(explainSpec('/dev/sda1', { block: twoDisks, disks: scsiDisks, fsType: 'ext3' })?.device).toBe('/dev/sda1');
  });

  it('eliminates only when a single device is left', () => {
    const base = { block: twoDisks, disks: [], fsType: 'ext4' };
    expect(explainSpec('/dev/sdq1', base)).toBeUndefined();
    expect(explainSpec('/dev/sdq1', { ...base, taken: ['/dev/sda1'] })).toEqual({
      device: '/dev/sdb1',
      rule: 'elimination',
    });
  });

  it('tells controllers apart by rank when there are as many addresses as controllers, else not at all', () => {
    const disks = [
      { index: 0, bus: 'scsi' as const, controller: 0, unit: 0 },
      { index: 1, bus: 'scsi' as const, controller: 1, unit: 0 },
    ];
    const path = (address: string) => `/dev/disk/by-path/pci-0000:${address}:00.0-scsi-0:0:0:0-part1`;
    const ctx = { block: twoDisks, disks };
    expect(explainSpec(path('0b'), { ...ctx, siblings: [path('03'), path('0b')] })?.device).toBe('/dev/sdb1');
    expect(explainSpec(path('03'), { ...ctx, siblings: [path('03'), path('0b')] })?.device).toBe('/dev/sda1');
    expect(explainSpec(path('0b'), { ...ctx, siblings: [path('0b')] })).toBeUndefined();
  });

  it('counts letters within their own family: an NVMe disk takes no letter from SCSI', () => {
    const disks = [
      { index: 0, bus: 'nvme' as const },
      { index: 1, bus: 'scsi' as const },
    ];
    expect(explainSpec('/dev/sda1', { block: twoDisks, disks })?.device).toBe('/dev/sdb1');
    expect(explainSpec('/dev/nvme0n1p1', { block: twoDisks, disks })?.device).toBe('/dev/sda1');
  });
});

describe('parseByPath', () => {
  it.each([
    ['pci-0000:03:00.0-scsi-0:0:2:0', ['scsi', 'sata', 'ide'], 2],
    ['pci-0000:00:1f.2-ata-3', ['sata', 'ide'], 2],
    ['pci-0000:0b:00.0-nvme-1', ['nvme'], 0],
    ['acpi-VMBUS:00-scsi-0:0:0:3', ['scsi', 'sata', 'ide'], 3],
    ['acpi-VMBUS:01-vmbus-f8b3781b1e824818a1c363d806ec15bb-lun-1', ['scsi', 'ide'], 1],
  ])('%s', (path, buses, unit) => {
    expect(parseByPath(path)).toMatchObject({ buses, unit });
  });

  it('says nothing about places it does not know', () => {
    expect(parseByPath('pci-0000:00:14.0-usb-0:1:1.0')).toBeUndefined();
  });
});

describe('chooseIdentifier', () => {
  it('never uses what two devices carry', () => {
    const twin = partition(1, 2, 'ext4', { uuid: dataUuid, partUuid: '22222222-02' });
    expect(chooseIdentifier('/dev/sdb1', twoDisks)?.token).toBe(`UUID=${dataUuid}`);
    expect(chooseIdentifier('/dev/sdb1', [...twoDisks, twin])?.token).toBe('PARTUUID=22222222-01');
  });

  it('takes a filesystem over several disks as one', () => {
    const members = [0, 1].map((index) => partition(index, 5, 'btrfs', { uuid: 'b' }));
    expect(chooseIdentifier('/dev/sda5', members)?.token).toBe('UUID=b');
  });

  it('refuses identifiers that could break out of a file or a command line', () => {
    for (const label of ['a"b', 'a\nb', '$(x)', 'a`b', '']) {
      expect(
        chooseIdentifier('/dev/sda7', [{ ...partition(0, 7, 'ext4', { label }), partUuid: undefined } as never]),
      ).toBeUndefined();
    }
    expect(
      chooseIdentifier('/dev/sda7', [
        { ...partition(0, 7, 'ext4', { label: 'my data' }), partUuid: undefined } as never,
      ])?.token,
    ).toBe('LABEL=my\\040data');
  });
});

it('records entries with line, class and device', () => {
  const text = `# c\n/dev/sda1 / ext4\n\n.host:/ /mnt vmhgfs\n`;
  expect(readFstabFacts(text, { block: twoDisks, disks: scsiDisks })).toEqual([
    {
      line: 2,
      spec: '/dev/sda1',
      mountpoint: '/',
      fsType: 'ext4',
      options: 'defaults',
      class: 'volatile',
      device: '/dev/sda1',
      bootCritical: true,
    },
    {
      line: 4,
      spec: '.host:/',
      mountpoint: '/mnt',
      fsType: 'vmhgfs',
      options: 'defaults',
      class: 'hypervisor',
      bootCritical: false,
    },
  ]);
});

it('gives every byte back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(
        parseFstab(text)
          .map((line) => line.text + line.eol)
          .join(''),
      ).toBe(text);
    }),
  );
});

it('counts disk letters like the kernel', () => {
  expect(['a', 'z', 'aa', 'zz'].map(letterIndex)).toEqual([0, 25, 26, 701]);
  expect(parseSpec('/dev/sdaa3')).toMatchObject({ disk: 26, partition: 3 });
});

it('escapes unit names like systemd', () => {
  expect(escapeUnitPath('/dev/disk/by-uuid/1-2')).toBe('dev-disk-by\\x2duuid-1\\x2d2');
});
