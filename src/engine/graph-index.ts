/** A plan in the form the scheduler works on: numbers instead of names, checked once. */
import { DroverError } from '../lib/error.js';
import type { PlannedVm, TaskGraph, TaskNode } from '../model/graph.js';
import { stageIndex } from '../model/stage.js';

/** A demand with its pool resolved. */
interface IndexedDemand {
  readonly pool: number;
  readonly units: number;
  /** Number of the hold within its machine; undefined for units that only the task holds. */
  readonly hold: number | undefined;
}

/** Units that a machine holds across tasks. */
interface IndexedHold {
  readonly pool: number;
  readonly name: string;
  /** Tasks that ask for it, in stage order, with what they ask. */
  readonly asks: readonly { readonly node: number; readonly units: number }[];
}

export interface IndexedVm {
  readonly vm: PlannedVm;
  readonly number: number;
  /** Its stage nodes in stage order. */
  readonly stages: readonly number[];
  readonly holds: readonly IndexedHold[];
}

export interface GraphIndex {
  readonly graph: TaskGraph;
  readonly nodes: readonly TaskNode[];
  readonly byId: ReadonlyMap<string, number>;
  readonly vms: readonly IndexedVm[];
  readonly vmByKey: ReadonlyMap<string, IndexedVm>;
  /** Machine of a node, or undefined. */
  readonly vmOf: readonly (IndexedVm | undefined)[];
  readonly dependents: readonly (readonly { readonly node: number; readonly needsSuccess: boolean }[])[];
  readonly dependencies: readonly (readonly { readonly node: number; readonly needsSuccess: boolean }[])[];
  readonly demands: readonly (readonly IndexedDemand[])[];
  readonly poolNames: readonly string[];
  readonly poolCapacity: readonly number[];
  /** Pools of which machines hold units across tasks, such as scratch space. */
  readonly isHeldPool: readonly boolean[];
  /** Place of each node when nothing else decides: longest chain first, then wave, batch, machine, id. Lower goes first. */
  readonly rank: readonly number[];
}

const RUNS_HERE: ReadonlySet<string> = new Set(['stage', 'barrier', 'report', 'preflight']);

function bad(message: string): DroverError {
  return new DroverError({ code: 'engine.bad-graph', message });
}

/** Name of the pool that bounds how many machines of a wave are under way. */
function wavePool(wave: string): string {
  return `wave:${wave}.vms`;
}

function checkStages(
  vm: PlannedVm,
  stages: readonly number[],
  index: Pick<GraphIndex, 'nodes' | 'dependencies'>,
): void {
  for (const [at, node] of stages.entries()) {
    const previous = stages[at - 1];
    if (previous === undefined) continue;
    if (index.nodes[previous]?.stage === index.nodes[node]?.stage) {
      throw bad(`machine ${vm.name} has the stage ${index.nodes[node]?.stage} twice`);
    }
    if (!(index.dependencies[node] ?? []).some((dep) => dep.node === previous && dep.needsSuccess)) {
      throw bad(`task ${index.nodes[node]?.key} does not wait for ${index.nodes[previous]?.key}`);
    }
  }
}

function refuseCycles(count: number, index: Pick<GraphIndex, 'nodes' | 'dependents' | 'dependencies'>): void {
  const open = index.dependencies.map((deps) => deps.length);
  const queue: number[] = [];
  for (let node = 0; node < count; node += 1) if (open[node] === 0) queue.push(node);
  let seen = 0;
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    seen += 1;
    for (const { node: next } of index.dependents[node] ?? []) {
      open[next] = (open[next] ?? 0) - 1;
      if (open[next] === 0) queue.push(next);
    }
  }
  if (seen === count) return;
  const inCycle = open.findIndex((left) => left > 0);
  throw bad(`the plan has a cycle through ${index.nodes[inCycle]?.key}`);
}

