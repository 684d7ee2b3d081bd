import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testTree } from '../testing/tree.js';
import type { TestFile } from '../testing/tree.js';
import { formatGrubenv, parseGrubenv, withGrubenvValue } from './grubenv.js';
import { compareVersions, readBootEntries, readBootloaderFacts } from './index.js';
import { parseGrubConfig, shellWords } from './grub-cfg.js';
import { withSerialConsole } from './arguments.js';

describe('grubenv', () => {
  const value = fc.string({ unit: fc.constantFrom('a', '=', '\\', '\n', ' ', '#', '"'), maxLength: 40 });

  it('keeps its size and every other variable when one changes', () => {
    fc.assert(
      fc.property(value, value, value, (a, b, wanted) => {
        const block = formatGrubenv({
          entries: [
            ['saved_entry', a],
            ['kernelopts', b],
            ['boot_success', '1'],
          ],
        });
        if (block === undefined) return;
        expect(block).toHaveLength(1024);
        const edited = withGrubenvValue(block, 'kernelopts', wanted);
        if (edited === undefined) return;
        expect(edited).toHaveLength(1024);
        const env = parseGrubenv(edited);
        expect(env?.entries).toEqual([
          ['saved_entry', a],
          ['kernelopts', wanted],
          ['boot_success', '1'],
        ]);
      }),
    );
  });

  it('refuses what does not fit', () => {
    const block = formatGrubenv({ entries: [['kernelopts', 'x']] }) ?? '';
    expect(withGrubenvValue(block, 'kernelopts', 'y'.repeat(1024))).toBeUndefined();
    expect(parseGrubenv('no block')).toBeUndefined();
  });
});

