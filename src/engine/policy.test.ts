import { describe, expect, it } from 'vitest';
import { DroverError } from '../lib/error.js';
import { makePlan } from '../../test/support/engine-fixture.js';
import type { PlanSpec } from '../../test/support/engine-fixture.js';
import { createSim } from '../../test/support/engine-sim.js';
import { Policy, scopeName } from './policy.js';

type OnFailure = 'continue' | 'halt' | 'abort';

/** Failures after which something is breached, and what, for machines failing one after another in wave `w`. */
function breaches(
  wave: { onFailure: OnFailure; maxFailures: number | null; batchMaxFailures?: (number | null)[] },
  run: { onFailure: OnFailure; maxFailures: number | null },
): string[] {
  const vms = [1, 1, 1, 2, 2, 2].map((batch, number) => ({ name: `v${number}`, wave: 'w', batch }));
  const policy = new Policy(makePlan({ vms, waves: [{ name: 'w', ...wave }], policy: run }));
  const found: string[] = [];
  for (const [at, vm] of vms.entries()) {
    const breach = policy.failed(vm);
    if (breach !== undefined) found.push(`${at + 1}: ${breach.action} ${scopeName(breach.scope)}`);
  }
  return found;
}

const lax = { onFailure: 'continue', maxFailures: null } as const;

describe('policy', () => {
  it.each<[OnFailure, number | null, string[]]>([
    ['continue', null, []],
    ['continue', 0, ['1: halt wave w']],
    ['continue', 2, ['3: halt wave w']],
    ['halt', null, ['1: halt wave w']],
    ['halt', 0, ['1: halt wave w']],
    ['halt', 3, ['4: halt wave w']],
    ['abort', null, ['1: abort wave w']],
    ['abort', 1, ['2: abort wave w']],
    ['continue', 6, []],
  ])('wave: %s with %s tolerated', (onFailure, maxFailures, expected) => {
    expect(breaches({ onFailure, maxFailures }, lax)).toEqual(expected);
  });

  it.each<[OnFailure, number | null, string[]]>([
    ['continue', null, []],
    ['continue', 0, ['1: halt run']],
    ['continue', 4, ['5: halt run']],
    ['halt', null, ['1: halt run']],
    ['halt', 2, ['3: halt run']],
    ['abort', 2, ['3: abort run']],
  ])('run: %s with %s tolerated', (onFailure, maxFailures, expected) => {
    expect(breaches(lax, { onFailure, maxFailures })).toEqual(expected);
  });

  it('batch: a percentage gives each batch its own number, and the narrowest breached scope acts', () => {
    expect(breaches({ ...lax, batchMaxFailures: [1, 0] }, lax)).toEqual([
      '2: halt wave w batch 1',
      '4: halt wave w batch 2',
    ]);
    expect(breaches({ onFailure: 'abort', maxFailures: 1, batchMaxFailures: [0, null] }, lax)).toEqual([
      '1: abort wave w batch 1',
      '2: abort wave w',
    ]);
  });

  it('what still ran in a halted scope counts in the wider ones, which act when their own limit is passed', () => {
    expect(breaches({ onFailure: 'halt', maxFailures: 1 }, { onFailure: 'abort', maxFailures: 3 })).toEqual([
      '2: halt wave w',
      '4: abort run',
    ]);
    // Both limits are passed by one failure: the narrower scope acts alone.
    expect(breaches({ onFailure: 'halt', maxFailures: 5 }, { onFailure: 'halt', maxFailures: 5 })).toEqual([
      '6: halt wave w',
    ]);
    expect(
      breaches(
        { onFailure: 'abort', maxFailures: 2, batchMaxFailures: [0, null] },
        { onFailure: 'halt', maxFailures: 4 },
      ),
    ).toEqual(['1: abort wave w batch 1', '3: abort wave w', '5: halt run']);
  });
});

function failing(names: readonly string[], spec: PlanSpec): ReturnType<typeof createSim> {
  const graph = makePlan(spec);
  return createSim(graph, {
    seconds: () => 10,
    failure: (node) => {
      const task = graph.nodes[node];
      const isIts = names.includes(task?.vmKey?.slice(4) ?? '');
      return isIts && task?.stage === 'FLATTEN'
        ? new DroverError({ code: 'file.denied', message: 'made to fail' })
        : undefined;
    },
  });
}

