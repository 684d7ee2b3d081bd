import { expect, test } from 'vitest';
import { moduleClosure, moduleName, readModuleIndex } from './module-names.js';

const index = readModuleIndex({
  dep: [
    'kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz',
    'kernel/drivers/virtio/virtio.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz',
    'kernel/drivers/virtio/virtio_ring.ko.xz:',
    'kernel/drivers/char/hw_random/virtio-rng.ko.xz: kernel/drivers/virtio/virtio.ko.xz',
    'kernel/a.ko: kernel/b.ko',
    'kernel/b.ko: kernel/a.ko',
    'nonsense without colon',
  ].join('\n'),
  softdep: '# comment\nsoftdep virtio_blk pre: virtio-rng post: nowhere\nsoftdep broken\n',
  builtin: 'kernel/drivers/virtio/virtio_ring.ko\nkernel/fs/ext4/ext4.ko\n',
});

test('hyphens, folders and compression do not change a name', () => {
  expect(['kernel/x/virtio-rng.ko.zst', 'virtio_rng.ko', 'virtio-rng.ko.gz'].map(moduleName)).toEqual(
    Array.from({ length: 3 }, () => 'virtio_rng'),
  );
  expect(['modules.dep', 'a.ko.txt', 'ko', '.ko'].map(moduleName)).toEqual(Array.from({ length: 4 }, () => undefined));
});

test('the closure holds hard and soft needs, and nothing that is built in or not there', () => {
  expect(moduleClosure(['virtio_blk', 'ext4', 'absent'], index)).toEqual(['virtio', 'virtio_blk', 'virtio_rng']);
});

test('needs in a circle end', () => {
  expect(moduleClosure(['a'], index)).toEqual(['a', 'b']);
});

test('paths are kept as they are written', () => {
  expect(index.paths.get('virtio_rng')).toBe('kernel/drivers/char/hw_random/virtio-rng.ko.xz');
  expect(index.builtin.has('ext4')).toBe(true);
});