describe('boot entries', () => {
  const config = (defaultLine: string) =>
    `${defaultLine}\nmenuentry 'A' $menuentry_id_option 'id-a' {\n linux /vmlinuz-6.1 root=UUID=1\n initrd /initrd.img-6.1\n}\n` +
    `submenu 'More' $menuentry_id_option 'sub' {\n menuentry 'B' --id id-b {\n  linux16 /vmlinuz-5.10 root=UUID=2\n }\n menuentry "C" {\n  linux ($root)/vmlinuz-5.4\n }\n}\n`;

  it.each([
    ['set default="0"', undefined, '6.1'],
    ['set default="1>0"', undefined, '5.10'],
    ['set default="sub>id-b"', undefined, '5.10'],
    ['set default="More>C"', undefined, '5.4'],
    ['set default="${saved_entry}"', '1>1', '5.4'],
    ['set default="${saved_entry}"', undefined, '6.1'],
    ['if x; then\nset default="${next_entry}"\nelse\nset default="1"\nfi', undefined, '5.10'],
    ['set default="gone"', undefined, '6.1'],
  ])('%s with saved entry %s boots %s', (line, saved, version) => {
    const env = saved === undefined ? '' : (formatGrubenv({ entries: [['saved_entry', saved]] }) ?? '');
    const tree = testTree({ '/boot/grub/grub.cfg': config(line), '/boot/grub/grubenv': env });
    const entry = readBootEntries(tree).find((each) => each.isDefault);
    expect(entry?.version).toBe(version);
    expect(entry?.kernel).toBe(`/boot/vmlinuz-${version}`);
  });

  it('follows entry files, their order and the variables in their options', () => {
    const entry = (version: string) =>
      `title R ${version}\nversion ${version}\nlinux /vmlinuz-${version}\ninitrd /initramfs-${version}.img $tuned_initrd\noptions $kernelopts quiet\n`;
    const files = {
      '/boot/loader/entries/m-4.18.0-80.conf': entry('4.18.0-80'),
      '/boot/loader/entries/m-4.18.0-193.conf': entry('4.18.0-193'),
      '/boot/loader/entries/m-0-rescue.conf': entry('0-rescue'),
      '/boot/grub2/grub.cfg': 'set default="${saved_entry}"\nblscfg\n',
    };
    const newest = readBootloaderFacts(
      testTree({
        ...files,
        '/boot/grub2/grubenv': formatGrubenv({ entries: [['kernelopts', 'root=/dev/sda1 ro']] }) ?? '',
      }),
    );
    expect(newest).toMatchObject({
      kinds: ['grub2', 'bls'],
      defaultKernel: '4.18.0-193',
      cmdline: 'root=/dev/sda1 ro quiet',
    });
    const saved = formatGrubenv({ entries: [['saved_entry', 'm-4.18.0-80']] }) ?? '';
    expect(readBootloaderFacts(testTree({ ...files, '/boot/grub2/grubenv': saved })).defaultKernel).toBe('4.18.0-80');
  });

  it('strips btrfs subvolumes and keeps /boot', () => {
    const tree = testTree({
      '/boot/grub/grub.cfg': 'menuentry x {\n linux /@/boot/vmlinuz-1 root=UUID=1\n initrd /@/boot/initrd.img-1\n}\n',
    });
    expect(readBootEntries(tree)[0]).toMatchObject({ kernel: '/boot/vmlinuz-1', initrds: ['/boot/initrd.img-1'] });
  });

  it.each([
    [
      'links beside /boot',
      '/vmlinuz',
      '/initrd.img',
      { '/vmlinuz': { link: 'boot/vmlinuz-6.1' }, '/initrd.img': { link: 'boot/initrd.img-6.1' } },
      '',
    ],
    [
      'the same in a btrfs subvolume',
      '/@rootfs/vmlinuz',
      '/@rootfs/initrd.img',
      { '/vmlinuz': { link: 'boot/vmlinuz-6.1' }, '/initrd.img': { link: 'boot/initrd.img-6.1' } },
      '',
    ],
    [
      'links in a separate /boot',
      '/vmlinuz',
      '/initrd.img',
      { '/boot/vmlinuz': { link: 'vmlinuz-6.1' }, '/boot/initrd.img': { link: 'initrd.img-6.1' } },
      '/boot',
    ],
  ])('finds the kernel behind %s', (_name, kernel, initrd, links, dir) => {
    const tree = testTree({
      '/boot/grub/grub.cfg': `menuentry x {\n linux ${kernel} root=UUID=1\n initrd ${initrd}\n}\n`,
      '/boot/vmlinuz-6.1': 'k',
      '/boot/initrd.img-6.1': 'i',
      ...(links as Record<string, TestFile>),
    });
    expect(readBootEntries(tree)[0]).toMatchObject({ kernel: `${dir}/vmlinuz`, initrds: [`${dir}/initrd.img`] });
  });

  it('takes a configuration without a menu for one entry', () => {
    const tree = testTree({
      '/boot/grub/grub.cfg':
        'set root=(hd0,msdos1)\nlinux /boot/vmlinuz-6.1 root=/dev/sda1 ro\ninitrd /boot/initrd.img-6.1\nboot\n',
    });
    expect(readBootEntries(tree)).toMatchObject([
      { kernel: '/boot/vmlinuz-6.1', initrds: ['/boot/initrd.img-6.1'], cmdline: 'root=/dev/sda1 ro', isDefault: true },
    ]);
  });

  it('reads GRUB legacy and its default', () => {
    const tree = testTree({
      '/boot/grub/menu.lst':
        'default 1\ntitle a\n kernel (hd0,0)/vmlinuz-1 root=/dev/sda1\ntitle b\n kernel /boot/vmlinuz-2 root=/dev/sda1\n initrd /boot/initrd-2\n',
    });
    expect(readBootloaderFacts(tree)).toMatchObject({ kinds: ['grub-legacy'], defaultKernel: '2' });
  });

  it('sees a configuration that only redirects', () => {
    expect(parseGrubConfig('search --fs-uuid --set=root x\nconfigfile ($root)/grub/grub.cfg\n').isStub).toBe(true);
  });
});

it('orders versions like RPM', () => {
  const sorted = ['4.18.0-193', '4.18.0-80', '5.14.0', '5.14.0~rc1', '4.18.0-193.el8_2', '10.0'].sort(compareVersions);
  expect(sorted).toEqual(['4.18.0-80', '4.18.0-193', '4.18.0-193.el8_2', '5.14.0~rc1', '5.14.0', '10.0']);
});

it('splits words like a shell', () => {
  expect(shellWords(`menuentry 'a b' "c \\"d\\"" e\\ f`)).toEqual(['menuentry', 'a b', 'c "d"', 'e f']);
});

it('adds a serial console once', () => {
  fc.assert(
    fc.property(fc.constantFrom('', 'ro quiet', 'console=tty0', 'console=ttyS0,9600', 'ro  '), (args) => {
      const once = withSerialConsole(args);
      expect(withSerialConsole(once)).toBe(once);
      expect(once).toMatch(/console=ttyS0/);
    }),
  );
});
