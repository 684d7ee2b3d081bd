import { mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHost } from '../host/index.js';
import { guardPlace, placeProduct, productName, readProducts, removeStaleParts } from './products.js';

const host = createHost();
let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-products-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function place(name: string, content: string): Promise<void> {
  const part = join(dir, `${name}.part-1`);
  await writeFile(part, content);
  await placeProduct(host, dir, part, name, 'made from this');
}

async function guard(name: string, overwrite = false): Promise<string> {
  return guardPlace(host, dir, await readProducts(host, dir), name, overwrite).then(
    () => 'free',
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('names of products', () => {
  it.each([
    ['web01', 'web01'],
    ['Web 01 (prod)', 'Web-01--prod-'],
    ['../../etc', 'etc'],
    ['.hidden', 'hidden'],
    ['-f', 'f'],
    ['äöü', 'vm'],
    ['..', 'vm'],
  ])('%j becomes %j', (name, expected) => expect(productName(name)).toBe(expected));
});

describe('the place of a product', () => {
  it('is free when nothing is there, or when what is there is ours', async () => {
    expect(await guard('a.qcow2')).toBe('free');
    await place('a.qcow2', 'one');
    expect(await guard('a.qcow2')).toBe('free');
    await place('a.qcow2', 'two');
    expect((await readProducts(host, dir)).files).toHaveLength(1);
    expect(await readFile(join(dir, 'a.qcow2'), 'utf8')).toBe('two');
  });

  it('is not free for anything else', async () => {
    await writeFile(join(dir, 'foreign.qcow2'), 'x');
    await symlink('/etc/passwd', join(dir, 'link.qcow2'));
    await place('used.qcow2', 'one');
    await writeFile(join(dir, 'used.qcow2'), 'two');
    await place('touched.qcow2', 'one');
    await utimes(join(dir, 'touched.qcow2'), 1, 1);
    expect(await guard('foreign.qcow2')).toBe('convert.foreign-file');
    expect(await guard('link.qcow2')).toBe('convert.foreign-file');
    expect(await guard('used.qcow2')).toBe('convert.product-changed');
    expect(await guard('touched.qcow2')).toBe('convert.product-changed');
    for (const name of ['foreign.qcow2', 'link.qcow2', 'used.qcow2']) expect(await guard(name, true)).toBe('free');
  });

  it('is never free where a folder lies', async () => {
    await host.files.makeDir(join(dir, 'folder.qcow2'));
    expect(await guard('folder.qcow2', true)).toBe('convert.foreign-file');
  });

  it('stays ours when a crash strikes between the record and the rename', async () => {
    await place('a.qcow2', 'old content');
    const broken = { ...host, files: { ...host.files, rename: () => Promise.reject(new Error('power is gone')) } };
    await writeFile(join(dir, 'a.qcow2.part-2'), 'new');
    await expect(placeProduct(broken, dir, join(dir, 'a.qcow2.part-2'), 'a.qcow2', 'x')).rejects.toThrow('power');
    expect(await guard('a.qcow2')).toBe('free');
    // The rename may have reached the disk before the crash, the record after it not.
    await rename(join(dir, 'a.qcow2.part-2'), join(dir, 'a.qcow2'));
    expect(await guard('a.qcow2')).toBe('free');
  });

  it.each(['', '{', 'null', '{"version":2,"files":[]}', '{"version":1,"files":[{"name":1}]}'])(
    'is nobody’s when the record is %j',
    async (text) => {
      await place('a.qcow2', 'one');
      await writeFile(join(dir, '.drover.json'), text);
      expect(await guard('a.qcow2')).toBe('convert.foreign-file');
    },
  );

  it('is cleared of what an interrupted run left', async () => {
    for (const name of [
      'a.qcow2.part-1',
      '.a.xml.part-2',
      '..drover.json.part-3',
      'b.part-1',
      'a.qcow2',
      'a.qcow2.bak',
    ]) {
      await writeFile(join(dir, name), 'x');
    }
    expect(await removeStaleParts(host, dir, ['a.qcow2', 'a.xml'])).toEqual([
      ...['..drover.json.part-3', '.a.xml.part-2', 'a.qcow2.part-1'],
    ]);
  });
});
