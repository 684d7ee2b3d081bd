import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DroverError } from '../lib/error.js';
import type { Demand, TaskGraph } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { makePlan, taskId } from '../../test/support/engine-fixture.js';
import type { PlanSpec, VmSpec } from '../../test/support/engine-fixture.js';
import { createSim } from '../../test/support/engine-sim.js';
import type { Sim } from '../../test/support/engine-sim.js';
import { SETTLED } from './ledger.js';

/** Draws that decide everything about one random plan. */
interface Draw {
  readonly vms: readonly {
    readonly wave: number;
    readonly batch: number;
    readonly demands: readonly { readonly a: number; readonly b: number; readonly space: number }[];
    readonly dependsOn: number | undefined;
    readonly seconds: readonly number[];
    readonly fails: number | undefined;
    readonly isTransient: boolean;
    readonly untilStage: number;
  }[];
  readonly capacityA: number;
  readonly capacityB: number;
  readonly slack: number;
  readonly waves: readonly {
    readonly inFlight: number | undefined;
    readonly isAfter: boolean;
    readonly need: number;
  }[];
}

const stageDraws = { minLength: 7, maxLength: 7 };
const draw: fc.Arbitrary<Draw> = fc.record({
  vms: fc.array(
    fc.record({
      wave: fc.nat(2),
      batch: fc.integer({ min: 1, max: 3 }),
      demands: fc.array(fc.record({ a: fc.nat(5), b: fc.nat(3), space: fc.nat(100) }), stageDraws),
      dependsOn: fc.option(fc.nat(10), { nil: undefined, freq: 3 }),
      seconds: fc.array(fc.integer({ min: 0, max: 3000 }), stageDraws),
      fails: fc.option(fc.nat(6), { nil: undefined, freq: 2 }),
      isTransient: fc.boolean(),
      untilStage: fc.nat(20),
    }),
    { minLength: 1, maxLength: 10 },
  ),
  capacityA: fc.integer({ min: 1, max: 6 }),
  capacityB: fc.integer({ min: 1, max: 4 }),
  slack: fc.nat(150),
  waves: fc.array(
    fc.record({
      inFlight: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      isAfter: fc.boolean(),
      need: fc.nat(3),
    }),
    { minLength: 3, maxLength: 3 },
  ),
});

function planOf(d: Draw): TaskGraph {
  // The unit of space is a megabyte here, so that it counts as space and not as slots.
  const unit = 1_000_000;
  const peak = Math.max(1, ...d.vms.flatMap((vm) => vm.demands.map((at) => at.space)));
  const vms = d.vms.map((vm, number): VmSpec => {
    const demand = (stage: StageName): Demand[] => {
      const at = vm.demands[STAGES.indexOf(stage)] ?? { a: 0, b: 0, space: 0 };
      const wanted: Demand[] = [
        { pool: 'a', units: Math.min(at.a, d.capacityA) },
        { pool: 'b', units: Math.min(at.b, d.capacityB) },
        { pool: 'space', units: at.space * unit, hold: 'scratch' },
      ];
      return wanted;
    };
    const isSkipped = (stage: StageName): boolean => STAGES.indexOf(stage) > vm.untilStage;
    const other = vm.dependsOn === undefined ? undefined : d.vms[vm.dependsOn];
    // Only backwards, and never into a later wave or batch, so that there is no cycle.
    const isBefore =
      other !== undefined &&
      (vm.dependsOn ?? 0) < number &&
      (other.wave < vm.wave || (other.wave === vm.wave && other.batch <= vm.batch));
    return {
      name: `vm${number}`,
      wave: `w${vm.wave}`,
      ...(isBefore ? { after: [taskId(`vm${vm.dependsOn}`, 'VALIDATE')] } : {}),
      batch: vm.batch,
      demand,
      node: (stage) => ({
        ...(isSkipped(stage) ? { skip: 'until' as const } : {}),
        estimate: { p50s: 100, p90s: vm.seconds[STAGES.indexOf(stage)] ?? 1, basis: 'model' },
      }),
    };
  });
  const spec: PlanSpec = {
    vms,
    pools: { a: d.capacityA, b: d.capacityB, space: (peak + d.slack) * unit },
    waves: d.waves.map((wave, number) => ({
      name: `w${number}`,
      maxVmsInFlight: wave.inFlight ?? null,
      ...(wave.isAfter && number > 0 ? { after: `w${number - 1}`, require: 0 } : {}),
    })),
  };
  return makePlan(spec);
}

