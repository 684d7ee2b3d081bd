import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseDomainXml } from '../../src/domain/index.js';
import { createHost } from '../../src/host/index.js';
import type { DroverError } from '../../src/lib/error.js';
import type { DiskImage, ResolvedSettings, StageResults } from '../../src/model/index.js';
import { createConvertStage } from '../../src/stages/index.js';
import { convertInputs, plan, stageContext, stageTask } from '../fixtures/boot/stage-task.js';
import { settings } from '../support/plan-fixture.js';
import { requireTools } from '../support/tools.js';

const hasTools = await requireTools('qemu-img');
const hasLibvirt = await requireTools('virsh', 'virt-xml-validate');
const host = createHost();
const stage = createConvertStage(host, { tool: 'drover 0.1.0' });
const MIB = 1024 ** 2;

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-convert-'));
  for (const name of ['fixed', 'work', 'logs']) await mkdir(join(dir, name));
});
afterEach(() => rm(dir, { recursive: true }));

function qemuImg(...args: readonly string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8' });
}

/** A fixed image as FIX leaves it: an overlay with edits over a source that holds data. */
async function fixed(index = 0, sizeBytes = 8 * MIB): Promise<DiskImage> {
  const source = join(dir, `fixed/source${index}.raw`);
  const data = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes / 2; at += 4096) data.writeUInt32LE(at + index + 1, at);
  await writeFile(source, data);
  const path = join(dir, `fixed/guest-${index}.qcow2`);
  qemuImg('create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', source, path);
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', `write -P 0x5a 1M 64k`, path], { stdio: 'ignore' });
  return { id: `disk${index}`, index, path, format: 'qcow2', virtualSizeBytes: sizeBytes };
}

function convert(
  disks: readonly DiskImage[],
  over: Partial<ResolvedSettings> = {},
  inputs: Partial<StageResults> = {},
  signal?: AbortSignal,
) {
  const context = stageContext(convertInputs(disks, inputs), signal);
  return { context, outcome: stage.run(stageTask(dir, 'CONVERT', over), context) };
}

async function failure(promise: Promise<unknown>): Promise<DroverError> {
  return promise.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as DroverError,
  );
}

const names = (): Promise<string[]> => readdir(join(dir, 'out')).then((list) => list.sort());