/** Resolves and checks a plan. Throws `engine.bad-graph` or `engine.unsupported-node`. */
export function indexGraph(graph: TaskGraph): GraphIndex {
  const nodes = graph.nodes;
  const byId = new Map<string, number>();
  for (const [at, node] of nodes.entries()) {
    if (byId.has(node.id)) throw bad(`two tasks have the id ${node.id}`);
    if (!RUNS_HERE.has(node.kind)) {
      throw new DroverError({
        code: 'engine.unsupported-node',
        message: `task ${node.key} is a ${node.kind}, which this version does not run`,
      });
    }
    byId.set(node.id, at);
  }
  const poolNames = Object.keys(graph.pools).sort();
  const poolCapacity = poolNames.map((name) => graph.pools[name] ?? 0);
  for (const wave of graph.waves) {
    if (wave.maxVmsInFlight === null) continue;
    poolNames.push(wavePool(wave.name));
    poolCapacity.push(Math.max(1, wave.maxVmsInFlight));
  }
  const poolNumber = new Map(poolNames.map((name, number) => [name, number]));
  const isHeldPool = poolNames.map(() => false);

  const dependents: { node: number; needsSuccess: boolean }[][] = nodes.map(() => []);
  const dependencies: { node: number; needsSuccess: boolean }[][] = nodes.map(() => []);
  for (const [at, node] of nodes.entries()) {
    for (const dep of node.deps) {
      const on = byId.get(dep.id);
      if (on === undefined) throw bad(`task ${node.key} waits for ${dep.id}, which is not in the plan`);
      const needsSuccess = dep.on === 'success';
      dependents[on]?.push({ node: at, needsSuccess });
      dependencies[at]?.push({ node: on, needsSuccess });
    }
  }
  refuseCycles(nodes.length, { nodes, dependents, dependencies });

  const stagesOf = new Map<string, number[]>(graph.vms.map((vm) => [vm.vmKey, []]));
  for (const [at, node] of nodes.entries()) {
    if (node.kind !== 'stage') continue;
    const list = node.vmKey === undefined ? undefined : stagesOf.get(node.vmKey);
    if (list === undefined || node.stage === undefined) throw bad(`task ${node.key} belongs to no machine of the plan`);
    list.push(at);
  }
  const demands: IndexedDemand[][] = nodes.map(() => []);
  const vmOf: (IndexedVm | undefined)[] = nodes.map(() => undefined);
  const vms = graph.vms.map((vm, number): IndexedVm => {
    const stages = (stagesOf.get(vm.vmKey) ?? []).sort((a, b) => order(nodes[a]) - order(nodes[b]));
    checkStages(vm, stages, { nodes, dependencies });
    const inWave = poolNumber.get(wavePool(vm.wave));
    const holds = new Map<string, { pool: number; name: string; asks: { node: number; units: number }[] }>();
    const holdNumbers = new Map<string, number>();
    const ask = (pool: number, name: string, node: number, units: number): void => {
      const key = `${pool} ${name}`;
      let hold = holds.get(key);
      if (hold === undefined) {
        hold = { pool, name, asks: [] };
        holdNumbers.set(key, holds.size);
        holds.set(key, hold);
        isHeldPool[pool] = true;
      }
      hold.asks.push({ node, units });
      demands[node]?.push({ pool, units, hold: holdNumbers.get(key) });
    };
    for (const node of stages) {
      for (const demand of nodes[node]?.demand ?? []) {
        const pool = poolNumber.get(demand.pool);
        const where = `task ${nodes[node]?.key}`;
        if (pool === undefined) throw bad(`${where} asks for the pool ${demand.pool}, which the plan does not have`);
        if (!(demand.units >= 0)) throw bad(`${where} asks for ${demand.units} units of ${demand.pool}`);
        if (demand.units > (poolCapacity[pool] ?? 0)) {
          throw bad(`${where} asks for ${demand.units} units of ${demand.pool}, which has ${poolCapacity[pool]}`);
        }
        if (demand.units === 0) continue;
        if (demand.hold === undefined) demands[node]?.push({ pool, units: demand.units, hold: undefined });
        else ask(pool, demand.hold, node, demand.units);
      }
      if (inWave !== undefined) ask(inWave, 'in flight', node, 1);
    }
    const indexed = { vm, number, stages, holds: [...holds.values()] };
    for (const node of stages) vmOf[node] = indexed;
    return indexed;
  });

  return {
    graph,
    nodes,
    byId,
    vms,
    vmByKey: new Map(vms.map((vm) => [vm.vm.vmKey, vm])),
    vmOf,
    dependents,
    dependencies,
    demands,
    poolNames,
    poolCapacity,
    isHeldPool,
    rank: ranks(graph, nodes, vmOf),
  };
}

function order(node: TaskNode | undefined): number {
  return node?.stage === undefined ? 0 : stageIndex(node.stage);
}

function ranks(graph: TaskGraph, nodes: readonly TaskNode[], vmOf: readonly (IndexedVm | undefined)[]): number[] {
  const waves = new Map(graph.waves.map((wave, at) => [wave.name, at]));
  const wave = (node: TaskNode | undefined): number => waves.get(node?.wave ?? '') ?? graph.waves.length;
  const sorted = nodes.map((_, at) => at);
  sorted.sort((a, b) => {
    const x = nodes[a];
    const y = nodes[b];
    return (
      (y?.priority ?? 0) - (x?.priority ?? 0) ||
      wave(x) - wave(y) ||
      (x?.batch ?? 0) - (y?.batch ?? 0) ||
      (vmOf[a]?.number ?? -1) - (vmOf[b]?.number ?? -1) ||
      ((x?.id ?? '') < (y?.id ?? '') ? -1 : 1)
    );
  });
  const rank = new Array<number>(nodes.length).fill(0);
  for (const [place, node] of sorted.entries()) rank[node] = place;
  return rank;
}
