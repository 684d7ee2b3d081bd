import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { FakeHost } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { RunEvent } from '../model/event.js';
import type { TaskGraph } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import { makePlan, playStages } from '../../test/support/engine-fixture.js';
import type { Played, PlanSpec, Script } from '../../test/support/engine-fixture.js';
import { createRunControl, resumeRun, runPlan } from './index.js';
import type { RunControl, RunOptions, RunResult } from './index.js';

const options: RunOptions = { version: '0.1.0' };

interface Ran {
  readonly host: FakeHost;
  readonly graph: TaskGraph;
  readonly played: Played;
  readonly events: RunEvent[];
  readonly result: RunResult;
}

async function run(
  spec: PlanSpec,
  script?: Script,
  more: {
    host?: FakeHost;
    options?: Partial<RunOptions>;
    control?: RunControl;
    during?: (host: FakeHost) => void;
  } = {},
): Promise<Ran> {
  const host = more.host ?? createFakeHost();
  const graph = makePlan(spec);
  const played = playStages(host, script);
  const events: RunEvent[] = [];
  const work = runPlan({
    graph,
    runners: played.runners,
    host,
    stateDir: '/state',
    options: { ...options, ...more.options },
    onEvent: (event) => void events.push(event),
    ...(more.control === undefined ? {} : { control: more.control }),
  });
  more.during?.(host);
  const result = await host.clock.run(work);
  return { host, graph, played, events, result };
}

function fail(code: DroverError['code'], more: { retryable?: boolean; details?: Record<string, unknown> } = {}): never {
  throw new DroverError({ code, message: `made to fail with ${code}`, ...more });
}

