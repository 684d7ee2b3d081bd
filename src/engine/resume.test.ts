import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { FakeHost } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { RunEvent } from '../model/event.js';
import { STAGES } from '../model/stage.js';
import { makePlan, playStages, taskId } from '../../test/support/engine-fixture.js';
import type { Played, PlanSpec, Script } from '../../test/support/engine-fixture.js';
import {
  cleanState,
  createRunControl,
  listRuns,
  previousRecords,
  readRun,
  resumeRun,
  runPlan,
  sendControl,
} from './index.js';
import type { ResumeOptions, RunResult } from './index.js';
import { vmHash } from './layout.js';

const options = { version: '0.1.0' };

async function first(
  spec: PlanSpec,
  script?: (host: FakeHost) => Script,
): Promise<{ host: FakeHost; result: RunResult }> {
  const host = createFakeHost();
  const { runners } = playStages(host, script?.(host));
  const result = await host.clock.run(runPlan({ graph: makePlan(spec), runners, host, stateDir: '/state', options }));
  return { host, result };
}

async function resume(
  host: FakeHost,
  more: Partial<ResumeOptions> = {},
): Promise<{ result: RunResult; played: Played; events: RunEvent[] }> {
  const played = playStages(host);
  const events: RunEvent[] = [];
  const result = await host.clock.run(
    resumeRun({
      runners: played.runners,
      host,
      stateDir: '/state',
      options: { ...options, ...more },
      onEvent: (event) => void events.push(event),
    }),
  );
  return { result, played, events };
}

function failAt(vm: string, stage: string): Script {
  return async (task) => {
    if (task.vm.name === vm && task.stage === stage) throw new DroverError({ code: 'file.denied', message: 'no' });
  };
}

function started(played: Played): string[] {
  return played.trace.filter((line) => line.startsWith('+')).map((line) => line.slice(1));
}

const two: PlanSpec = { vms: [{ name: 'a' }, { name: 'b' }] };

