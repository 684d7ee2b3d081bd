import { expect, test } from 'vitest';
import { createFakeHost } from '../../../host/fake-host.js';
import { writeCpio } from '../../../lib/cpio.js';
import type { CpioEntry } from '../../../lib/cpio.js';
import { appendDrivers } from './append.js';
import { readModuleIndex } from './module-names.js';
import { readInitramfs } from './read.js';

const version = '6.1.0';
const modulePath = 'kernel/virtio_blk.ko';

function archive(files: Readonly<Record<string, string>>): Buffer {
  return writeCpio(
    Object.entries(files).map(([name, text]): CpioEntry => ({
      name,
      kind: 'file',
      mode: 0o644,
      content: Buffer.from(text),
    })),
  );
}

test('brings a true copy of a file along, and only where the image has one', async () => {
  const host = createFakeHost();
  await host.files.makeDir('/scratch');
  await host.files.writeAtomic('/initrd', archive({ init: 'x', 'conf/conf.d/resume': 'RESUME=/dev/sda2\n' }));
  const base = `/scratch/union/lib/modules/${version}`;
  host.programs.expect(
    { tool: 'depmod' },
    {
      effect: async () => {
        await host.files.writeAtomic(`${base}/modules.dep`, `${modulePath}:\n`);
        await host.files.writeAtomic(`${base}/modules.alias`, 'alias virtio:d00000002v* virtio_blk\n');
      },
    },
  );
  const result = await appendDrivers(host, {
    image: '/initrd',
    version,
    wanted: ['virtio_blk'],
    index: readModuleIndex({ dep: `${modulePath}:\n`, softdep: '', builtin: '' }),
    lists: {},
    fetch: async () => new Map([[modulePath, Buffer.from('module')]]),
    replace: new Map([
      ['conf/conf.d/resume', Buffer.from('RESUME=UUID=1\n')],
      ['etc/other', Buffer.from('new')],
    ]),
    scratchDir: '/scratch',
  });
  expect(result).toMatchObject({ action: 'append', added: ['virtio_blk'] });
  const found = new Map<string, string>();
  await using image = await host.files.open('/scratch/initramfs.new');
  await readInitramfs(host, image, {
    collect: (entry) => (content) => void found.set(entry.name, Buffer.from(content).toString()),
  });
  expect(found.get('conf/conf.d/resume')).toBe('RESUME=UUID=1\n');
  expect(found.has('etc/other')).toBe(false);
  expect(found.get('init')).toBe('x');
});
