import { describe, expect, it } from 'vitest';
import { DroverError } from '../lib/error.js';
import type { TaskGraph } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { makePlan } from '../../test/support/engine-fixture.js';
import { createSim } from '../../test/support/engine-sim.js';
import type { Sim } from '../../test/support/engine-sim.js';
import { indexGraph } from './graph-index.js';
import { retryDelayMs, seededFraction } from './retry.js';

/** Starts in order: seconds, machine, stage. */
function starts(sim: Sim): [number, string, string][] {
  const began = Date.UTC(2026, 0, 1);
  return sim.records
    .filter((record) => record.type === 'task.start')
    .map((record) => {
      const node = sim.index.nodes[sim.index.byId.get(record.task) ?? -1];
      return [Math.round((Date.parse(record.ts) - began) / 1000), node?.vmKey?.slice(4) ?? '', node?.stage ?? ''];
    });
}

function firstStart(sim: Sim, vm: string): number {
  return starts(sim).find(([, name]) => name === vm)?.[0] ?? Number.POSITIVE_INFINITY;
}

describe('who goes first', () => {
  it('the longest chain, then the order of the playbook; a bump goes before all', async () => {
    const spec = (bump: boolean): Promise<string[]> => run(bump);
    const run = async (bump: boolean): Promise<string[]> => {
      const sim = createSim(
        makePlan({
          vms: [
            { name: 'short' },
            { name: 'same1', node: () => ({ priority: 500 }) },
            { name: 'same2', node: () => ({ priority: 500 }) },
            { name: 'long', node: () => ({ priority: 900 }) },
          ],
          pools: { slots: 1 },
        }),
        { seconds: () => 10 },
      );
      sim.begin();
      const short = sim.index.vms[0];
      if (bump && short !== undefined) sim.scheduler.admission.bump(short);
      await sim.finish();
      return [...new Set(starts(sim).map(([, name]) => name))];
    };
    expect(await spec(false)).toEqual(['long', 'same1', 'same2', 'short']);
    expect(await spec(true)).toEqual(['short', 'long', 'same1', 'same2']);
  });

  /**
   * `old` has done its FETCH when `new`, which goes before it by priority, comes free; there is one slot. `old` holds
   * `share` percent of the space up to the stage given. Returns what starts then.
   */
  async function afterFetchOfOld(share: number, heldUpTo: StageName): Promise<string | undefined> {
    const unit = 1_000_000;
    const demand = (units: number, last: StageName) => (stage: StageName) => [
      { pool: 'slots', units: 1 },
      ...(STAGES.indexOf(stage) <= STAGES.indexOf(last)
        ? [{ pool: 'space', units: units * unit, hold: 'scratch' }]
        : []),
    ];
    const sim = createSim(
      makePlan({
        vms: [
          { name: 'old', demand: demand(share, heldUpTo), node: () => ({ priority: 1 }) },
          { name: 'new', demand: demand(10, 'FETCH'), node: () => ({ priority: 2 }) },
        ],
        pools: { slots: 1, space: 100 * unit },
      }),
      { seconds: () => 10 },
    );
    const late = sim.index.vms[1];
    sim.begin();
    sim.scheduler.pause(`vm ${late?.number}`, 'test');
    sim.clock.setTimer(5_000, () => sim.scheduler.unpause(`vm ${late?.number}`));
    await sim.finish();
    const [first, second] = starts(sim).map(([, name, stage]) => `${name} ${stage}`);
    expect(first).toBe('old FETCH');
    return second;
  }

  it('a machine that will free space within two stages goes before one that has not started', async () => {
    expect(await afterFetchOfOld(50, 'FLATTEN')).toBe('old FLATTEN');
    expect(await afterFetchOfOld(50, 'INSPECT')).toBe('old FLATTEN');
    expect(await afterFetchOfOld(50, 'PLAN')).toBe('new FETCH');
  });

  it('later stages go before FETCH when more than four fifths of the space is taken', async () => {
    expect(await afterFetchOfOld(80, 'CONVERT')).toBe('new FETCH');
    expect(await afterFetchOfOld(81, 'CONVERT')).toBe('old FLATTEN');
  });

  it('never waits for space while holding some: the peak is taken at once', async () => {
    const unit = 1_000_000;
    const demand = (stage: string): { pool: string; units: number; hold: string }[] => [
      { pool: 'space', units: (stage === 'FLATTEN' ? 60 : 30) * unit, hold: 'scratch' },
    ];
    const vms = ['a', 'b', 'c'].map((name) => ({ name, stages: STAGES.slice(0, 2), demand }));
    const sim = createSim(makePlan({ vms, pools: { space: 100 * unit } }), { seconds: () => 10 });
    sim.begin();
    await sim.finish();
    expect(starts(sim).map(([at, name]) => `${at} ${name}`)).toEqual(['0 a', '10 a', '20 b', '30 b', '40 c', '50 c']);
  });
});

