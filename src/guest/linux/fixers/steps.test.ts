import { describe, expect, it } from 'vitest';
import { DroverError } from '../../../lib/error.js';
import { withAppliance } from '../testing/appliance.js';
import { oneNic, rootUuid, testContext } from '../testing/context.js';
import { fsckFixer } from './fsck.js';
import { initramfsFixer } from './initramfs.js';
import { postcheckFixer } from './postcheck-step.js';
import { fixers } from './registry.js';
import { runFixers } from './runner.js';
import type { Fixer } from './types.js';
import { planFallback, uefiFallbackFixer } from './uefi-fallback.js';
import { FIX_STEPS } from '../../../model/fix.js';

async function codeOf(run: Promise<unknown>): Promise<string | undefined> {
  return run.then(
    () => undefined,
    (error: unknown) => (error instanceof DroverError ? error.code : String(error)),
  );
}

it('has every step once, in the one order', () => {
  expect(fixers.map((fixer) => fixer.id)).toEqual([...FIX_STEPS]);
});

describe('runFixers', () => {
  const writes = (id: Fixer['id'], path: string): Fixer => ({
    id,
    warningCode: 'guest.fstab',
    run: (ctx) => {
      ctx.tree.write(path, 'new');
      return {};
    },
  });
  const fails = (code: 'guest.call' | 'guest.root-spec' | 'guest.appliance-lost'): Fixer => ({
    id: 'network',
    warningCode: 'guest.network',
    run: (ctx) => {
      ctx.tree.write('/etc/half', 'done');
      ctx.tree.write('/etc/a', 'spoiled');
      throw new DroverError({ code, message: 'no' });
    },
  });

  it('undoes and reports a step that fails, and goes on', async () => {
    const ctx = testContext({ '/etc/a': 'old' });
    const reports = await runFixers(ctx, [writes('fstab', '/etc/b'), fails('guest.call'), writes('modules', '/etc/c')]);
    expect(reports.map((report) => report.status)).toEqual(['changed', 'failed', 'changed']);
    expect(reports[1]?.error).toMatchObject({ code: 'guest.call', message: 'no' });
    expect(ctx.tree.changes().map((change) => change.path)).toEqual(['/etc/b', '/etc/c']);
    expect(ctx.tree.text('/etc/a')).toBe('old');
    expect(ctx.state.degraded).toBe(true);
  });

  it.each(['guest.root-spec', 'guest.appliance-lost'] as const)('ends with %s', async (code) => {
    expect(await codeOf(runFixers(testContext({ '/etc/a': 'x' }), [fails(code), writes('modules', '/etc/c')]))).toBe(
      code,
    );
  });

  it('skips what the plan left out, with its reason', async () => {
    const steps = [{ id: 'fstab' as const, willRun: false, reason: 'not today' }];
    const reports = await runFixers(testContext({}, { plan: { steps } }), [writes('fstab', '/etc/b')]);
    expect(reports[0]).toMatchObject({ status: 'skipped', notes: ['not today'], changes: [] });
  });

  it('shows secrets beside an edit to nobody', async () => {
    const path = '/etc/NetworkManager/system-connections/w';
    const content =
      '[connection]\ntype=ethernet\n[wifi-security]\npsk=hunter2hunter2\n[match]\ndriver=vmxnet3\n[ipv4]\nmethod=auto\n';
    const reports = await runFixers(
      testContext({ [path]: content }, { nics: oneNic }),
      fixers.filter((fixer) => fixer.id === 'network'),
    );
    expect(reports[0]?.changes.map((change) => change.path)).toContain(path);
    expect(JSON.stringify(reports)).not.toContain('hunter2');
    expect(JSON.stringify(reports)).toContain('psk=[secret]');
  });
});

describe('step uefi-fallback', () => {
  const efi = '/boot/efi/EFI';
  const uefi = (loaders: readonly string[], id = 'debian') => ({
    plan: { firmware: 'uefi' as const },
    inspection: {
      distro: { id, idLike: [], versionId: '', prettyName: '' },
      firmware: { observed: 'uefi' as const, fallbackLoader: false, efiLoaders: loaders, espDevice: '/dev/sda1' },
    },
  });

  it('copies shim with its companions from the folder of the distribution', () => {
    const loaders = [
      `${efi}/debian/shimx64.efi`,
      `${efi}/debian/grubx64.efi`,
      `${efi}/debian/mmx64.efi`,
      `${efi}/other/grubx64.efi`,
      `${efi}/Microsoft/Boot/bootmgfw.efi`,
    ];
    const ctx = testContext({ [`${efi}/debian/grub.cfg`]: 'x' }, uefi(loaders));
    expect(planFallback(ctx)).toEqual({
      vendorDir: `${efi}/debian`,
      bootDir: `${efi}/BOOT`,
      copies: [
        ['shimx64.efi', 'BOOTX64.EFI'],
        ['grubx64.efi', 'grubx64.efi'],
        ['mmx64.efi', 'mmx64.efi'],
        ['grub.cfg', 'grub.cfg'],
      ],
    });
  });

  it('takes GRUB or systemd-boot themselves where there is no shim, and the spelling that is there', () => {
    const ctx = testContext({ [`${efi}/Boot/x`]: 'x' }, uefi([`${efi}/systemd/systemd-bootx64.efi`], 'arch'));
    expect(planFallback(ctx)).toMatchObject({
      bootDir: `${efi}/Boot`,
      copies: [['systemd-bootx64.efi', 'BOOTX64.EFI']],
    });
  });

  it('ends FIX without any loader, and when the copy does not arrive', async () => {
    expect(await codeOf(Promise.resolve().then(() => uefiFallbackFixer.run(testContext({}, uefi([])))))).toBe(
      'guest.no-loader',
    );
    const full = withAppliance(testContext({}, uefi([`${efi}/debian/grubx64.efi`])), { script: () => '' });
    expect(await codeOf(Promise.resolve(uefiFallbackFixer.run(full)))).toBe('guest.uefi-fallback');
    const good = withAppliance(testContext({}, uefi([`${efi}/debian/grubx64.efi`])), { script: () => 'copied\n' });
    expect((await uefiFallbackFixer.run(good)).changes?.[0]?.path).toBe(`${efi}/BOOT/BOOTX64.EFI`);
  });
});