function states(sim: ReturnType<typeof createSim>): Record<string, string | undefined> {
  return Object.fromEntries(sim.index.vms.map((vm) => [vm.vm.name, sim.ledger.vmResult(vm)?.state]));
}

describe('a breached policy', () => {
  const vms = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, wave: 'w' }));

  it('halt lets running tasks end and starts nothing new in the scope, while other waves go on', async () => {
    const sim = failing(['a'], {
      vms: [...vms, { name: 'x', wave: 'other' }],
      pools: { slots: 3 },
      waves: [{ name: 'w', onFailure: 'halt' }, { name: 'other' }],
    });
    sim.begin();
    await sim.finish();
    expect(states(sim)).toEqual({
      a: 'failed',
      b: 'skipped',
      c: 'skipped',
      d: 'skipped',
      e: 'skipped',
      x: 'succeeded',
    });
    const halt = sim.records.find((record) => record.type === 'policy.halt');
    expect(halt).toMatchObject({ scope: 'wave w', action: 'halt', failures: 1, limit: 0 });
    const startedAfter = sim.records
      .filter((record) => record.seq > (halt?.seq ?? 0) && record.type === 'task.start')
      .map((record) => sim.index.nodes[sim.index.byId.get('task' in record ? record.task : '') ?? -1]?.wave);
    expect(new Set(startedAfter)).toEqual(new Set(['other']));
    expect(sim.records.some((record) => record.type === 'task.end' && record.state === 'cancelled')).toBe(false);
  });

  it('abort stops running tasks of the scope too', async () => {
    const sim = failing(['a'], { vms, pools: { slots: 3 }, waves: [{ name: 'w', onFailure: 'abort' }] });
    sim.begin();
    await sim.finish();
    expect(Object.values(states(sim)).filter((state) => state === 'cancelled').length).toBeGreaterThan(0);
    expect(states(sim)['e']).toBe('skipped');
  });

  it('a halted batch keeps the next one from starting', async () => {
    const sim = failing(['a'], {
      vms: [
        { name: 'a', wave: 'w', batch: 1 },
        { name: 'b', wave: 'w', batch: 2 },
      ],
      waves: [{ name: 'w', batchMaxFailures: [0, 0] }],
    });
    sim.begin();
    await sim.finish();
    expect(states(sim)).toEqual({ a: 'failed', b: 'skipped' });
  });

  it('a wave waits for its quorum: too few successes block it, enough let it go', async () => {
    for (const [require, expected] of [
      [2, 'skipped'],
      [1, 'succeeded'],
    ] as const) {
      const sim = failing(['a'], {
        vms: [
          { name: 'a', wave: 'first' },
          { name: 'b', wave: 'first' },
          { name: 'z', wave: 'second' },
        ],
        waves: [{ name: 'first' }, { name: 'second', after: 'first', require }],
      });
      sim.begin();
      await sim.finish();
      expect(states(sim)['z']).toBe(expected);
    }
  });

  it('a halted wave blocks those that wait for it even with its quorum, unless they proceed', async () => {
    for (const [onShortfall, expected] of [
      ['block', 'skipped'],
      ['proceed', 'succeeded'],
    ] as const) {
      const sim = failing(['b'], {
        vms: [
          { name: 'a', wave: 'first', node: () => ({ priority: 900 }) },
          { name: 'b', wave: 'first' },
          { name: 'c', wave: 'first' },
          { name: 'z', wave: 'second' },
        ],
        // `a` is through before `b` fails, `c` is halted.
        pools: { slots: 1 },
        waves: [
          { name: 'first', onFailure: 'halt' },
          { name: 'second', after: 'first', require: 1, onShortfall },
        ],
      });
      sim.begin();
      await sim.finish();
      expect(states(sim)).toEqual({ a: 'succeeded', b: 'failed', c: 'skipped', z: expected });
    }
  });

  it('cancelled machines are no failures', async () => {
    const sim = failing([], { vms, pools: { slots: 5 }, waves: [{ name: 'w', onFailure: 'halt', maxFailures: 0 }] });
    sim.begin();
    sim.clock.setTimer(15_000, () => {
      for (const vm of sim.index.vms.slice(0, 3)) sim.scheduler.cancelVm(vm);
    });
    await sim.finish();
    expect(states(sim)).toEqual({ a: 'cancelled', b: 'cancelled', c: 'cancelled', d: 'succeeded', e: 'succeeded' });
  });
});