describe('starvation', () => {
  /** One task that needs the whole pool among many small ones that never leave it empty by themselves. */
  async function largeAmongSmall(small: number): Promise<Sim> {
    const vms = [
      ...Array.from({ length: small }, (_, at) => ({
        name: `s${at}`,
        stages: ['FETCH' as const],
        demand: () => [{ pool: 'c', units: 1 }],
        node: () => ({ priority: 10, estimate: { p50s: 60, p90s: 60, basis: 'default' as const } }),
      })),
      {
        name: 'large',
        stages: ['FETCH' as const],
        demand: () => [{ pool: 'c', units: 8 }],
        node: () => ({ priority: 1000, estimate: { p50s: 60, p90s: 60, basis: 'default' as const } }),
      },
    ];
    const first = Array.from({ length: 8 }, (_, at) => `s${at}`);
    const sim = createSim(makePlan({ vms, pools: { c: 8 } }), {
      // The eight that run first end one after another, so that the pool is never empty by chance.
      seconds: (node) => {
        const name = sim.index.nodes[node]?.vmKey?.slice(4) ?? '';
        return first.includes(name) ? 10 + first.indexOf(name) * 7 : 60;
      },
    });
    const held = sim.index.vms.at(-1);
    sim.begin();
    if (held !== undefined) sim.scheduler.pause(`vm ${held.number}`, 'test');
    // Let the small ones fill the pool first.
    sim.clock.setTimer(5_000, () => sim.scheduler.unpause(`vm ${held?.number}`));
    await sim.finish();
    return sim;
  }

  it('a large task does not wait behind small ones for ever', async () => {
    const sim = await largeAmongSmall(400);
    const order = starts(sim).map(([, name]) => name);
    // Fifty others may pass it, then the pool is drained for it; those that still run end within a minute.
    expect(order.indexOf('large')).toBeLessThanOrEqual(8 + 50 + 8);
    const at = firstStart(sim, 'large');
    expect(at).toBeLessThan(600 + 120);
    // While it waits, everybody else is told why.
    expect(at).toBeGreaterThan(60);
  });

  it('a drain never brings everything to a standstill', async () => {
    const unit = 1_000_000;
    const holds = (units: number) => (stage: string) => [
      { pool: 'c', units: stage === 'FETCH' ? 1 : 2 },
      { pool: 'space', units: units * unit, hold: 'scratch' },
    ];
    const vms = Array.from({ length: 80 }, (_, at) => ({
      name: `v${at}`,
      stages: STAGES.slice(0, 3),
      demand: holds(at % 7 === 0 ? 90 : 30),
      node: () => ({ priority: at % 7 === 0 ? 900 : 10, estimate: { p50s: 900, p90s: 2000, basis: 'model' as const } }),
    }));
    const sim = createSim(makePlan({ vms, pools: { c: 3, space: 100 * unit } }), {
      seconds: (node) => 100 + (node % 13),
    });
    sim.begin();
    await sim.finish();
    expect(sim.ledger.counts()).toMatchObject({ succeeded: 242, pending: 0 });
  });
});

