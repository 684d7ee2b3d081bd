/** Runs of two data disks: everything about runs that needs no appliance, with the built command line. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dataDisks } from '../support/data-disks.js';
import type { DataDisks } from '../support/data-disks.js';

let lab: DataDisks;
let dir = '';
const drover = (...args: readonly string[]) => lab.drover(...args);
const playbook = (more?: string, memory?: string): void => lab.playbook(more, memory);

interface PlanJson {
  readonly vms: readonly { readonly vmKey: string; readonly name: string }[];
}

beforeEach(() => {
  lab = dataDisks();
  dir = lab.dir;
});
afterEach(() => lab.remove());

describe('runs', () => {
  test('leave intermediates in the scratch folder of the playbook, and find them there again', async () => {
    playbook('hosts: { local: { scratch: ./scratch } }\n');
    const first = await drover('run', 'p.yaml', '--yes', '--until', 'FLATTEN');
    expect(first).toMatchObject({ code: 0 });
    const [own = ''] = readdirSync(join(dir, 'scratch'));
    expect(readdirSync(join(dir, 'scratch', own, 'artefacts'))).toHaveLength(2);
    expect(existsSync(join(dir, '.drover/artefacts'))).toBe(false);
    const again = await drover('plan', 'p.yaml', '--until', 'FLATTEN', '--detailed-exitcode');
    expect(again.code).toBe(0);
    // A run of a saved plan takes the same folder.
    await drover('plan', 'p.yaml', '--until', 'FLATTEN', '--force', 'FLATTEN', '-o', 'plan.json');
    expect((await drover('run', 'plan.json', '--yes')).code).toBe(0);
    expect(existsSync(join(dir, '.drover/artefacts'))).toBe(false);
  });

  test('refuse files that are in the way before anything starts, but only where they would be replaced', async () => {
    mkdirSync(join(dir, 'out/a'), { recursive: true });
    writeFileSync(join(dir, 'out/a/a-disk0.qcow2'), 'mine');
    const refused = await drover('run', 'p.yaml', '--yes');
    expect(refused.code).toBe(4);
    expect(refused.err).toContain('preflight.output-exists');
    expect(refused.err).toContain('out/a/a-disk0.qcow2');
    expect(existsSync(join(dir, '.drover/runs'))).toBe(false);
    expect((await drover('plan', 'p.yaml', '--only', 'vm:b')).code).toBe(0);
    expect((await drover('plan', 'p.yaml', '--until', 'FLATTEN')).code).toBe(0);
    expect(readFileSync(join(dir, 'out/a/a-disk0.qcow2'), 'utf8')).toBe('mine');
  });

  test('name the run, user and host that hold a machine; exit 6', async () => {
    await drover('plan', 'p.yaml', '-o', 'plan.json');
    const { vms } = JSON.parse(readFileSync(join(dir, 'plan.json'), 'utf8')) as PlanJson;
    const key = vms.find((vm) => vm.name === 'b')?.vmKey ?? '';
    mkdirSync(join(dir, '.drover/locks/vm'), { recursive: true });
    const stat = readFileSync(`/proc/${process.pid}/stat`, 'utf8');
    const holder = {
      runId: '20260101T000000Z-abcdef',
      host: readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(),
      user: 'ops',
      pid: process.pid,
      startTicks: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19],
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      ts: '2026-01-01T00:00:00.000Z',
    };
    const lock = join(dir, '.drover/locks/vm', createHash('sha256').update(key).digest('hex').slice(0, 16));
    writeFileSync(lock, JSON.stringify(holder));
    const planned = await drover('plan', 'p.yaml');
    expect(planned.code).toBe(4);
    expect(planned.out).toContain('preflight.vm-locked');
    const refused = await drover('run', 'p.yaml', '--yes');
    expect(refused.code).toBe(6);
    expect(refused.err).toContain(`run ${holder.runId} of ops on ${holder.host}`);
    // A living holder is never pushed aside.
    const broken = await drover('run', 'p.yaml', '--yes', '--break-lock');
    expect(broken).toMatchObject({ code: 6, err: expect.stringContaining('lock.held') });
    writeFileSync(lock, JSON.stringify({ ...holder, startTicks: '1' }));
    expect((await drover('run', 'p.yaml', '--yes', '--until', 'FETCH')).code).toBe(0);
  });

  test('select by the state of the newest run', async () => {
    const early = await drover('plan', 'p.yaml', '--only', 'state:failed');
    expect(early).toMatchObject({ code: 2, err: expect.stringContaining('needs an earlier run') });
    await drover('plan', 'p.yaml', '--until', 'FLATTEN', '-o', 'plan.json');
    unlinkSync(join(dir, 'images/b.raw'));
    expect((await drover('run', 'plan.json', '--yes', '--accept-drift')).code).toBe(1);
    writeFileSync(join(dir, 'images/b.raw'), randomBytes(1024 ** 2));
    const names = async (expression: string): Promise<readonly string[]> => {
      const { out } = await drover('plan', 'p.yaml', '--until', 'FETCH', '--only', expression, '--format', 'json');
      return (JSON.parse(out) as PlanJson).vms.map((vm) => vm.name);
    };
    expect(await names('state:failed')).toEqual(['b']);
    expect(await names('state:succeeded')).toEqual(['a']);
    expect((await drover('plan', 'p.yaml', '--only', 'state:faild')).err).toContain('failed');
    expect((await drover('resume', '--only', 'state:skipped')).code).toBe(2);
  });

  test('say when the playbook is no longer the one they began with', async () => {
    await drover('run', 'p.yaml', '--yes', '--until', 'FETCH');
    expect((await drover('resume')).err).not.toContain('changed since');
    playbook('', '2GiB');
    const resumed = await drover('resume');
    expect(resumed.code).toBe(0);
    expect(resumed.err).toContain('note: p.yaml was changed since the run started\n');
    expect(resumed.err).toContain('`--replan`');
    const diff = await drover('plan', 'p.yaml', '--diff', 'last');
    expect(diff.out).toMatch(/a PLAN {2}.*never ran|a PLAN {2}\/memory/);
    expect(diff.out).toContain('p.yaml:');
  });
});
