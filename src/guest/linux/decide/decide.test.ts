import { describe, expect, test } from 'vitest';
import type { DriverFacts, Inspection, KernelFacts } from '../../../model/inspection.js';
import { INSPECTION_VERSION, WATCHED_DRIVERS } from '../../../model/inspection.js';
import type { ResolvedSettings } from '../../../model/settings.js';
import type { VmDescription } from '../../../model/vm.js';
import { decide, diskLetters } from './decide.js';

const MAC = '00:50:56:3a:5b:7c';

function kernel(
  missing: Partial<Record<string, Partial<DriverFacts>>> = {},
  more: Partial<KernelFacts> = {},
): KernelFacts {
  return {
    version: '6.1.0-1-amd64',
    vmlinuz: '/boot/vmlinuz-6.1.0-1-amd64',
    initramfs: { path: '/boot/initrd.img-6.1.0-1-amd64', sizeBytes: 1e7, tool: 'initramfs-tools', formats: ['zstd'] },
    modulesDir: '/usr/lib/modules/6.1.0-1-amd64',
    isDefault: true,
    isRescue: false,
    drivers: WATCHED_DRIVERS.map((driver): DriverFacts => ({
      driver,
      presence: 'module',
      inInitramfs: 'yes',
      ...missing[driver],
    })),
    ...more,
  };
}

function inspection(more: Partial<Inspection> = {}): Inspection {
  return {
    version: INSPECTION_VERSION,
    family: 'linux',
    arch: 'x86_64',
    distro: { id: 'debian', idLike: [], versionId: '12', prettyName: 'Debian 12' },
    hostname: 'web01',
    packageFormat: 'deb',
    init: 'systemd',
    systemdVersion: 252,
    immutable: false,
    root: { device: '/dev/sda1', candidates: ['/dev/sda1'] },
    firmware: { observed: 'bios', fallbackLoader: false, efiLoaders: [] },
    block: [],
    mountpoints: [],
    duplicateIds: [],
    unreadable: [],
    fstab: [],
    crypttab: [],
    bootloader: { kinds: ['grub2'], configs: [] },
    kernels: [kernel()],
    network: { backends: ['ifupdown'], profiles: [], pins: [] },
    agents: [],
    cloudInit: { installed: false, disabled: false },
    selinux: 'none',
    packages: 100,
    cost: { rpcs: 10, launchMs: 1 },
    warnings: [],
    ...more,
  };
}

function description(more: Partial<VmDescription> = {}): VmDescription {
  return {
    name: 'web01',
    vmKey: 'images:web01',
    origin: { kind: 'disks', path: '/images/web01.vmdk' },
    disks: [{ id: 'disk0', index: 0, bus: 'scsi', location: { kind: 'blank' } }],
    nics: [],
    warnings: [],
    ...more,
  };
}

function settings(more: Record<string, unknown> = {}): ResolvedSettings {
  return {
    firmware: 'auto',
    machine: 'auto',
    nics: {},
    networkMap: 'default',
    disk: { format: 'qcow2', compress: 'none', preallocation: 'off', bus: 'auto' },
    disks: {},
    guest: { family: 'auto' },
    fix: {
      mode: 'auto',
      fsck: 'check',
      fstab: 'stabilize',
      agents: 'auto',
      backup: true,
      initramfs: { when: 'auto', method: 'auto' },
      boot: { serialConsole: false },
      selinux: 'auto',
    },
    network: { mac: 'preserve', naming: 'preserve', freezeCloudInit: false },
    ...more,
  } as unknown as ResolvedSettings;
}

const run = (i: Partial<Inspection> = {}, d: Partial<VmDescription> = {}, s: Record<string, unknown> = {}) =>
  decide({ inspection: inspection(i), description: description(d), settings: settings(s) });

function code(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'nothing was thrown';
}