describe('circuit breaker', () => {
  function sources(names: readonly string[]): TaskGraph {
    return makePlan({
      vms: names.map((name, at) => ({
        name,
        stages: STAGES.slice(0, 1),
        source: at < 6 ? 'bad' : 'good',
        node: () => ({ retry: { attempts: 1, baseMs: 1, capMs: 1 } }),
      })),
      pools: { slots: 1 },
    });
  }

  it('leaves a source alone after three machines in a row, and probes it with one', async () => {
    const graph = sources(['a', 'b', 'c', 'd', 'e', 'f', 'x', 'y']);
    let isBad = true;
    const sim = createSim(graph, {
      circuitBreaker: true,
      seconds: () => 10,
      failure: (node) =>
        isBad && graph.vms[sim.index.vmOf[node]?.number ?? -1]?.source === 'bad'
          ? new DroverError({ code: 'engine.stalled', message: 'no answer' })
          : undefined,
    });
    sim.begin();
    sim.clock.setTimer(200_000, () => (isBad = false));
    await sim.finish();
    const at = Object.fromEntries(starts(sim).map(([second, name]) => [name, second]));
    // The good source goes on while the circuit is open; the bad one waits its five minutes after the third failure.
    expect([at['x'], at['y']]).toEqual([30, 40]);
    expect(at['d']).toBeGreaterThanOrEqual(330);
    expect(at['e']).toBeGreaterThanOrEqual((at['d'] ?? 0) + 10);
    const changes = sim.records
      .filter((r) => r.type === 'circuit.open' || r.type === 'circuit.closed')
      .map((r) => r.type);
    expect(changes).toEqual(['circuit.open', 'circuit.closed']);
    expect(sim.ledger.counts()).toMatchObject({ failed: 3 });
  });

  it('says why the others wait, and a probe that is to be tried again does not let all of them through', async () => {
    const graph = makePlan({
      vms: ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({
        name,
        stages: STAGES.slice(0, 1),
        source: 'bad',
        node: () => ({ retry: { attempts: 'abc'.includes(name) ? 1 : 3, baseMs: 1, capMs: 1 } }),
      })),
      pools: { slots: 1 },
    });
    const sim = createSim(graph, {
      circuitBreaker: true,
      seconds: () => 10,
      failure: () => new DroverError({ code: 'engine.stalled', message: 'no answer' }),
    });
    sim.begin();
    await sim.clock.advance(100_000);
    const waiting = graph.nodes.findIndex((node) => node.vmKey === 'src:e');
    expect(sim.scheduler.waitReason(waiting)).toEqual({
      kind: 'circuit',
      resource: 'source bad',
      // Five minutes after the third failure was recorded, a millisecond after each of the three.
      probeAt: new Date(Date.UTC(2026, 0, 1) + 330_003).toISOString(),
    });
    await sim.clock.advance(1_000_000);
    const probes = starts(sim)
      .slice(3)
      .map(([at]) => at);
    expect(probes).toEqual([330, 640, 950]);
    sim.scheduler.cancelAll();
    await sim.finish();
  });

  it('is not impressed by failures that time cannot cure', async () => {
    const graph = sources(['a', 'b', 'c', 'd', 'e', 'f']);
    const sim = createSim(graph, {
      circuitBreaker: true,
      seconds: () => 10,
      failure: () => new DroverError({ code: 'file.denied', message: 'no' }),
    });
    sim.begin();
    await sim.finish();
    expect(sim.records.some((record) => record.type === 'circuit.open')).toBe(false);
    expect(sim.clock.monotonic()).toBeLessThan(100_000);
  });
});

describe('retries', () => {
  const policy = { attempts: 5, baseMs: 5000, capMs: 300_000 };
  const error = new DroverError({ code: 'engine.stalled', message: 'x' });
  const seed = { runId: 'r', taskId: 't', attempt: 1 };

  it('wait a seeded time below the exponential, and at least what was asked for', () => {
    for (let failures = 1; failures < 12; failures += 1) {
      const delay = retryDelayMs(policy, failures, { ...seed, attempt: failures }, error);
      expect(delay).toBeLessThanOrEqual(Math.min(300_000, 5000 * 2 ** (failures - 1)));
      expect(retryDelayMs(policy, failures, { ...seed, attempt: failures }, error)).toBe(delay);
    }
    const asked = new DroverError({ code: 'engine.stalled', message: 'x', details: { retryAfterMs: 77_000 } });
    expect(retryDelayMs(policy, 1, seed, asked)).toBe(77_000);
    const mean = Array.from({ length: 2000 }, (_, at) => seededFraction('x', at)).reduce((a, b) => a + b) / 2000;
    expect(mean).toBeGreaterThan(0.48);
    expect(mean).toBeLessThan(0.52);
  });

  it('hold no slot while they wait', async () => {
    const graph = makePlan({
      vms: [
        { name: 'flaky', stages: STAGES.slice(0, 1) },
        { name: 'other', stages: STAGES.slice(0, 1) },
      ],
      pools: { slots: 1 },
    });
    const sim = createSim(graph, {
      seconds: () => 1,
      failure: (node, attempt) =>
        sim.index.vmOf[node]?.vm.name === 'flaky' && attempt === 1
          ? new DroverError({ code: 'engine.stalled', message: 'x', details: { retryAfterMs: 500_000 } })
          : undefined,
    });
    sim.begin();
    await sim.finish();
    expect(starts(sim)).toEqual([
      [0, 'flaky', 'FETCH'],
      [1, 'other', 'FETCH'],
      [501, 'flaky', 'FETCH'],
    ]);
  });
});