describe('resume', () => {
  it('runs what failed and what it kept from running, and nothing else', async () => {
    const { host, result } = await first(two, () => failAt('a', 'FIX'));
    const again = await resume(host);
    expect(again.result).toMatchObject({ outcome: 'succeeded', exitCode: 0, runId: result.runId });
    expect(started(again.played)).toEqual(['a FIX', 'a CONVERT', 'a VALIDATE']);
    expect(again.events[0]).toMatchObject({ type: 'run.resumed', seq: expect.any(Number) as number });
    const third = await resume(host);
    expect(third.result).toMatchObject({ exitCode: 0, outcome: 'succeeded' });
    expect(third.events).toEqual([]);
  });

  it('makes lost work again with everything that needs it, in order, and keeps what is good', async () => {
    const { host } = await first(two, () => failAt('a', 'CONVERT'));
    await host.files.removeTree(`/state/artefacts/${vmHash('src:a')}/FLATTEN`);
    const { played, result } = await resume(host);
    expect(started(played)).toEqual(['a FLATTEN', 'a CONVERT', 'a VALIDATE']);
    expect(result.exitCode).toBe(0);
    expect(result.counts.cached).toBe(3);
  });

  it('does not need intermediates that were dropped on purpose, unless CONVERT runs again', async () => {
    const { host } = await first(two);
    expect((await resume(host)).events).toEqual([]);
    await host.files.writeAtomic('/out/a/disk.qcow2', 'somebody wrote here');
    const { played } = await resume(host);
    expect(started(played)).toEqual(['a FETCH', 'a FLATTEN', 'a FIX', 'a CONVERT']);
    expect(host.files.peek('/out/a/disk.qcow2')?.toString()).toMatch(/^CONVERT of a/);
  });

  it('leaves failed machines alone when told so, and only takes failed ones when told so', async () => {
    const { host } = await first(two, () => failAt('a', 'FIX'));
    const left = await resume(host, { retryFailed: false });
    expect(left.result).toMatchObject({ exitCode: 1, outcome: 'failed' });
    expect(left.played.trace).toEqual([]);

    const control = createRunControl();
    const other = createFakeHost();
    const script: Script = async (task, context) => {
      await other.clock.sleep(1000, context.signal);
      if (task.vm.name === 'a' && task.stage === 'FLATTEN')
        throw new DroverError({ code: 'file.denied', message: 'no' });
      if (task.stage === 'PLAN') control.cancel({ by: 'SIGINT' });
    };
    const { runners } = playStages(other, script);
    await other.clock.run(
      runPlan({ graph: makePlan(two), runners, host: other, stateDir: '/state', options, control }),
    );
    const failedOnly = await resume(other, { onlyFailed: true });
    expect(new Set(started(failedOnly.played).map((line) => line.slice(0, 1)))).toEqual(new Set(['a']));
    expect(failedOnly.result.outcome).toBe('partial');
    const rest = await resume(other);
    expect(rest.result).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect(new Set(started(rest.played).map((line) => line.slice(0, 1)))).toEqual(new Set(['b']));
  });

  it('runs forced stages and everything after them', async () => {
    const { host } = await first(two);
    const { played } = await resume(host, { force: ['VALIDATE'] });
    expect(started(played).sort()).toEqual(['a VALIDATE', 'b VALIDATE']);
    const deeper = await resume(host, { force: ['FIX'] });
    // FIX stands on what FETCH and FLATTEN left, which was dropped; INSPECT and PLAN left documents, which stay.
    expect(started(deeper.played).filter((line) => line.startsWith('a'))).toEqual(
      ['FETCH', 'FLATTEN', 'FIX', 'CONVERT', 'VALIDATE'].map((stage) => `a ${stage}`),
    );
  });

  it('ends what the crashed process left before it runs anything', async () => {
    const host = createFakeHost();
    const script: Script = async (_task, context) => {
      await context.spawned({ pgid: 800, startTicks: '3', bootId: 'boot', tool: 'qemu-img' });
      await host.clock.sleep(1e9, context.signal);
    };
    const { runners } = playStages(host, script);
    void runPlan({ graph: makePlan(two), runners, host, stateDir: '/state', options });
    await host.clock.advance(5000);
    const after = createFakeHost({ files: host.files.fork(() => host.clock.now()), facts: { pid: 5 } });
    after.alive.add('800:3');
    const { result, events } = await resume(after);
    expect(after.signals.map((s) => s.signal)).toEqual(['SIGTERM', 'SIGKILL']);
    expect(events.find((e) => e.type === 'warning')?.data).toMatchObject({
      code: 'engine.leftovers-ended',
      message: expect.stringContaining('left by the crashed process') as string,
    });
    expect(result.exitCode).toBe(0);
  });

  it('does not carry out what was asked of a process that died before it read it', async () => {
    const host = createFakeHost();
    const { runners } = playStages(host, (_task, { signal }) => host.clock.sleep(1e9, signal));
    void runPlan({ graph: makePlan(two), runners, host, stateDir: '/state', options });
    await host.clock.advance(5000);
    const after = createFakeHost({ files: host.files.fork(() => host.clock.now()), facts: { pid: 5 } });
    const run = `/state/runs/${(await after.files.list('/state/runs'))[0] ?? ''}`;
    await sendControl(after, run, { command: 'cancel' });
    const { result, events } = await resume(after);
    expect(result).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    const told = events.flatMap((e) => (e.type === 'warning' ? [e.data] : []));
    expect(told).toMatchObject([
      { code: 'engine.command-late', message: expect.stringContaining('cancel (') as string },
    ]);
    expect(await after.files.list(`${run}/control`)).toEqual([]);
    expect(after.files.peek(`${run}/journal.ndjson`)?.toString()).toContain('came too late');
  });

  it('does not know a run that is not there', async () => {
    const host = createFakeHost();
    await expect(resume(host)).rejects.toMatchObject({ code: 'cli.no-run' });
    await first(two);
    await expect(readRun(host, '/state', '2026')).rejects.toMatchObject({ code: 'cli.no-run' });
  });
});