describe('a run', () => {
  it('runs every stage of every machine in order and leaves what it should', async () => {
    const { result, played, host, events } = await run({ vms: [{ name: 'web01' }, { name: 'db01' }] });
    expect(result).toMatchObject({ outcome: 'succeeded', exitCode: 0, residuals: [] });
    expect(result.counts).toMatchObject({ succeeded: 17 - 1, failed: 0, pending: 0 });
    for (const name of ['web01', 'db01']) {
      const own = played.trace.filter((line) => line.includes(name));
      expect(own).toEqual(STAGES.flatMap((stage) => [`+${name} ${stage}`, `-${name} ${stage}`]));
    }
    const types = events.map((event) => event.type);
    expect(types[0]).toBe('run.start');
    expect(types.at(-1)).toBe('run.end');
    expect(events.map((event) => event.seq)).toEqual(events.map((_, at) => at + 1));
    expect(events.filter((e) => e.type === 'vm.state').map((e) => e.data.to)).toEqual([
      'running',
      'running',
      'succeeded',
      'succeeded',
    ]);
    const left = host.files.tree('/state').filter((path) => !path.includes('/artefacts'));
    expect(left.map((path) => path.replace(result.runId, 'RUN'))).toEqual([
      '/state/history.ndjson',
      '/state/locks',
      '/state/locks/vm',
      '/state/runs',
      '/state/runs/RUN',
      '/state/runs/RUN/control',
      '/state/runs/RUN/events.ndjson',
      '/state/runs/RUN/journal.ndjson',
      '/state/runs/RUN/logs',
      '/state/runs/RUN/logs/db01',
      '/state/runs/RUN/logs/web01',
      '/state/runs/RUN/plan.json',
      '/state/runs/RUN/run.json',
    ]);
    // Intermediates are gone, manifests and products stay, no lock is left beside the products.
    expect(host.files.tree('/state').filter((path) => path.endsWith('/disk'))).toEqual([]);
    expect(host.files.tree('/state').filter((path) => path.endsWith('/manifest.json'))).toHaveLength(14);
    expect(host.files.tree('/out')).toEqual([
      '/out/db01',
      '/out/db01/disk.qcow2',
      '/out/web01',
      '/out/web01/disk.qcow2',
    ]);
    const facts = await host.files.stat(result.runDir);
    expect(facts?.mode).toBe(0o700);
    for (const path of host.files.tree(result.runDir)) {
      const { mode, kind } = (await host.files.stat(path)) ?? {};
      expect([path, mode]).toEqual([path, kind === 'directory' ? 0o700 : 0o600]);
    }
  });

  it('gives every stage the results of those before it', async () => {
    let seen: unknown;
    await run({ vms: [{ name: 'a' }] }, async (task, context) => {
      if (task.stage === 'VALIDATE') seen = context.input('CONVERT');
    });
    expect(JSON.stringify(seen)).toContain('"stage":"FETCH"');
  });

  it('keeps a failure inside its machine and goes on', async () => {
    const { result, played } = await run({ vms: [{ name: 'a' }, { name: 'b' }] }, async (task) => {
      if (task.vm.name === 'a' && task.stage === 'FIX') fail('file.denied');
    });
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 1 });
    expect(result.vms.map((vm) => [vm.name, vm.state, vm.failedStage])).toEqual([
      ['a', 'failed', 'FIX'],
      ['b', 'succeeded', undefined],
    ]);
    expect(played.calls.get('a CONVERT')).toBeUndefined();
    expect(result.counts).toMatchObject({ failed: 1, skipped: 2 });
  });

  it('tries transient failures again, with a pause, and no others', async () => {
    const tries: [string, number][] = [];
    const { result, host } = await run(
      { vms: [{ name: 'a' }, { name: 'b' }] },
      async (task) => {
        if (task.stage !== 'FETCH') return;
        tries.push([task.vm.name, host0.clock.monotonic()]);
        if (task.vm.name === 'a' && task.attempt === 1) fail('engine.stalled');
        if (task.vm.name === 'b') fail('file.denied');
      },
      { host: host0 },
    );
    expect(tries.map(([name]) => name)).toEqual(['a', 'b', 'a']);
    const [first, , second] = tries;
    expect((second?.[1] ?? 0) - (first?.[1] ?? 0)).toBeLessThanOrEqual(5000 + 50);
    expect(result.vms.map((vm) => vm.state)).toEqual(['succeeded', 'failed']);
    expect(host).toBe(host0);
  });

  it('tries once more when a full disk has room again, and looks at the disk that matters', async () => {
    const GIB = 1024 ** 3;
    const attempts = async (stage: string, free: { state: number; out: number }): Promise<number | undefined> => {
      const host = createFakeHost();
      const freeOf = (path: string): number => (path.startsWith('/out') ? free.out : free.state);
      host.files.space = async (path) => ({ freeBytes: freeOf(path), totalBytes: GIB, fsType: 'ext' });
      const { result, played } = await run(
        { vms: [{ name: 'a', node: () => ({ estimate: { p50s: 1, p90s: 2, bytes: GIB / 2, basis: 'model' } }) }] },
        async (task) => {
          if (task.stage === stage) fail(stage === 'CONVERT' ? 'convert.no-space' : 'file.no-space');
        },
        { host },
      );
      expect(result.vms[0]).toMatchObject({ state: 'failed', failedStage: stage });
      return played.calls.get(`a ${stage}`);
    };
    expect(await attempts('FETCH', { state: GIB, out: 0 })).toBe(2);
    expect(await attempts('FETCH', { state: GIB / 4, out: GIB })).toBe(1);
    expect(await attempts('CONVERT', { state: GIB, out: 0 })).toBe(1);
    expect(await attempts('CONVERT', { state: GIB, out: GIB })).toBe(2);
  });

  it('stops a stage that makes no progress and calls it transient', async () => {
    const { result, events } = await run(
      { vms: [{ name: 'a', node: () => ({ timeout: { wallS: 86_400, stallS: 600 } }) }] },
      async (task, context) => {
        if (task.stage !== 'FETCH') return;
        for (let done = 0; done < 5; done += 1) {
          context.progress({ phase: 'copy', doneBytes: Math.min(done, 3), totalBytes: 10, totalKind: 'exact' });
          await host1.clock.sleep(task.attempt === 1 ? 400_000 : 100, context.signal);
        }
      },
      { host: host1 },
    );
    const retry = events.find((e) => e.type === 'task.state' && e.data.to === 'retry_wait');
    expect(retry?.type === 'task.state' && retry.data.error?.code).toBe('engine.stalled');
    expect(result.outcome).toBe('succeeded');
  });

  it('stops a stage at its wall timeout and gives up on one that does not listen', async () => {
    const { result } = await run(
      { vms: [{ name: 'deaf', node: () => ({ timeout: { wallS: 100, stallS: null } }) }] },
      () => new Promise(() => undefined),
    );
    expect(result.vms[0]?.error?.code).toBe('engine.unresponsive');
    const polite = await run(
      { vms: [{ name: 'polite', node: () => ({ timeout: { wallS: 100, stallS: null } }) }] },
      (_, { signal }) => host2.clock.sleep(1e6, signal),
      { host: host2 },
    );
    expect(polite.result.vms[0]?.error?.code).toBe('engine.timeout');
  });

  it('disposes of what a machine kept, newest first, at its end and at its failure', async () => {
    const disposed: string[] = [];
    const thing = (name: string): AsyncDisposable => ({
      [Symbol.asyncDispose]: async () => void disposed.push(name),
    });
    await run({ vms: [{ name: 'a' }] }, async (task, { session }) => {
      if (task.stage === 'INSPECT') session.keep('appliance', thing('appliance'));
      if (task.stage === 'PLAN') session.keep('other', thing('other'));
      if (task.stage === 'FIX') expect(session.get('appliance')).toBeDefined();
      if (task.stage === 'CONVERT') expect(disposed).toEqual([]);
    });
    expect(disposed).toEqual(['other', 'appliance']);
    disposed.length = 0;
    await run({ vms: [{ name: 'a' }] }, async (task, { session }) => {
      if (task.stage === 'INSPECT') session.keep('appliance', thing('appliance'));
      if (task.stage === 'PLAN') fail('file.denied');
    });
    expect(disposed).toEqual(['appliance']);
  });

  it('refuses a second run of the same machine while one is going on, and names it', async () => {
    const host = createFakeHost();
    const graph = makePlan({ vms: [{ name: 'a' }] });
    const { runners } = playStages(host);
    const request = { graph, runners, host, stateDir: '/state', options };
    const first = runPlan(request);
    await host.clock.advance(500);
    const second = runPlan({ ...request, stateDir: '/other' });
    await expect(second).rejects.toMatchObject({ code: 'lock.held', message: /held by run \d{8}T/ });
    await expect(runPlan(request)).rejects.toMatchObject({ code: 'lock.held' });
    expect((await host.clock.run(first)).outcome).toBe('succeeded');
    expect(await host.files.list('/state/runs')).toHaveLength(1);
  });

  it('never lets a secret through to any file or listener', async () => {
    const host = createFakeHost();
    host.redactor.add('hunter2-canary');
    const ran = await run(
      { vms: [{ name: 'a' }] },
      async (task, context) => {
        context.log('info', 'the password is hunter2-canary');
        if (task.stage === 'FIX') fail('file.denied', { details: { at: 'hunter2-canary' } });
      },
      { host },
    );
    expect(JSON.stringify(ran.result)).not.toContain('hunter2');
    expect(JSON.stringify(ran.events)).not.toContain('hunter2');
    for (const path of host.files.tree('/state')) {
      expect(`${path}: ${host.files.peek(path)?.toString() ?? ''}`).not.toContain('hunter2');
    }
  });
});