describe.skipIf(!hasTools)('CONVERT', () => {
  it('writes products that hold what the fixed images hold, and the domain XML', async () => {
    const disks = [await fixed(0), await fixed(1)];
    const { context, outcome } = convert(disks);
    const { result, outputs } = await outcome;
    expect(await names()).toEqual([
      ...['.drover.json', 'web01-disk0.qcow2', 'web01-disk0.qcow2.sha256'],
      ...['web01-disk1.qcow2', 'web01-disk1.qcow2.sha256', 'web01.xml'],
    ]);
    for (const [index, disk] of result.disks.entries()) {
      expect([disk.path, disk.check]).toEqual([join(dir, `out/web01-disk${index}.qcow2`), 'clean']);
      qemuImg('compare', '-f', 'qcow2', '-F', 'qcow2', disks[index]?.path ?? '', disk.path);
      const info = JSON.parse(qemuImg('info', '--output=json', disk.path)) as Record<string, unknown>;
      expect([info['virtual-size'], info['backing-filename']]).toEqual([8 * MIB, undefined]);
      const sum = createHash('sha256')
        .update(await readFile(disk.path))
        .digest('hex');
      expect(await readFile(`${disk.path}.sha256`, 'utf8')).toBe(`${sum}  web01-disk${index}.qcow2\n`);
      expect(outputs.find((output) => output.path === disk.path)?.sha256).toBe(sum);
    }
    expect(outputs.map((output) => [output.role, output.kind])).toEqual([
      ['disk0', 'product'],
      ['disk1', 'product'],
      ['domain-xml', 'product'],
    ]);
    const xml = await readFile(result.domainXml, 'utf8');
    expect(parseDomainXml(xml)).toEqual(result.domain);
    expect((await stat(result.domainXml)).mode & 0o777).toBe(0o644);
    if (hasLibvirt) expect(result.xmlChecks.map((c) => c.result)).toEqual(['pass', 'pass', 'pass']);
    const last = context.progressed.at(-1);
    expect([last?.doneBytes, last?.totalKind]).toEqual([last?.totalBytes, 'exact']);
  });

  it.each([
    ['raw', { format: 'raw', compress: 'none', preallocation: 'off', bus: 'auto' }, 'raw', 0.6],
    ['zstd', { format: 'qcow2', compress: 'zstd', preallocation: 'off', bus: 'auto' }, 'qcow2', 0.3],
    ['zlib', { format: 'qcow2', compress: 'zlib', preallocation: 'off', bus: 'auto' }, 'qcow2', 0.3],
    ['reserved in full', { format: 'qcow2', compress: 'none', preallocation: 'falloc', bus: 'auto' }, 'qcow2', 1.2],
  ] as const)('writes %s products', async (_, disk, format, most) => {
    const images = [await fixed()];
    const { result } = await convert(images, { disk }).outcome;
    const product = result.disks[0];
    expect(product?.format).toBe(format);
    qemuImg('compare', '-f', 'qcow2', '-F', format, images[0]?.path ?? '', product?.path ?? '');
    expect(product?.allocatedBytes).toBeLessThan(8 * MIB * most);
    if (format === 'qcow2' && disk.compress !== 'none') {
      const info = JSON.parse(qemuImg('info', '--output=json', product?.path ?? '')) as {
        'format-specific': { data: Record<string, unknown> };
      };
      expect(info['format-specific'].data['compression-type']).toBe(disk.compress);
    }
  });

  it('compares every byte when asked to', async () => {
    const { result } = await convert([await fixed()], {
      convert: { verify: 'full', checksum: false, overwrite: false },
    }).outcome;
    expect(result.disks[0]?.check).toBe('clean');
  });

  it('says what it could not do with an option', async () => {
    const disk = { format: 'raw', compress: 'zstd', preallocation: 'metadata', bus: 'auto' } as const;
    const { warnings } = await convert([await fixed()], { disk }).outcome;
    expect(warnings?.map((warning) => warning.code)).toEqual(['convert.option-dropped', 'convert.option-dropped']);
  });

  it('replaces its own products, but no file of anybody else', async () => {
    await convert([await fixed()]).outcome;
    const before = await stat(join(dir, 'out/web01-disk0.qcow2'));
    await writeFile(join(dir, 'fixed/touch'), '');
    await utimes(join(dir, 'fixed/guest-0.qcow2'), new Date(), new Date());
    await convert([{ ...(await fixed()) }]).outcome;
    expect((await stat(join(dir, 'out/web01-disk0.qcow2'))).ino).not.toBe(before.ino);

    await rm(join(dir, 'out/.drover.json'));
    const foreign = await failure(convert([await fixed()]).outcome);
    expect([foreign.code, foreign.message]).toEqual([
      'convert.foreign-file',
      expect.stringContaining('web01-disk0.qcow2'),
    ]);
    const convertSettings = { ...settings().convert, overwrite: true };
    await convert([await fixed()], { convert: convertSettings }).outcome;
  });

  it('does not replace a product that a machine has been started from', async () => {
    const disks = [await fixed()];
    await convert(disks).outcome;
    const product = join(dir, 'out/web01-disk0.qcow2');
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 1 2M 64k', product], { stdio: 'ignore' });
    const content = await readFile(product);
    await utimes(disks[0]?.path ?? '', new Date(), new Date(5000));
    expect((await failure(convert(disks).outcome)).code).toBe('convert.product-changed');
    expect((await readFile(product)).equals(content)).toBe(true);
  });

  it('does not write again what an earlier attempt wrote from the same image', async () => {
    const disks = [await fixed(0), await fixed(1)];
    await convert(disks).outcome;
    await rm(join(dir, 'out/web01-disk1.qcow2'));
    const before = await stat(join(dir, 'out/web01-disk0.qcow2'));
    const { context, outcome } = convert(disks);
    await outcome;
    expect((await stat(join(dir, 'out/web01-disk0.qcow2'))).ino).toBe(before.ino);
    expect(context.logged.filter((line) => line.includes('already written'))).toHaveLength(1);
    expect(await names()).toContain('web01-disk1.qcow2');
  });

  it('removes what an interrupted run left, and nothing else', async () => {
    await mkdir(join(dir, 'out'));
    for (const name of [
      'web01-disk0.qcow2.part-abc',
      '.web01.xml.part-1234',
      'other.part-abc',
      'web01-disk0.qcow2.bak',
    ]) {
      await writeFile(join(dir, 'out', name), 'x');
    }
    await convert([await fixed()]).outcome;
    expect((await names()).filter((name) => !name.startsWith('web01-disk0.qcow2.s'))).toEqual([
      ...['.drover.json', 'other.part-abc', 'web01-disk0.qcow2', 'web01-disk0.qcow2.bak', 'web01.xml'],
    ]);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const disks = [await fixed(0, 512 * MIB)];
    const abort = new AbortController();
    const { outcome } = convert(disks, { disk: { ...settings().disk, compress: 'zlib' } }, {}, abort.signal);
    // Wait for the part to appear, so that the cancel strikes in the middle of the pass.
    for (let i = 0; i < 200 && !(await names().catch(() => [])).some((name) => name.includes('.part-')); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    abort.abort(new Error('cancelled by the test'));
    await failure(outcome);
    expect(await names()).toEqual([]);
    expect(execFileSync('ps', ['ax'], { encoding: 'utf8' })).not.toContain(join(dir, 'out'));
  });

  it('does not touch the fixed images or what lies below', async () => {
    const disks = [await fixed()];
    const sums = async (): Promise<string[]> =>
      Promise.all(
        (await readdir(join(dir, 'fixed'))).map(async (name) =>
          createHash('sha256')
            .update(await readFile(join(dir, 'fixed', name)))
            .digest('hex'),
        ),
      );
    const before = await sums();
    await convert(disks).outcome;
    expect(await sums()).toEqual(before);
  });

  it('refuses a machine that libvirt would refuse, and keeps the XML for the reader', async () => {
    const disks = [await fixed()];
    const bad = plan(disks, {
      nics: [{ index: 0, mac: 'zz:zz', model: 'virtio', network: 'default', naming: 'none' }],
    });
    const error = await failure(convert(disks, {}, { PLAN: bad }).outcome);
    if (!hasLibvirt) return;
    expect(error.code).toBe('vm.domain.invalid');
    // The message names the device, not just "extra element devices".
    expect(error.message).toContain('zz:zz');
    expect(await readFile(join(dir, 'logs/web01.xml'), 'utf8')).toContain('zz:zz');
    expect(await names()).not.toContain('web01.xml');
  });

  it('says that a folder cannot be written to', async () => {
    await mkdir(join(dir, 'out'));
    await chmod(join(dir, 'out'), 0o500);
    if (process.getuid?.() === 0) return console.warn('skipped: root may write everywhere');
    expect((await failure(convert([await fixed()]).outcome)).code).toMatch(/^(file.denied|convert.failed)$/);
  });
});

/** A small file system to fill up, or the reason why there is none. */
async function smallFileSystem(path: string, size: string): Promise<string | undefined> {
  await mkdir(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `cannot mount a small tmpfs: ${(error as Error).message.split('\n').at(-2) ?? ''}`;
  }
}

describe.skipIf(!hasTools)('CONVERT on a full disk', () => {
  afterEach(() => {
    try {
      execFileSync('umount', [join(dir, 'out')], { stdio: 'ignore' });
    } catch {
      // It was never mounted.
    }
  });

  it.each([
    ['refuses before the first byte', {}],
    ['fails cleanly when compression was hoped to help', { disk: { ...settings().disk, compress: 'zlib' as const } }],
  ])('%s', async (_, over) => {
    const why = await smallFileSystem(join(dir, 'out'), '1m');
    if (why !== undefined) {
      if (process.env['DROVER_REQUIRE_TOOLS'] === '1') throw new Error(why);
      return console.warn(`skipped: ${why}`);
    }
    const image = await fixed(0, 8 * MIB);
    // Noise does not shrink.
    const noise = join(dir, 'fixed/noise');
    await writeFile(noise, randomBytes(4 * MIB));
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', `write -s ${noise} 0 4M`, image.path], { stdio: 'ignore' });
    const error = await failure(convert([image], over).outcome);
    expect(error.code).toBe('convert.no-space');
    expect(error.details).toMatchObject({ path: join(dir, 'out'), availableBytes: expect.any(Number) });
    expect((error.details?.['neededBytes'] as number) > (error.details?.['availableBytes'] as number)).toBe(true);
    expect(await names()).toEqual([]);
  });
});
