/** A run that is killed, stopped or hindered: nothing is lost, nothing is left, and it comes to the same end. */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunReport } from '../../src/model/report.js';
import { requireGuests } from '../support/guests.js';
import { demoSettings, digestOf, trialGround, until } from '../support/trial-ground.js';
import type { TrialGround } from '../support/trial-ground.js';

const hasGuests = await requireGuests();

/** Nothing lives on, and nothing half-written or locked is left. */
async function expectClean(ground: TrialGround): Promise<void> {
  await until(async () => (await ground.processes()).length === 0, 'every process has ended');
  const left = [...(await ground.files('out')), ...(await ground.files('.drover'))];
  expect(left.filter((path) => /\.part-|\.partial\b|\/locks\/|drover-locks\//.test(path))).toEqual([]);
}

describe.skipIf(!hasGuests)('a run that is killed with -9', () => {
  let ground: TrialGround;
  let source = '';
  beforeAll(async () => {
    ground = await trialGround();
    await ground.write(demoSettings('fs'));
    source = await digestOf(ground.source);
  });
  afterAll(() => ground.remove());

  // FLATTEN and PLAN take milliseconds: a kill that is meant for them lands beside them. The engine's own crash test makes
  // every stage hang and kills it there.
  test.each(['FETCH', 'INSPECT', 'FIX', 'CONVERT', 'VALIDATE'])('in %s, leaves no process behind', async (stage) => {
    const running = ground.start(stage === 'FETCH' ? ['run', 'first.yaml', '--yes'] : ['resume']);
    await ground.untilRunning(stage, running);
    running.child.kill('SIGKILL');
    expect((await running.ended).code).toBe(null);
    // What it had started dies with it; the appliance needs a moment to notice.
    await until(async () => (await ground.processes()).length === 0, 'the children have ended');
    expect(await digestOf(ground.source)).toBe(source);
  });

  test('and in the end comes to the same product, with its source untouched', async () => {
    const last = await ground.run(['resume', '--json']);
    expect(last.err).not.toMatch(/^error/m);
    expect(last.code).toBe(0);
    const report = JSON.parse(last.out) as RunReport;
    expect(report.vms[0]?.validation?.verdict).toBe('pass');
    expect(report.run.outcome).toBe('succeeded');
    expect((await readdir(join(ground.dir, 'out/web01'))).filter((name) => !name.startsWith('.')).sort()).toEqual([
      'web01-disk0.qcow2',
      'web01.xml',
    ]);
    expect(await digestOf(ground.source)).toBe(source);
    await expectClean(ground);
    expect((await readdir(join(ground.dir, '.drover/runs'))).length).toBe(1);
  });

  test('a lost product is made again, an altered one is never replaced unasked', async () => {
    const product = join(ground.dir, 'out/web01/web01-disk0.qcow2');
    await rm(product);
    const plan = await ground.run(['plan', 'first.yaml']);
    expect(plan.out).toMatch(/CONVERT: .*drov/);
    expect((await ground.run(['run', 'first.yaml', '--yes', '--until', 'CONVERT'])).code).toBe(0);
    const made = await stat(product);

    // As if somebody had started a machine from it.
    await execa('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 1M 64k', product]);
    const altered = await digestOf(product);
    const refused = await ground.run(['run', 'first.yaml', '--yes', '--until', 'CONVERT']);
    expect(refused.err).toMatch(/✖ blocker preflight\.\S+ +web01: .*\n.*web01-disk0\.qcow2/);
    expect(refused.code).toBe(4);
    expect(await digestOf(product)).toBe(altered);

    const again = await ground.run([
      'run',
      'first.yaml',
      '--yes',
      '--until',
      'CONVERT',
      '--set',
      'convert.overwrite=true',
    ]);
    expect(again.code).toBe(0);
    expect((await stat(product)).mtimeMs).toBeGreaterThan(made.mtimeMs);
    expect(await digestOf(product)).not.toBe(altered);
  });
});

describe.skipIf(!hasGuests)('a run that is stopped', () => {
  let ground: TrialGround;
  beforeAll(async () => {
    ground = await trialGround();
    await ground.write(demoSettings('image'));
  });
  afterAll(() => ground.remove());

  test('keeps a second one away, and ends in order on one signal', async () => {
    const running = ground.start(['run', 'first.yaml', '--yes']);
    await ground.untilRunning('INSPECT', running);
    const [run] = await readdir(join(ground.dir, '.drover/runs'));
    for (const state of ['.drover', 'elsewhere']) {
      const second = await ground.run(['--state-dir', state, 'run', 'first.yaml', '--yes']);
      expect(second.err).toContain('another run is working on this machine');
      expect(second.err).toContain(run);
      expect(second.code).toBe(6);
    }
    expect((await ground.run(['resume'])).code).toBe(6);
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    await expectClean(ground);
    const status = await ground.run(['status', '--json']);
    expect(JSON.parse(status.out)).toMatchObject({ run: { outcome: 'cancelled', exitCode: 130 } });
    expect(await readdir(join(ground.dir, '.drover/runs', run ?? ''))).toEqual(
      expect.arrayContaining(['report.json', 'report.md', 'report.html']),
    );
  });

  test('is gone within two seconds on two signals', async () => {
    const running = ground.start(['resume']);
    await ground.untilRunning('INSPECT', running);
    running.child.kill('SIGINT');
    await until(async () => /again/.test(running.err()), 'the first signal is answered');
    const began = Date.now();
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    expect(Date.now() - began).toBeLessThan(2500);
    await expectClean(ground);
  });
});

/** A file system of a fixed size, or the reason why there can be none here. */
async function smallFileSystem(dir: string, options: string): Promise<string | undefined> {
  await mkdir(dir, { recursive: true });
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { reject: false });
  if (mounted.exitCode === 0) return undefined;
  return `no file system can be mounted here: ${mounted.stderr}`;
}