const host0 = createFakeHost();
const host1 = createFakeHost();
const host2 = createFakeHost();

describe('cancelling', () => {
  it('stops what runs, starts nothing, and can be resumed to the end', async () => {
    const control = createRunControl();
    const spec: PlanSpec = { vms: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], pools: { slots: 2 } };
    const ran = await run(spec, undefined, {
      control,
      during: (host) => void host.clock.setTimer(2500, () => control.cancel({ by: 'SIGINT' })),
    });
    expect(ran.result).toMatchObject({ outcome: 'cancelled', exitCode: 130 });
    expect(ran.result.counts).toMatchObject({ running: 0, pending: 0, failed: 0 });
    expect(ran.result.counts.cancelled).toBe(2);
    const resumed = await ran.host.clock.run(
      resumeRun({ runners: ran.played.runners, host: ran.host, stateDir: '/state', options }),
    );
    expect(resumed).toMatchObject({ outcome: 'succeeded', exitCode: 0, runId: ran.result.runId });
    for (const [who, calls] of ran.played.calls) expect([who, calls <= 2]).toEqual([who, true]);
  });

  it('kills at the second signal and ends within two seconds', async () => {
    const control = createRunControl();
    let killedAt = 0;
    let groupStarted = false;
    const host = createFakeHost();
    const ran = await run(
      { vms: [{ name: 'a' }] },
      async (_task, context) => {
        await context.spawned({ pgid: 900, startTicks: '5', bootId: 'boot', tool: 'qemu-img' });
        host.alive.add('900:5');
        groupStarted = true;
        await new Promise(() => undefined);
      },
      {
        host,
        control,
        during: () => {
          host.clock.setTimer(3000, () => control.cancel({ by: 'SIGINT' }));
          host.clock.setTimer(5000, () => {
            killedAt = host.clock.monotonic();
            control.cancel({ by: 'SIGINT', force: true });
          });
        },
      },
    );
    expect(groupStarted).toBe(true);
    expect(host.clock.monotonic() - killedAt).toBeLessThan(2000);
    expect(ran.result).toMatchObject({ exitCode: 130, residuals: [] });
    expect(host.signals).toContainEqual({ pgid: 900, signal: 'SIGKILL' });
    const journal = host.files.peek(`${ran.result.runDir}/journal.ndjson`)?.toString() ?? '';
    expect(journal).toContain('"run.killed"');
  });

  it('lets a task finish that is nearly done and may, and ends the others after the grace', async () => {
    const control = createRunControl();
    const ran = await run(
      {
        vms: [
          { name: 'quick', node: () => ({ cancel: 'finish', estimate: { p50s: 10, p90s: 20, basis: 'default' } }) },
          { name: 'deaf' },
        ],
      },
      (task) => (task.vm.name === 'deaf' ? new Promise(() => undefined) : host0.clock.sleep(8000)),
      { host: host0, control, during: () => void host0.clock.setTimer(1000, () => control.cancel({ by: 'SIGTERM' })) },
    );
    expect(ran.result.exitCode).toBe(143);
    expect(ran.played.trace).toContain('-quick FETCH');
    expect(ran.result.vms.map((vm) => vm.state)).toEqual(['cancelled', 'cancelled']);
  });

  it('cancels one machine and leaves the others alone', async () => {
    const control = createRunControl();
    const ran = await run({ vms: [{ name: 'a' }, { name: 'b' }] }, undefined, {
      control,
      during: (host) => void host.clock.setTimer(2500, () => control.cancel({ by: 'op', vms: ['a'] })),
    });
    expect(ran.result).toMatchObject({ outcome: 'partial', exitCode: 0 });
    expect(ran.result.vms.map((vm) => vm.state)).toEqual(['cancelled', 'succeeded']);
  });
});

describe('a second run', () => {
  it('runs nothing when every stage is a hit', async () => {
    const ran = await run({ vms: [{ name: 'a' }, { name: 'b' }] });
    const graph = makePlan({ vms: [{ name: 'a' }, { name: 'b' }] });
    const hits = {
      ...graph,
      nodes: graph.nodes.map((node) => (node.kind === 'stage' ? { ...node, cacheState: 'hit' as const } : node)),
    };
    const { runners, calls } = playStages(ran.host);
    const before = new Map(ran.host.files.tree('/out').map((path) => [path, ran.host.files.peek(path)?.toString()]));
    const result = await ran.host.clock.run(
      runPlan({ graph: hits, runners, host: ran.host, stateDir: '/state', options }),
    );
    expect(result).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect(result.counts).toMatchObject({ cached: 14, succeeded: 2 });
    expect(result.vms.every((vm) => vm.cached)).toBe(true);
    expect(calls.size).toBe(0);
    expect(new Map(ran.host.files.tree('/out').map((path) => [path, ran.host.files.peek(path)?.toString()]))).toEqual(
      before,
    );
  });
});