/**
 * Pools that are overdrawn at this moment by what runs and by what machines under way hold, computed from the plan alone.
 * @param asked machines that have started a task that asks for the hold
 */
function overdrawn(sim: Sim, graph: TaskGraph, ended: ReadonlySet<string>, asked: ReadonlySet<string>): string[] {
  const used: Record<string, number> = {};
  const add = (pool: string, units: number): void => void (used[pool] = (used[pool] ?? 0) + units);
  for (const node of sim.running) {
    for (const demand of graph.nodes[node]?.demand ?? []) if (demand.hold === undefined) add(demand.pool, demand.units);
  }
  const holds = new Map<string, number>();
  for (const node of graph.nodes) {
    if (ended.has(node.id) || node.skip !== undefined || !asked.has(node.vmKey ?? '')) continue;
    for (const { hold, units } of node.demand) {
      if (hold !== undefined) holds.set(node.vmKey ?? '', Math.max(holds.get(node.vmKey ?? '') ?? 0, units));
    }
  }
  for (const units of holds.values()) add('space', units);
  const inFlight = new Map<string, number>();
  for (const node of sim.running) {
    const wave = graph.nodes[node]?.wave ?? '';
    inFlight.set(wave, (inFlight.get(wave) ?? 0) + 1);
  }
  const full = graph.waves.filter((wave) => (inFlight.get(wave.name) ?? 0) > (wave.maxVmsInFlight ?? Infinity));
  const over = Object.entries(used).filter(([pool, units]) => units > (graph.pools[pool] ?? 0));
  return [...over.map(([pool, units]) => `${pool} ${units}`), ...full.map((wave) => wave.name)];
}

interface Observed {
  readonly sim: Sim;
  readonly starts: Map<string, StageName[]>;
}

async function play(d: Draw, graph: TaskGraph, act?: (sim: Sim) => void): Promise<Observed> {
  const node = (at: number): { vm: number; stage: number } => {
    const task = graph.nodes[at];
    return { vm: Number(task?.vmKey?.slice('src:vm'.length)), stage: STAGES.indexOf(task?.stage ?? 'FETCH') };
  };
  const sim = createSim(graph, {
    seconds: (at) => d.vms[node(at).vm]?.seconds[node(at).stage] ?? 0,
    failure: (at, attempt) => {
      const { vm, stage } = node(at);
      const script = d.vms[vm];
      if (script?.fails !== stage) return undefined;
      if (script.isTransient && attempt >= 2) return undefined;
      return new DroverError({ code: script.isTransient ? 'engine.stalled' : 'file.denied', message: 'scripted' });
    },
  });
  const starts = new Map<string, StageName[]>();
  const before = new Set<number>();
  const asked = new Set<string>();
  const broken: string[] = [];
  sim.onChange = () => {
    for (const at of sim.running) {
      const task = graph.nodes[at];
      if (before.has(at) || task?.vmKey === undefined || task.stage === undefined) continue;
      starts.set(task.vmKey, [...(starts.get(task.vmKey) ?? []), task.stage]);
      if (task.demand.some(({ hold, units }) => hold !== undefined && units > 0)) asked.add(task.vmKey);
    }
    before.clear();
    for (const at of sim.running) before.add(at);
    const stagesByVm = new Map<string, number>();
    for (const at of sim.running) {
      const key = graph.nodes[at]?.vmKey ?? '';
      stagesByVm.set(key, (stagesByVm.get(key) ?? 0) + 1);
    }
    for (const [vm, count] of stagesByVm) if (count > 1) broken.push(`${vm} runs ${count} stages at once`);
    const ended = new Set(graph.nodes.filter((_, at) => sim.scheduler.isOver(at)).map((task) => task.id));
    broken.push(...overdrawn(sim, graph, ended, asked));
  };
  sim.begin();
  act?.(sim);
  await sim.finish();
  expect(broken).toEqual([]);
  return { sim, starts };
}