describe('step initramfs', () => {
  const kernel = {
    version: '6.1',
    vmlinuz: '/boot/vmlinuz-6.1',
    modulesDir: '/usr/lib/modules/6.1',
    isDefault: true,
    isRescue: false,
    drivers: [],
    initramfs: { path: '/boot/initrd.img-6.1', sizeBytes: 100, tool: 'unknown' as const, formats: [] },
  };
  const facts = (fallbackBus?: 'sata') => ({
    inspection: { kernels: [kernel] },
    plan: {
      kernels: [
        {
          version: '6.1',
          initramfs: '/boot/initrd.img-6.1',
          action: 'rebuild' as const,
          modules: ['virtio_blk'],
          reason: 'x',
        },
      ],
      ...(fallbackBus === undefined ? {} : { fallbackBus }),
    },
  });

  it('goes to another bus when the default kernel cannot be completed, and says so', async () => {
    const ctx = withAppliance(testContext({}, facts('sata')));
    const outcome = await initramfsFixer.run(ctx);
    expect(outcome.warnings?.[0]).toMatch(/disks go to sata instead/);
    expect(ctx.state.buses.map((disk) => [disk.bus, disk.target])).toEqual([
      ['sata', 'sda'],
      ['sata', 'sdb'],
    ]);
    expect(ctx.state.degraded).toBe(true);
  });

  it('ends FIX without another bus', async () => {
    expect(await codeOf(Promise.resolve(initramfsFixer.run(withAppliance(testContext({}, facts())))))).toBe(
      'guest.initramfs',
    );
  });
});

describe('step postcheck', () => {
  const config = (root: string) =>
    `set default="0"\nmenuentry x {\n linux /boot/vmlinuz-1 root=${root} ro\n initrd /boot/initrd.img-1\n}\n`;
  const kernels = { '/boot/vmlinuz-1': 'k', '/boot/initrd.img-1': 'i' };
  const check = (files: Record<string, string>) => codeOf(Promise.resolve(postcheckFixer.run(testContext(files))));

  it('accepts a guest that finds its kernel and its root', async () => {
    expect(
      await check({
        ...kernels,
        '/boot/grub/grub.cfg': config(`UUID=${rootUuid}`),
        '/etc/fstab': `UUID=${rootUuid} / ext4\n`,
      }),
    ).toBeUndefined();
  });

  it.each([
    ['a missing initramfs', { '/boot/vmlinuz-1': 'k', '/boot/grub/grub.cfg': config(`UUID=${rootUuid}`) }],
    [
      'a root that is another filesystem',
      { ...kernels, '/boot/grub/grub.cfg': config('UUID=a0b1c2d3-e4f5-4678-89ab-cdef01234567') },
    ],
    ['a root that does not exist', { ...kernels, '/boot/grub/grub.cfg': config('UUID=dead') }],
    [
      'a name that changes',
      { ...kernels, '/etc/fstab': '/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1 / ext4\n' },
    ],
    ['a name that changes in a unit', { ...kernels, '/etc/systemd/system/x.mount': '[Mount]\nWhat=/dev/sdb1\n' }],
  ])('refuses %s', async (_what, files) => {
    expect(await check(files as Record<string, string>)).toBe('guest.postcheck');
  });

  it('asks the guest itself whether the files are there', async () => {
    const ctx = withAppliance(testContext({ ...kernels, '/boot/grub/grub.cfg': config(`UUID=${rootUuid}`) }), {
      call: (words) => ({ ok: true, output: words[1] === '/boot/initrd.img-1' ? 'false\n' : 'true\n', error: '' }),
    });
    expect(await codeOf(Promise.resolve(postcheckFixer.run(ctx)))).toBe('guest.postcheck');
  });
});

it('step fsck ends with a root that could not be replayed, and warns of others', async () => {
  const mount = { device: '/dev/sda1', fsType: 'ext4', dirty: true };
  const dirty = (path: string, readOnlyReason?: string) =>
    testContext(
      {},
      {
        inspection: { mountpoints: [{ path, ...mount, ...(readOnlyReason === undefined ? {} : { readOnlyReason }) }] },
      },
    );
  expect((await fsckFixer.run(dirty('/'))).notes).toEqual(['/: the journal of /dev/sda1 was replayed']);
  expect(await codeOf(Promise.resolve(fsckFixer.run(dirty('/', 'bad'))))).toBe('guest.fsck');
  expect((await fsckFixer.run(dirty('/srv', 'bad'))).warnings?.[0]).toMatch(/bad/);
});
