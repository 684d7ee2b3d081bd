import { expect, test } from 'vitest';
import { readModuleIndex } from './module-names.js';
import { detectInitramfsTool, driverFacts, modulesIn } from './presence.js';
import type { InitramfsContents, InitramfsEntry } from './read.js';

const index = readModuleIndex({
  dep: 'kernel/virtio_blk.ko.xz:\nkernel/virtio_net.ko.xz:\nkernel/ahci.ko.xz:\n',
  softdep: '',
  builtin: 'kernel/virtio_pci.ko\n',
});

function entry(name: string, kind: InitramfsEntry['kind'] = 'file'): InitramfsEntry {
  return { name, kind, mode: 0o644, sizeBytes: 1, segment: 0 };
}

function contents(names: readonly string[], problem?: string): InitramfsContents {
  return { segments: [], entries: names.map((name) => entry(name)), ...(problem === undefined ? {} : { problem }) };
}

function facts(image: InitramfsContents | undefined): Record<string, string> {
  return Object.fromEntries(
    driverFacts('6.1', index, image).map(({ driver, presence, inInitramfs }) => [driver, `${presence} ${inInitramfs}`]),
  );
}

test('says where each driver is', () => {
  expect(
    facts(contents(['usr/lib/modules/6.1/kernel/ahci.ko.xz', 'lib/modules/6.1/updates/virtio-blk.ko'])),
  ).toMatchObject({
    virtio_pci: 'builtin builtin',
    virtio_blk: 'module yes',
    virtio_net: 'module no',
    ahci: 'module yes',
    nvme: 'absent no',
  });
});

test('what could not be read is unknown, never no; what was seen before the damage is there', () => {
  expect(facts(contents(['lib/modules/6.1/virtio_blk.ko'], 'damaged'))).toMatchObject({
    virtio_pci: 'builtin builtin',
    virtio_blk: 'module yes',
    virtio_net: 'module unknown',
  });
  expect(facts(undefined)).toMatchObject({ virtio_blk: 'module unknown', virtio_pci: 'builtin builtin' });
});

test('modules of another kernel, folders and links do not count', () => {
  const entries = [
    entry('usr/lib/modules/6.10/kernel/virtio_blk.ko'),
    entry('usr/lib/modules/6.1/virtio_net.ko', 'symlink'),
    entry('etc/virtio_scsi.ko'),
    entry('usr/lib/modules/6.1/nvme.ko.zst'),
  ];
  expect([...modulesIn(entries, '6.1')]).toEqual(['nvme']);
});

test('every family of images is known by its own files', () => {
  const tool = (...names: readonly string[]): string => detectInitramfsTool(names.map((name) => entry(name)));
  expect(tool('init', 'conf/initramfs.conf')).toBe('initramfs-tools');
  expect(tool('init', 'usr/lib/dracut/dracut-lib.sh')).toBe('dracut');
  expect(tool('init', 'usr/lib/dracut-lib.sh')).toBe('dracut');
  expect(tool('init', 'init_functions', 'buildconfig')).toBe('mkinitcpio');
  expect(tool('init', 'sbin/nlplug-findfs')).toBe('mkinitfs');
  expect(tool('init', 'run_all.sh')).toBe('mkinitrd');
  expect(tool('init')).toBe('unknown');
});
