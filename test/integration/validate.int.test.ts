import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHost } from '../../src/host/index.js';
import type { DroverError } from '../../src/lib/error.js';
import type { AcceleratorVerdict } from '../../src/machine/index.js';
import type {
  ConvertResult,
  DiskImage,
  ResolvedSettings,
  StageResults,
  ValidateResult,
} from '../../src/model/index.js';
import { createConvertStage, createValidateStage } from '../../src/stages/index.js';
import { BOOT_DISKS } from '../fixtures/boot/sectors.js';
import { convertInputs, fixResult, stageContext, stageTask } from '../fixtures/boot/stage-task.js';
import { settings } from '../support/plan-fixture.js';
import { requireTools } from '../support/tools.js';

const hasImages = await requireTools('qemu-img');
const hasGuests = await requireTools('qemu-img', 'qemu-system-x86_64', 'guestfish');
const host = createHost();
const tcg: AcceleratorVerdict = {
  accelerator: 'tcg',
  cpuModel: 'max',
  reason: 'this test asks for emulation',
  slowness: 6,
  runs: [],
  probedAtMs: 0,
};
const convert = createConvertStage(host, { tool: 'drover 0.1.0' });
const validate = createValidateStage(host, { accelerator: tcg });

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-validate-'));
  for (const name of ['fixed', 'work', 'logs']) await mkdir(join(dir, name));
});
afterEach(() => rm(dir, { recursive: true }));

function level(name: ValidateResult['level'], required = true): Partial<ResolvedSettings> {
  return { validate: { ...settings().validate, level: name, required } };
}

/** Products of CONVERT for a disk with this content. */
async function products(content: Buffer, guest: 'linux' | 'none' = 'none'): Promise<Partial<StageResults>> {
  const path = join(dir, 'fixed/disk.raw');
  await writeFile(path, content);
  const disks: DiskImage[] = [{ id: 'disk0', index: 0, path, format: 'raw', virtualSizeBytes: content.length }];
  const inputs = convertInputs(disks, { FIX: fixResult(disks, { guest, nics: [] }) });
  const { result } = await convert.run(stageTask(dir, 'CONVERT'), stageContext(inputs));
  return { ...inputs, CONVERT: result };
}

async function failure(promise: Promise<unknown>): Promise<DroverError> {
  return promise.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as DroverError,
  );
}

const productOf = (inputs: Partial<StageResults>): string => (inputs.CONVERT as ConvertResult).disks[0]?.path ?? '';

describe.skipIf(!hasImages)('VALIDATE at level image', () => {
  it('passes sound products and keeps a record', async () => {
    const inputs = await products(Buffer.alloc(1024 ** 2, 7));
    const { result, outputs } = await validate.run(stageTask(dir, 'VALIDATE', level('image')), stageContext(inputs));
    expect([result.verdict, result.checks.map((check) => [check.id, check.status])]).toEqual([
      'pass',
      [
        ['image.disk0', 'pass'],
        ['image.xml', 'pass'],
        ['image.unchanged', 'pass'],
      ],
    ]);
    expect(outputs).toEqual([{ role: 'validation', path: join(dir, 'logs/validation.json'), kind: 'document' }]);
    expect(JSON.parse(await readFile(join(dir, 'logs/validation.json'), 'utf8'))).toEqual(result);
  });

  it('says nothing at level none', async () => {
    const { result, outputs } = await validate.run(
      stageTask(dir, 'VALIDATE', level('none')),
      stageContext(await products(Buffer.alloc(1024 ** 2))),
    );
    expect([result.verdict, result.checks, outputs]).toEqual(['skipped', [], []]);
  });

  it.each([
    [
      'damaged',
      async (path: string) => {
        // The first entry of the refcount table leads to nothing.
        const file = await open(path, 'r+');
        await file.write(Buffer.from('00000000000f0000', 'hex'), 0, 8, 65_536);
        await file.close();
      },
    ],
    ['gone', (path: string) => rm(path)],
    [
      'of another size',
      async (path: string) => void execFileSync('qemu-img', ['resize', '-q', '-f', 'qcow2', path, '+1M']),
    ],
    [
      'leaning on another file',
      async (path: string) => {
        await copyFile(path, `${path}.below`);
        execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', `${path}.below`, path]);
      },
    ],
  ])('fails a product that is %s', async (_, spoil) => {
    const inputs = await products(Buffer.alloc(1024 ** 2, 7));
    await spoil(productOf(inputs));
    const error = await failure(validate.run(stageTask(dir, 'VALIDATE', level('image')), stageContext(inputs)));
    expect(error.code).toBe('validate.image');
    expect((error.details?.['validation'] as ValidateResult).checks[0]).toMatchObject({
      id: 'image.disk0',
      status: 'fail',
    });
  });

  it('fails when the domain XML was spoilt', async () => {
    const inputs = await products(Buffer.alloc(1024 ** 2, 7));
    await writeFile(join(dir, 'out/web01.xml'), '<domain');
    const error = await failure(validate.run(stageTask(dir, 'VALIDATE', level('image')), stageContext(inputs)));
    expect([error.code, error.message]).toEqual(['validate.image', expect.stringContaining('image.xml failed')]);
  });
});

// Each of these starts the appliance once.
describe.skipIf(!hasGuests)('VALIDATE on machines', () => {
  it('fails a Linux product in which no Linux can be found', async () => {
    const inputs = await products(Buffer.alloc(1024 ** 2), 'linux');
    const error = await failure(validate.run(stageTask(dir, 'VALIDATE', level('boot')), stageContext(inputs)));
    const { checks } = error.details?.['validation'] as ValidateResult;
    expect([error.code, checks.find((check) => check.status === 'fail')?.id]).toEqual([
      'validate.filesystem',
      'fs.root',
    ]);
    // What fails on disk is not started.
    expect(checks.some((check) => check.level === 'boot')).toBe(false);
  });

  it('boots a machine that nobody fixed, and tells why it failed', async () => {
    const inputs = await products(BOOT_DISKS.panic());
    const error = await failure(validate.run(stageTask(dir, 'VALIDATE', level('boot')), stageContext(inputs)));
    expect([error.code, error.message]).toEqual(['validate.boot-failed', expect.stringContaining('kernel-panic')]);
    const { evidenceDir, accelerator } = error.details?.['validation'] as ValidateResult;
    expect(accelerator).toBe('tcg');
    expect(await readdir(evidenceDir ?? '')).toContain('serial.txt');
    // Nothing of the throw-away layers is left.
    expect(await readdir(join(dir, 'work'))).toEqual([]);
    expect((await readdir(join(dir, 'out'))).sort()).toEqual([
      ...['.drover.json', 'web01-disk0.qcow2', 'web01-disk0.qcow2.sha256', 'web01.xml'],
    ]);
  });
});