describe('decide', () => {
  test('equal inputs give an equal plan', () => {
    expect(JSON.stringify(run())).toBe(JSON.stringify(run()));
  });

  test('keeps an initramfs that has the drivers', () => {
    const plan = run();
    expect(plan.disks).toEqual([{ index: 0, bus: 'virtio-blk', target: 'vda' }]);
    expect(plan.kernels[0]).toMatchObject({ action: 'keep', modules: [] });
    expect(plan.steps.find((step) => step.id === 'initramfs')?.willRun).toBe(false);
  });

  test('appends modules that the initramfs lacks, and names the bus to fall back to', () => {
    const no = { inInitramfs: 'no' } as const;
    const plan = run({ kernels: [kernel({ virtio_pci: no, virtio_blk: no, virtio_scsi: no, virtio_net: no })] });
    expect(plan.disks[0]?.bus).toBe('virtio-blk');
    expect(plan.kernels[0]).toMatchObject({
      action: 'append',
      modules: ['virtio_pci', 'virtio_blk', 'virtio_scsi', 'virtio_net'],
    });
    expect(plan.fallbackBus).toBe('sata');
  });

  test('the bus of the disk with the root decides what an initramfs must know', () => {
    const disks = [0, 1].map((index) => ({
      id: `disk${index}`,
      index,
      bus: 'scsi' as const,
      location: { kind: 'blank' as const },
    }));
    const onSecond = {
      root: { device: '/dev/sdb1', candidates: ['/dev/sdb1'] },
      block: [{ device: '/dev/sdb1', kind: 'partition' as const, diskIndex: 1, sizeBytes: 1, parents: [] }],
      kernels: [kernel({ virtio_blk: { inInitramfs: 'no' } })],
    };
    const plan = run(onSecond, { disks }, { disks: { '0': { bus: 'sata' } } });
    expect(plan.disks.map(({ bus }) => bus)).toEqual(['sata', 'virtio-blk']);
    expect(plan.kernels[0]).toMatchObject({ action: 'append', modules: ['virtio_blk'] });
  });

  test('rebuilds what it cannot read', () => {
    const unknown = { inInitramfs: 'unknown' } as const;
    expect(run({ kernels: [kernel({ virtio_pci: unknown, virtio_blk: unknown })] }).kernels[0]?.action).toBe('rebuild');
  });

  test('takes another bus when the kernel has no virtio driver, and says so', () => {
    const plan = run({
      kernels: [
        kernel({
          virtio_blk: { presence: 'absent', inInitramfs: 'no' },
          virtio_scsi: { presence: 'absent', inInitramfs: 'no' },
        }),
      ],
    });
    expect(plan.disks[0]).toEqual({ index: 0, bus: 'sata', target: 'sda' });
    expect(plan.warnings.join()).toContain('sata instead of virtio-blk');
  });

  test('never touches an initramfs when the playbook forbids it', () => {
    const no = { inInitramfs: 'no' } as const;
    const fix = { ...settings().fix, initramfs: { when: 'never', method: 'auto' } };
    const plan = run({ kernels: [kernel({ virtio_blk: no, virtio_scsi: no })] }, {}, { fix });
    expect(plan.disks[0]?.bus).toBe('sata');
    expect(plan.kernels[0]?.action).toBe('none');
  });

  test.each([
    [
      'the playbook wins',
      { firmware: { observed: 'both', fallbackLoader: false, efiLoaders: [] } },
      { firmware: 'bios' },
      { firmware: 'uefi' },
      'uefi',
    ],
    [
      'the descriptor is next',
      { firmware: { observed: 'both', fallbackLoader: false, efiLoaders: [] } },
      { firmware: 'uefi' },
      {},
      'uefi',
    ],
    ['then the disks', { firmware: { observed: 'uefi', fallbackLoader: false, efiLoaders: [] } }, {}, {}, 'uefi'],
    [
      'bios when nothing is known',
      { firmware: { observed: 'none', fallbackLoader: false, efiLoaders: [] } },
      {},
      {},
      'bios',
    ],
  ] as const)('firmware: %s', (_name, i, d, s, expected) => {
    expect(run(i, d, s).firmware).toBe(expected);
  });

  test('a descriptor that the disks contradict is refused', () => {
    expect(
      code(() => run({ firmware: { observed: 'uefi', fallbackLoader: true, efiLoaders: [] } }, { firmware: 'bios' })),
    ).toBe('guest.firmware-conflict');
  });

  test.each([
    ['uefi on BIOS disks', 'uefi', { observed: 'bios' }, 'guest.firmware-conflict'],
    ['bios on UEFI disks', 'bios', { observed: 'uefi', espDevice: '/dev/sda1' }, 'guest.firmware-conflict'],
    [
      'uefi beside an ESP that was not read',
      'uefi',
      { observed: 'bios', espDevice: '/dev/sda1' },
      'nothing was thrown',
    ],
    ['what the disks boot with', 'uefi', { observed: 'uefi', espDevice: '/dev/sda1' }, 'nothing was thrown'],
  ] as const)('a playbook that says %s', (_name, firmware, facts, expected) => {
    const observed = { fallbackLoader: false, efiLoaders: [], ...facts };
    expect(code(() => run({ firmware: observed }, {}, { firmware }))).toBe(expected);
  });

  test.each([
    ['BIOS boot code', 'bios', { observed: 'bios', biosDisk: 1 }],
    ['the EFI system partition', 'uefi', { observed: 'uefi', espDevice: '/dev/sdb1' }],
  ] as const)('the machine starts from the disk with %s', (_name, firmware, facts) => {
    const esp = { device: '/dev/sdb1', kind: 'partition', diskIndex: 1, sizeBytes: 1, parents: [] } as const;
    const plan = run({ firmware: { fallbackLoader: false, efiLoaders: [], ...facts }, block: [esp] });
    expect(plan).toMatchObject({ firmware, bootDisk: 1 });
    expect(plan.decisions).toContainEqual(expect.objectContaining({ what: 'boot disk', value: 'disk 1' }));
  });

  test('firmware is not judged when nothing is fixed', () => {
    const fix = { ...settings().fix, mode: 'none' };
    const plan = run(
      { firmware: { observed: 'bios', fallbackLoader: false, efiLoaders: [] } },
      {},
      { fix, firmware: 'uefi' },
    );
    expect(plan.firmware).toBe('uefi');
    expect(plan.warnings).toHaveLength(1);
  });

  test.each([
    ['guest.no-root', { family: 'none', root: undefined }],
    ['guest.unsupported', { family: 'windows' }],
    ['guest.multi-root', { root: { device: '/dev/sda1', candidates: ['/dev/sda1', '/dev/sdb1'] } }],
    ['guest.arch', { arch: 'aarch64' }],
    [
      'guest.root-spec',
      {
        fstab: [
          {
            line: 3,
            spec: '/dev/sdz1',
            mountpoint: '/',
            fsType: 'ext4',
            options: 'defaults',
            class: 'volatile',
            bootCritical: true,
          },
        ],
      },
    ],
    [
      'guest.initramfs',
      {
        kernels: [
          kernel(Object.fromEntries(WATCHED_DRIVERS.map((d) => [d, { presence: 'absent', inInitramfs: 'no' }]))),
        ],
      },
    ],
  ] as const)('refuses with %s', (expected, i) => {
    expect(code(() => run(i as unknown as Partial<Inspection>))).toBe(expected);
  });

  test('fix.mode none converts what it does not understand', () => {
    const fix = { ...settings().fix, mode: 'none' };
    const plan = run({ family: 'windows' }, {}, { fix });
    expect(plan.guest).toBe('none');
    expect(plan.disks[0]?.bus).toBe('sata');
    expect(plan.steps.every((step) => !step.willRun)).toBe(true);
  });

  describe('adapters', () => {
    const nics = [{ index: 0, mac: MAC, network: 'VM Network' }];
    const profile = {
      path: '/etc/network/interfaces',
      backend: 'ifupdown',
      name: 'ens192',
      macs: [],
      method: 'dhcp',
      addresses: [],
      hardwareMatches: [],
      kind: 'ethernet',
    } as const;

    test('a pin on the address gives the name', () => {
      const plan = run(
        {
          network: {
            backends: ['ifupdown'],
            profiles: [profile],
            pins: [{ path: '/etc/udev/rules.d/70.rules', name: 'ens192', mac: MAC.toUpperCase() }],
          },
        },
        { nics },
      );
      expect(plan.nics[0]).toMatchObject({
        mac: MAC,
        ifname: 'ens192',
        nameSource: 'pin',
        naming: 'pin',
        method: 'dhcp',
        model: 'virtio',
      });
    });

    test('the only adapter keeps the only configured name', () => {
      expect(
        run({ network: { backends: ['ifupdown'], profiles: [profile], pins: [] } }, { nics }).nics[0],
      ).toMatchObject({ ifname: 'ens192', nameSource: 'only', naming: 'pin' });
    });

    test('a name is kept for an address that Drover derives when none is known, the same every time', () => {
      const i = { network: { backends: ['ifupdown' as const], profiles: [profile], pins: [] } };
      const first = run(i, { nics: [{ index: 0 }] }).nics[0];
      expect(first?.mac).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
      expect(run(i, { nics: [{ index: 0 }] }).nics[0]).toEqual(first);
    });

    test.each([
      ['a pin', [], [{ path: '/etc/systemd/network/10.link', name: 'ens192', mac: MAC }]],
      ['a profile', [{ ...profile, name: undefined, macs: [MAC.toUpperCase()] }], []],
      [
        'two pins and a profile that agree',
        [{ ...profile, macs: [MAC] }],
        [
          { path: '/etc/udev/rules.d/70.rules', name: 'ens192', mac: MAC },
          { path: '/etc/systemd/network/10.link', name: 'ens192', mac: MAC },
        ],
      ],
    ])('an address that nobody gave is taken from %s', (_name, profiles, pins) => {
      const network = { backends: [], profiles: profiles as never, pins };
      expect(run({ network }, { nics: [{ index: 0 }] }).nics[0]?.mac).toBe(MAC);
    });

    test('of two addresses in the guest none is taken', () => {
      const pins = [MAC, '00:50:56:00:00:02'].map((mac) => ({
        path: '/etc/udev/rules.d/70.rules',
        name: 'ens192',
        mac,
      }));
      expect(
        run({ network: { backends: [], profiles: [], pins } }, { nics: [{ index: 0 }] }).nics[0]?.mac,
      ).toBeUndefined();
    });

    test('with net.ifnames=0 the only adapter is eth0 without a pin', () => {
      const { path: _path, ...rest } = profile;
      const plan = run(
        {
          bootloader: { ...inspection().bootloader, cmdline: 'root=UUID=x ro net.ifnames=0 quiet' },
          network: {
            backends: [],
            profiles: [{ ...rest, path: '/x', name: undefined, macs: [MAC] } as never],
            pins: [],
          },
        },
        { nics },
      );
      expect(plan.nics[0]).toMatchObject({ ifname: 'eth0', nameSource: 'kernel', naming: 'none' });
      expect(plan.warnings).toEqual([]);
    });

    test('two adapters are told apart by order only with a warning', () => {
      const second = { ...profile, name: 'ens224' };
      const plan = run(
        { network: { backends: ['ifupdown'], profiles: [profile, second], pins: [] } },
        {
          nics: [
            { index: 0, mac: MAC },
            { index: 1, mac: '00:50:56:00:00:02' },
          ],
        },
      );
      expect(plan.nics.map((nic) => nic.ifname)).toEqual(['ens192', 'ens224']);
      expect(plan.warnings).toHaveLength(2);
    });

    test('the slots of the descriptor tell adapters apart without a warning, in whatever order the guest names them', () => {
      const named = (name: string) => ({ ...profile, name });
      const plan = run(
        {
          network: { backends: ['ifupdown'], profiles: [named('ens161'), named('ens224'), named('ens192')], pins: [] },
        },
        {
          nics: [
            { index: 0, mac: MAC, pciSlot: 224 },
            { index: 1, mac: '00:50:56:00:00:02', pciSlot: 192 },
            { index: 2, mac: '00:50:56:00:00:03', pciSlot: 1184 },
          ],
        },
      );
      expect(plan.nics.map((nic) => [nic.ifname, nic.nameSource])).toEqual([
        ['ens224', 'slot'],
        ['ens192', 'slot'],
        ['ens161', 'slot'],
      ]);
      expect(plan.warnings).toEqual([]);
    });

    test('a slot that no profile is named after says nothing, and order follows how VMware fills its slots', () => {
      const named = (name: string) => ({ ...profile, name });
      const plan = run(
        {
          network: { backends: ['ifupdown'], profiles: [named('ens161'), named('ens224'), named('ens192')], pins: [] },
        },
        { nics: [0, 1, 2].map((index) => ({ index, mac: `00:50:56:00:00:0${index}`, pciSlot: 33 + index })) },
      );
      expect(plan.nics.map((nic) => [nic.ifname, nic.nameSource])).toEqual([
        ['ens192', 'order'],
        ['ens224', 'order'],
        ['ens161', 'order'],
      ]);
    });

    test('a slot names an adapter that profiles only match, but not with net.ifnames=0', () => {
      const matched = { ...profile, name: 'en*', namePatterns: ['en*'] };
      const network = { backends: ['networkd' as const], profiles: [matched], pins: [] };
      const bySlot = run({ network }, { nics: [{ index: 0, mac: MAC, pciSlot: 192 }] });
      expect(bySlot.nics[0]).toMatchObject({ ifname: 'ens192', nameSource: 'slot', naming: 'pin' });
      const bootloader = { ...inspection().bootloader, cmdline: 'ro net.ifnames=0' };
      const classic = run({ network, bootloader }, { nics: [{ index: 0, mac: MAC, pciSlot: 192 }] });
      expect(classic.nics[0]?.nameSource).not.toBe('slot');
    });

    test('names are left alone when the playbook says off', () => {
      const plan = run(
        { network: { backends: ['ifupdown'], profiles: [profile], pins: [] } },
        { nics },
        { network: { mac: 'preserve', naming: 'off', freezeCloudInit: false } },
      );
      expect(plan.nics[0]).toMatchObject({ naming: 'none' });
      expect(plan.nics[0]?.ifname).toBeUndefined();
    });

    test('the playbook lays its own adapters over those of the descriptor', () => {
      const plan = run(
        {},
        { nics },
        { nics: { '0': { network: 'bridge:br0' }, '1': { mac: '52:54:00:00:00:01', model: 'e1000' } } },
      );
      expect(plan.nics).toMatchObject([
        { index: 0, mac: MAC, network: 'bridge:br0', model: 'virtio' },
        { index: 1, mac: '52:54:00:00:00:01', model: 'e1000', network: 'default' },
      ]);
    });
  });

  test('counts letters as the kernel does', () => {
    expect([0, 25, 26, 701, 702].map(diskLetters)).toEqual(['a', 'z', 'aa', 'zz', 'aaa']);
  });

  test('many disks go to virtio-scsi', () => {
    const disks = Array.from({ length: 21 }, (_, index) => ({
      id: `disk${index}`,
      index,
      bus: 'scsi' as const,
      location: { kind: 'blank' as const },
    }));
    expect(run({}, { disks }).disks[20]).toEqual({ index: 20, bus: 'virtio-scsi', target: 'sdu' });
  });
});