describe('why a task waits', () => {
  it('is always told', async () => {
    const graph = makePlan({
      vms: [
        { name: 'a', wave: 'w1', batch: 1 },
        { name: 'b', wave: 'w1', batch: 2 },
        { name: 'c', wave: 'w2', stages: STAGES.slice(0, 1) },
        { name: 'd', wave: 'w2', stages: STAGES.slice(0, 1), demand: () => [{ pool: 'slots', units: 2 }] },
        { name: 'e', wave: 'w2', stages: STAGES.slice(0, 1) },
      ],
      waves: [{ name: 'w1' }, { name: 'w2' }],
      pools: { slots: 2 },
    });
    const sim = createSim(graph, {
      seconds: () => 100,
      failure: (node, attempt) =>
        sim.index.vmOf[node]?.vm.name === 'c' && attempt === 1
          ? new DroverError({ code: 'engine.stalled', message: 'no answer', details: { retryAfterMs: 1e6 } })
          : undefined,
    });
    const why = (vm: string, stage: string): unknown =>
      sim.scheduler.waitReason(graph.nodes.findIndex((node) => node.vmKey === `src:${vm}` && node.stage === stage));
    sim.begin();
    await sim.clock.advance(50_000);
    expect(why('a', 'FETCH')).toBeUndefined();
    expect(why('a', 'FLATTEN')).toMatchObject({ kind: 'deps' });
    expect(why('b', 'FETCH')).toEqual({ kind: 'batch', batch: 2 });
    expect(why('d', 'FETCH')).toEqual({ kind: 'pool', pool: 'slots', need: 2, free: 0, holders: ['a', 'c'] });
    await sim.clock.advance(60_000);
    expect(why('c', 'FETCH')).toMatchObject({ kind: 'retry', attempt: 2, cause: 'no answer' });
    sim.scheduler.pause('wave w2', 'alice');
    expect(why('d', 'FETCH')).toEqual({ kind: 'paused-by', user: 'alice' });
    sim.scheduler.unpause('wave w2');
    for (const node of graph.nodes.keys()) {
      const state = sim.scheduler.openState(node);
      if (state !== undefined && state !== 'running') expect(sim.scheduler.waitReason(node)).toBeDefined();
    }
    sim.scheduler.cancelAll();
    await sim.finish();
    expect(sim.ledger.counts().pending).toBe(0);
  });
});

describe('a plan that cannot be run', () => {
  const plan = makePlan({ vms: [{ name: 'a' }] });
  const change = (at: number, over: Partial<TaskGraph['nodes'][number]>): TaskGraph => ({
    ...plan,
    nodes: plan.nodes.map((node, number) => (number === at ? { ...node, ...over } : node)),
  });

  it.each<[string, TaskGraph, string]>([
    ['an unknown dependency', change(1, { deps: [{ id: 'nope', on: 'success' }] }), 'engine.bad-graph'],
    ['stages out of order', change(3, { deps: [] }), 'engine.bad-graph'],
    ['an unknown pool', change(2, { demand: [{ pool: 'nope', units: 1 }] }), 'engine.bad-graph'],
    ['more than a pool has', change(2, { demand: [{ pool: 'slots', units: 5 }] }), 'engine.bad-graph'],
    ['a kind for later', change(0, { kind: 'gate' }), 'engine.unsupported-node'],
    ['one id twice', { ...plan, nodes: [...plan.nodes, ...plan.nodes.slice(0, 1)] }, 'engine.bad-graph'],
    ['a cycle', change(0, { deps: [{ id: plan.nodes.at(-1)?.id ?? '', on: 'settled' }] }), 'engine.bad-graph'],
  ])('%s is refused', (_, graph, code) => {
    expect(() => indexGraph(graph)).toThrow(expect.objectContaining({ code }) as Error);
  });
});
