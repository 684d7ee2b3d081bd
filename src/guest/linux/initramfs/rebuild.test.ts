import { expect, test } from 'vitest';
import { testTree } from '../testing/tree.js';
import { loadHint } from './load-hint.js';
import { readModuleIndex } from './module-names.js';
import type { InitramfsContents } from './read.js';
import { findRebuildTool, judgeRebuilt, persistDrivers, rebuildCommands, requestableModules } from './rebuild.js';

const index = readModuleIndex({
  dep: 'kernel/virtio_blk.ko: kernel/virtio.ko\nkernel/virtio.ko:\n',
  softdep: '',
  builtin: 'kernel/virtio_pci.ko',
});

const request = {
  version: '5.14.0-1.el9',
  vmlinuz: '/boot/vmlinuz-5.14.0-1.el9',
  image: '/boot/.new',
  modules: ['virtio_blk'],
};

test('the kernel version is always said', () => {
  for (const tool of ['dracut', 'initramfs-tools', 'mkinitcpio'] as const) {
    for (const argv of rebuildCommands(tool, request)) expect(argv).toContain('5.14.0-1.el9');
  }
  expect(rebuildCommands('dracut', request)[0]).toEqual([
    ...['dracut', '--force', '--no-hostonly', '--add-drivers', 'virtio_blk', '/boot/.new', '5.14.0-1.el9'],
  ]);
  expect(rebuildCommands('dracut', { ...request, modules: [] })[0]).not.toContain('--add-drivers');
});

test('only modules that the kernel has as files are asked for', () => {
  expect(requestableModules(['virtio', 'virtio_pci', 'virtio_blk', 'virtio_scsi'], index)).toEqual([
    'virtio',
    'virtio_blk',
  ]);
});

test('the tool is found where the guest has it, dracut before the others', () => {
  expect(findRebuildTool(testTree({ '/usr/sbin/mkinitramfs': 'x', '/usr/bin/dracut': 'x' }))).toBe('dracut');
  expect(findRebuildTool(testTree({ '/usr/sbin/mkinitramfs': 'x' }))).toBe('initramfs-tools');
  expect(findRebuildTool(testTree({ '/etc/fstab': 'x' }))).toBeUndefined();
});

test('the setting for later kernel updates is written once', () => {
  const cases = [
    ['dracut', {}],
    ['initramfs-tools', { '/etc/initramfs-tools/modules': '# list\nvirtio-net  # adapter' }],
    ['mkinitcpio', { '/etc/mkinitcpio.conf': 'MODULES=(ext4)\nHOOKS=(base)\n' }],
  ] as const;
  const results = cases.map(([tool, files]) => {
    const tree = testTree(files);
    const setting = persistDrivers(tool, tree, ['virtio_net', 'virtio_blk']);
    if (setting === undefined) throw new Error('nothing to write');
    tree.write(setting.path, setting.content);
    expect(persistDrivers(tool, tree, ['virtio_net', 'virtio_blk'])).toBeUndefined();
    return setting.content;
  });
  expect(results).toEqual([
    '# Managed by Drover\nadd_drivers+=" virtio_net virtio_blk "\n',
    '# list\nvirtio-net  # adapter\nvirtio_blk\n',
    'MODULES=(ext4 virtio_net virtio_blk)\nHOOKS=(base)\n',
  ]);
});

test('a rebuilt image is refused for every way in which it can be wrong', () => {
  const image = (names: readonly string[], problem?: string): InitramfsContents => ({
    segments: [],
    entries: names.map((name) => ({ name, kind: 'file', mode: 0o644, sizeBytes: 1, segment: 0 })),
    ...(problem === undefined ? {} : { problem }),
  });
  const whole = ['init', 'lib/modules/1/virtio_blk.ko', 'lib/modules/1/virtio.ko'];
  const facts = { version: '1', required: ['virtio_blk', 'virtio_pci'], index, newBytes: 100, oldBytes: 400 };
  expect(judgeRebuilt(image(whole), facts)).toBeUndefined();
  expect(judgeRebuilt(image(whole), { ...facts, oldBytes: 401 })).toMatch(/quarter/);
  expect(judgeRebuilt(image(whole.slice(1)), facts)).toMatch(/no init/);
  expect(judgeRebuilt(image(whole.slice(0, 2)), facts)).toMatch(/lacks virtio$/);
  expect(judgeRebuilt(image(whole, 'cut'), facts)).toMatch(/cut/);
});

test('load hints add to what is there', () => {
  const current = new Map([
    ['conf/modules', Buffer.from('ext4')],
    ['config', Buffer.from('MODULES="ext4"\nHOOKS="udev"\n')],
  ]);
  const hint = (tool: Parameters<typeof loadHint>[0]): string | undefined =>
    loadHint(tool, [], current, ['virtio_blk'])?.content.toString();
  expect(hint('initramfs-tools')).toBe('ext4\nvirtio_blk\n');
  expect(hint('dracut')).toBe('virtio_blk\n');
  expect(hint('mkinitcpio')).toBe('MODULES="ext4"\nHOOKS="udev"\nMODULES="ext4 virtio_blk"\n');
  expect(hint('unknown')).toBeUndefined();
});