describe.skipIf(!hasGuests)('a target without room', () => {
  let ground: TrialGround;
  let target = '';
  let obstacle: string | undefined;
  beforeAll(async () => {
    ground = await trialGround();
    target = join(ground.dir, 'small');
    obstacle = await smallFileSystem(target, 'size=1200m');
    if (obstacle !== undefined && process.env['DROVER_REQUIRE_TOOLS'] === '1') throw new Error(obstacle);
    await ground.write(demoSettings('image'), './small');
  });
  afterAll(async () => {
    await execa('umount', [target], { reject: false });
    await ground.remove();
  });

  test('that is full is refused before anything starts', async (context) => {
    if (obstacle !== undefined) return context.skip(obstacle);
    await writeFile(join(target, 'filler'), Buffer.alloc(900 * 1024 ** 2));
    const refused = await ground.run(['run', 'first.yaml', '--yes']);
    expect(refused.code).toBe(4);
    expect(refused.err).toMatch(/preflight\.target-space/);
    expect(refused.err).toMatch(/\d MiB/);
    expect(await readdir(target)).toEqual(['filler']);
    await rm(join(target, 'filler'));
  });

  test('that fills up during CONVERT fails the machine, leaves nothing half-written, and is resumed', async (context) => {
    if (obstacle !== undefined) return context.skip(obstacle);
    const running = ground.start(['run', 'first.yaml', '--yes']);
    await ground.untilRunning('FIX', running);
    await writeFile(join(target, 'filler'), Buffer.alloc(900 * 1024 ** 2));
    const failed = await running.ended;
    expect(failed.err).toContain('convert.no-space');
    expect(failed.code).toBe(1);
    expect((await readdir(join(target, 'web01')).catch(() => [])).filter((name) => /part|qcow2/.test(name))).toEqual(
      [],
    );
    await rm(join(target, 'filler'));
    const resumed = await ground.run(['resume']);
    expect(resumed.code).toBe(0);
    const fixes = (await ground.events()).filter((event) => event.stage === 'FIX' && event.data.to === 'running');
    expect(fixes).toHaveLength(1);
    expect((await stat(join(target, 'web01/web01-disk0.qcow2'))).size).toBeGreaterThan(0);
  });

  test('that is read-only is refused before anything starts', async (context) => {
    if (obstacle !== undefined) return context.skip(obstacle);
    await rm(join(target, 'web01'), { recursive: true });
    await execa('mount', ['-o', 'remount,ro', target]);
    const refused = await ground.run(['run', 'first.yaml', '--yes']);
    expect(refused.code).toBe(4);
    expect(refused.err).toMatch(/read-only|not writable/i);
  });
});