/** Law 1: with retries taken out, the starts of every machine are a prefix of the fixed order. */
function assertOrder(starts: ReadonlyMap<string, readonly StageName[]>): void {
  for (const [vm, stages] of starts) {
    const once = stages.filter((stage, at) => stage !== stages[at - 1]);
    expect([vm, once]).toEqual([vm, STAGES.slice(0, once.length)]);
  }
}

describe('for any plan and any interleaving', () => {
  it('stages keep their order, pools their capacity, and every run ends', async () => {
    await fc.assert(
      fc.asyncProperty(draw, async (d) => {
        const graph = planOf(d);
        const { sim, starts } = await play(d, graph);
        assertOrder(starts);
        for (const at of graph.nodes.keys()) expect(SETTLED.has(sim.ledger.status(at).state)).toBe(true);
        // Whoever could succeed did: a machine fails only by its own script or by what it depends on.
        for (const [number, vm] of d.vms.entries()) {
          const key = `src:vm${number}`;
          const failed = vm.fails !== undefined && !vm.isTransient && vm.fails <= vm.untilStage;
          const at = sim.index.vmByKey.get(key);
          const state = at === undefined ? undefined : sim.ledger.vmResult(at)?.state;
          if (failed) expect(['failed', 'skipped']).toContain(state);
          else expect(['succeeded', 'skipped']).toContain(state);
        }
        for (const [pool, [used]] of Object.entries(sim.scheduler.admission.pools.usage())) {
          expect(`${pool} ${used}`).toBe(`${pool} 0`);
        }
        expect(new Set(sim.vmsOver).size).toBe(d.vms.length);
        expect(sim.vmsOver).toHaveLength(d.vms.length);
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  it('the same plan gives the same journal', async () => {
    await fc.assert(
      fc.asyncProperty(draw, async (d) => {
        const first = await play(d, planOf(d));
        const second = await play(d, planOf(d));
        expect(second.sim.records).toEqual(first.sim.records);
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  it('a cancel at any time ends the run, breaks no law and leaves nothing taken', async () => {
    await fc.assert(
      fc.asyncProperty(draw, fc.integer({ min: 0, max: 20_000 }), fc.boolean(), async (d, after, isKill) => {
        const graph = planOf(d);
        const { sim, starts } = await play(
          d,
          graph,
          ({ clock, scheduler }) =>
            void clock.setTimer(after * 1000, () => (isKill ? scheduler.killAll() : scheduler.cancelAll())),
        );
        assertOrder(starts);
        for (const at of graph.nodes.keys()) expect(SETTLED.has(sim.ledger.status(at).state)).toBe(true);
        for (const [, [used]] of Object.entries(sim.scheduler.admission.pools.usage())) expect(used).toBe(0);
      }),
      { numRuns: 80 },
    );
  }, 120_000);

  it('a machine that is paused, bumped or cancelled and limits that change break no law', async () => {
    const deed = fc.record({
      at: fc.integer({ min: 0, max: 10_000 }),
      what: fc.constantFrom('pause', 'bump', 'cancel', 'limit'),
      vm: fc.nat(9),
      units: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(draw, fc.array(deed, { maxLength: 5 }), async (d, deeds) => {
        const graph = planOf(d);
        const { sim, starts } = await play(d, graph, ({ clock, scheduler, index }) => {
          for (const { at, what, vm: number, units } of deeds) {
            const vm = index.vms[number % index.vms.length];
            if (vm === undefined) continue;
            clock.setTimer(at * 1000, () => {
              if (what === 'bump') scheduler.admission.bump(vm);
              if (what === 'cancel') scheduler.cancelVm(vm);
              if (what === 'pause') {
                scheduler.pause(`vm ${vm.number}`, 'op');
                clock.setTimer(100_000, () => scheduler.unpause(`vm ${vm.number}`));
              }
              if (what === 'limit') {
                const pool = scheduler.admission.pools.number('a') ?? 0;
                // Only down and back: more than the plan says would break the model of the test, not the law.
                scheduler.admission.setCapacity(pool, Math.min(d.capacityA, units));
                clock.setTimer(100_000, () => scheduler.admission.setCapacity(pool, d.capacityA));
              }
              scheduler.kick();
            });
          }
        });
        assertOrder(starts);
        for (const at of graph.nodes.keys()) expect(SETTLED.has(sim.ledger.status(at).state)).toBe(true);
      }),
      { numRuns: 80 },
    );
  }, 120_000);
});