describe('what earlier runs left', () => {
  const queries = STAGES.map((stage) => ({ taskId: taskId('a', stage), vmKey: 'src:a', stage }));

  it('is told per task with what is left of it', async () => {
    const { host, result } = await first(two);
    const records = await previousRecords(host, '/state', queries);
    expect(Object.keys(records)).toHaveLength(7);
    const graph = makePlan(two);
    for (const query of queries) {
      const record = records[query.taskId];
      const node = graph.nodes.find((n) => n.id === query.taskId);
      expect(record?.artefact).toMatchObject({ fingerprint: node?.fingerprint, run: result.runId, attempt: 1 });
      expect(record?.last).toMatchObject({ state: 'succeeded', run: result.runId });
    }
    const kinds = queries.map((query) => records[query.taskId]?.artefact?.outputs.kind);
    expect(kinds).toEqual(['dropped', 'dropped', 'ok', 'ok', 'dropped', 'ok', 'ok']);
  });

  it('shows failures, losses and changes', async () => {
    const { host } = await first(two, () => failAt('a', 'VALIDATE'));
    const verdicts = async (): Promise<Record<string, string>> => {
      const records = await previousRecords(host, '/state', queries);
      return Object.fromEntries(queries.map((q) => [q.stage, records[q.taskId]?.artefact?.outputs.kind ?? 'none']));
    };
    expect(await verdicts()).toMatchObject({ FETCH: 'ok', CONVERT: 'ok', VALIDATE: 'none' });
    const records = await previousRecords(host, '/state', queries);
    expect(records[taskId('a', 'VALIDATE')]).toMatchObject({ last: { state: 'failed', errorCode: 'file.denied' } });
    const product = host.files.peek('/out/a/disk.qcow2') ?? Buffer.alloc(0);
    product[3] = (product[3] ?? 0) ^ 1;
    const before = await host.files.stat('/out/a/disk.qcow2');
    host.files.put('/out/a/disk.qcow2', product);
    await host.files.remove(`/state/artefacts/${vmHash('src:a')}/FIX/${await only(host, 'FIX')}/files/disk`);
    expect(before).toBeDefined();
    expect(await verdicts()).toMatchObject({ FETCH: 'ok', FIX: 'missing', CONVERT: 'altered' });
  });

  async function only(host: FakeHost, stage: string): Promise<string> {
    return (await host.files.list(`/state/artefacts/${vmHash('src:a')}/${stage}`))[0] ?? '';
  }

  it('is only the newest work of a stage', async () => {
    const { host } = await first(two);
    const changed: PlanSpec = { vms: [{ name: 'a', salt: { CONVERT: 'other' } }, { name: 'b' }] };
    const { runners } = playStages(host);
    await host.clock.run(runPlan({ graph: makePlan(changed), runners, host, stateDir: '/state', options }));
    expect(await host.files.list(`/state/artefacts/${vmHash('src:a')}/CONVERT`)).toHaveLength(1);
    const records = await previousRecords(host, '/state', queries);
    const node = makePlan(changed).nodes.find((n) => n.id === taskId('a', 'CONVERT'));
    expect(records[taskId('a', 'CONVERT')]?.artefact?.fingerprint).toBe(node?.fingerprint);
  });
});

describe('keeping intermediates', () => {
  const kept = (host: FakeHost): string[] =>
    host.files
      .tree('/state')
      .filter((path) => path.endsWith('/files/disk'))
      .map((path) => path.split('/').at(-4) ?? '');

  it.each([
    ['none', undefined, 0],
    ['failed', undefined, 0],
    ['all', undefined, 3],
    ['none', 'VALIDATE', 0],
    ['failed', 'VALIDATE', 3],
    ['all', 'VALIDATE', 3],
  ] as const)('%s, failing at %s, leaves %s', async (keepIntermediates, stage, count) => {
    const { host } = await first({ vms: [{ name: 'a', settings: { keepIntermediates } }] }, () =>
      failAt('a', stage ?? '-'),
    );
    expect(kept(host)).toHaveLength(count);
    expect(host.files.peek('/out/a/disk.qcow2')).toBeDefined();
  });
});

