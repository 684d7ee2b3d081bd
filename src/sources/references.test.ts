import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/fake-host.js';
import type { FakeHost } from '../host/fake-host.js';
import { DroverError } from '../lib/error.js';
import { checkUnchanged, recordFile } from './chain-file.js';
import { resolveReference } from './references.js';

async function scene(): Promise<FakeHost> {
  const host = createFakeHost();
  for (const path of [
    '/src/vm/a.vmdk',
    '/src/vm/sub/b.vmdk',
    '/src/other/c.vmdk',
    '/golden/base.vmdk',
    '/etc/passwd',
  ]) {
    host.files.put(path, path);
  }
  await host.files.symlink('/src/vm/a.vmdk', '/src/vm/inside');
  await host.files.symlink('/etc/passwd', '/src/vm/outside');
  await host.files.symlink('/golden/base.vmdk', '/src/vm/allowed');
  return host;
}

describe('resolveReference', () => {
  const cases: readonly [string, string][] = [
    ['a.vmdk', 'file /src/vm/a.vmdk'],
    ['sub/b.vmdk', 'file /src/vm/sub/b.vmdk'],
    ['inside', 'file /src/vm/a.vmdk'],
    ['allowed', 'file /golden/base.vmdk'],
    ['/golden/base.vmdk', 'file /golden/base.vmdk'],
    ['../../golden/base.vmdk', 'file /golden/base.vmdk'],
    ['gone.vmdk', 'missing /src/vm/gone.vmdk'],
    ['/golden/gone.vmdk', 'missing /golden/gone.vmdk'],
    ['outside', 'source.unsafe-ref'],
    ['sub', 'source.unsafe-ref'],
    ['/etc/passwd', 'source.unsafe-ref'],
    ['/src/vm/a.vmdk', 'source.unsafe-ref'],
    ['../other/c.vmdk', 'source.unsafe-ref'],
    ['../other/gone.vmdk', 'source.unsafe-ref'],
    ['/golden/../etc/passwd', 'source.unsafe-ref'],
    ['/goldenX/base.vmdk', 'source.unsafe-ref'],
    ['json:{}', 'source.unsafe-ref'],
    ['a\\b', 'source.unsafe-ref'],
    ['', 'source.unsafe-ref'],
  ];
  it.each(cases)('%j', async (name, expected) => {
    const { files } = await scene();
    try {
      const found = await resolveReference(files, { allowDirs: ['/golden'] }, '/src/vm/x.vmdk', name);
      expect(`${found.kind} ${found.path}`).toBe(expected);
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      expect(error.code).toBe(expected);
    }
  });
});

describe('checkUnchanged', () => {
  it('sees length, time and bytes at both ends', async () => {
    const host = createFakeHost();
    const big = Buffer.alloc(3 * 1024 ** 2, 1);
    host.files.put('/a', big);
    const recorded = await recordFile(host.files, '/a', 'image');
    await checkUnchanged(host.files, recorded);
    big[big.length - 1] = 2;
    host.files.put('/a', big);
    await expect(checkUnchanged(host.files, recorded)).rejects.toMatchObject({ code: 'source.changed' });
    await host.files.remove('/a');
    await expect(checkUnchanged(host.files, recorded)).rejects.toMatchObject({ code: 'source.missing' });
  });
});