describe('cleaning', () => {
  it('frees what finished runs do not need, keeps what unfinished ones do, and never touches products', async () => {
    const { host, result } = await first({ vms: [{ name: 'a', settings: { keepIntermediates: 'all' } }] });
    await host.clock.advance(5000);
    const { runners } = playStages(host, failAt('b', 'VALIDATE'));
    const other = makePlan({ vms: [{ name: 'b' }], name: 'other' });
    const failed = await host.clock.run(runPlan({ graph: other, runners, host, stateDir: '/state', options }));
    const dry = await cleanState({ host, stateDir: '/state', what: 'intermediates', dryRun: true });
    expect(dry.removed).toHaveLength(1);
    expect(dry.bytes).toBeGreaterThan(0);
    const wet = await cleanState({ host, stateDir: '/state', what: 'intermediates' });
    expect(wet.removed).toEqual(dry.removed);
    expect(wet.kept).toEqual([{ path: failed.runDir, why: 'it ended as failed' }]);
    expect(host.files.tree('/state').filter((path) => path.endsWith('/files/disk'))).toHaveLength(3);
    expect((await resume(host, {})).result.runId).toBe(failed.runId);
    const all = await cleanState({ host, stateDir: '/state', what: 'all' });
    expect(all.removed.map((entry) => entry.path)).toContain(result.runDir);
    expect(await host.files.list('/state/runs')).toEqual([]);
    expect(host.files.tree('/state').filter((path) => path.includes('/artefacts/') && path.includes('disk'))).toEqual(
      [],
    );
    expect(host.files.peek('/out/a/disk.qcow2')).toBeDefined();
  });

  it('keeps young runs, refuses running ones and does not know unknown ones', async () => {
    const { host, result } = await first(two);
    const young = await cleanState({ host, stateDir: '/state', what: 'all', olderThanMs: 1e9 });
    expect(young.kept.map((entry) => entry.why)).toEqual(['it is too young']);
    await expect(cleanState({ host, stateDir: '/state', what: 'all', runId: 'nope' })).rejects.toMatchObject({
      code: 'cli.no-run',
    });
    const { runners } = playStages(host);
    const running = resumeRun({ runners, host, stateDir: '/state', options: { ...options, force: ['FETCH'] } });
    await host.clock.advance(1500);
    await expect(cleanState({ host, stateDir: '/state', what: 'all', runId: result.runId })).rejects.toMatchObject({
      code: 'lock.held',
    });
    await host.clock.run(running);
  });
});

describe('looking at runs', () => {
  it('lists them and tells how each task stands, also while it runs', async () => {
    const { host, result } = await first(two, () => failAt('a', 'FIX'));
    expect(await listRuns(host, '/nowhere')).toEqual([]);
    const [run] = await listRuns(host, '/state');
    expect(run).toMatchObject({ runId: result.runId, playbook: 'test', outcome: 'failed', exitCode: 1, active: false });
    const view = await readRun(host, '/state', 'last');
    expect(view.status.get(taskId('a', 'FIX'))).toMatchObject({ state: 'failed', error: { code: 'file.denied' } });
    const { runners } = playStages(host, async (_task, context) => host.clock.sleep(60_000, context.signal));
    const running = resumeRun({ runners, host, stateDir: '/state', options });
    await host.clock.advance(20_000);
    const live = await readRun(host, '/state', result.runId);
    expect(live).toMatchObject({ active: true, notices: [] });
    expect(live.status.get(taskId('a', 'FIX'))?.state).toBe('running');
    expect(live.waiting.map((task) => task.key)).toContain('test/all/a/CONVERT');
    expect(live.pools['slots']).toEqual([1, 4]);
    await host.clock.run(running);
  });

  it('from a stage needs everything before it, and says what is missing', async () => {
    const { host } = await first(two, () => failAt('a', 'FIX'));
    await expect(resume(host, { from: 'CONVERT' })).rejects.toMatchObject({
      code: 'plan.from-invalid',
      message: 'the run cannot go on from CONVERT: a: FIX is failed',
    });
    // Nothing was taken up by being refused.
    expect((await readRun(host, '/state')).outcome).toBe('failed');
    await expect(resume(host, { from: 'CONVERT', select: (node) => node.vmKey !== 'src:a' })).resolves.toMatchObject({
      result: { exitCode: 1 },
    });
    const again = await resume(host, { from: 'FIX' });
    expect(started(again.played)).toEqual(['a FIX', 'a CONVERT', 'a VALIDATE']);
  });
});
