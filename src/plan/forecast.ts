import { listSchedule } from '../lib/graph-schedule.js';
import type { ResourceNeed } from '../lib/graph-schedule.js';
import { heaviestPath, topologicalOrder, upwardRanks } from '../lib/graph.js';
import type { TaskGraph, TaskNode } from '../model/graph.js';

/** Seconds that a plan, or a wave of it, is expected to take when it starts now. */
interface Span {
  readonly p50s: number;
  readonly p90s: number;
}

interface WaveForecast extends Span {
  readonly wave: string;
  /** Bytes that its stages will move. */
  readonly bytes: number;
  /** The pool whose load bounds the wave; undefined when its longest machine does. */
  readonly limitedBy?: string;
}

interface PoolForecast {
  readonly pool: string;
  readonly limit: number;
  /** Most units in use at once. */
  readonly peak: number;
  /** Share of its unit-seconds that are used, 0 to 1. */
  readonly busy: number;
}

export interface Forecast extends Span {
  readonly waves: readonly WaveForecast[];
  readonly pools: readonly PoolForecast[];
  /** The pool that work waits for most; undefined when nothing waits. */
  readonly limitedBy?: string;
  /** Ids of the tasks of the longest chain, in order. */
  readonly criticalPath: readonly string[];
}

/** Whether a run of the plan will work on a task. */
export function willRun(node: TaskNode): boolean {
  return node.kind === 'stage' && node.cacheState !== 'hit' && node.skip === undefined;
}

/**
 * Expected course of a run by list scheduling over the pools of the plan. Cached and skipped tasks cost nothing.
 * The 90th percentile lets every task take its own; it is a cautious figure.
 */
export function forecast(graph: TaskGraph): Forecast {
  const indexOf = new Map(graph.nodes.map((node, at) => [node.id, at]));
  const successors: number[][] = graph.nodes.map(() => []);
  for (const [at, node] of graph.nodes.entries()) {
    for (const dep of node.deps) successors[indexOf.get(dep.id) ?? -1]?.push(at);
  }
  const pools = Object.keys(graph.pools);
  const capacities = pools.map((name) => graph.pools[name] ?? 0);
  const needs = needsOf(graph, new Map(pools.map((name, at) => [name, at])));
  const medians = graph.nodes.map((node) => (willRun(node) ? node.estimate.p50s : 0));
  const slow = graph.nodes.map((node) => (willRun(node) ? node.estimate.p90s : 0));
  const priorities = upwardRanks(successors, medians, topologicalOrder(successors).order);
  const expected = listSchedule({ durations: medians, successors, priorities, needs, capacities });
  const cautious = listSchedule({ durations: slow, successors, priorities, needs, capacities });
  const limitedBy = mostWaited(pools, expected.waited);
  return {
    p50s: expected.makespan,
    p90s: cautious.makespan,
    waves: graph.waves.map(({ name }) =>
      waveForecast(graph, name, [medians, expected.starts], [slow, cautious.starts]),
    ),
    pools: pools.map((name, at) => ({
      pool: name,
      limit: capacities[at] ?? 0,
      peak: expected.peak[at] ?? 0,
      busy: expected.makespan === 0 ? 0 : (expected.busy[at] ?? 0) / ((capacities[at] ?? 0) * expected.makespan || 1),
    })),
    ...(limitedBy === undefined ? {} : { limitedBy }),
    criticalPath: heaviestPath(successors, priorities)
      .filter((at) => (medians[at] ?? 0) > 0)
      .map((at) => graph.nodes[at]?.id ?? ''),
  };
}

function needsOf(graph: TaskGraph, poolNumber: ReadonlyMap<string, number>): ResourceNeed[][] {
  const holds = new Map<string, number>();
  return graph.nodes.map((node) => {
    if (!willRun(node)) return [];
    return node.demand.map(({ pool, units, hold }): ResourceNeed => {
      const resource = poolNumber.get(pool) ?? 0;
      if (hold === undefined) return { resource, units };
      const key = `${node.vmKey ?? ''} ${pool} ${hold}`;
      let number = holds.get(key);
      if (number === undefined) holds.set(key, (number = holds.size));
      return { resource, units, hold: number };
    });
  });
}

type Course = readonly [durations: readonly number[], starts: ArrayLike<number>];

function waveForecast(graph: TaskGraph, wave: string, expected: Course, cautious: Course): WaveForecast {
  let bytes = 0;
  const loads = new Map<string, number>();
  const chains = new Map<string, number>();
  for (const node of graph.nodes) {
    if (node.wave !== wave || !willRun(node)) continue;
    bytes += node.estimate.bytes ?? 0;
    chains.set(node.vmKey ?? '', (chains.get(node.vmKey ?? '') ?? 0) + node.estimate.p50s);
    for (const { pool, units } of node.demand) {
      loads.set(pool, (loads.get(pool) ?? 0) + (units * node.estimate.p50s) / (graph.pools[pool] ?? 1));
    }
  }
  let limit = Math.max(0, ...chains.values());
  let limitedBy: string | undefined;
  for (const [pool, load] of [...loads].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (load > limit + 1e-9) {
      limit = load;
      limitedBy = pool;
    }
  }
  return {
    wave,
    bytes,
    p50s: spanOf(graph, wave, expected),
    p90s: spanOf(graph, wave, cautious),
    ...(limitedBy === undefined ? {} : { limitedBy }),
  };
}

function spanOf(graph: TaskGraph, wave: string, [durations, starts]: Course): number {
  let first = Infinity;
  let last = 0;
  for (const [at, node] of graph.nodes.entries()) {
    if (node.wave !== wave || !willRun(node)) continue;
    first = Math.min(first, starts[at] ?? 0);
    last = Math.max(last, (starts[at] ?? 0) + (durations[at] ?? 0));
  }
  return Math.max(0, last - first);
}

function mostWaited(pools: readonly string[], waited: ArrayLike<number>): string | undefined {
  let best: string | undefined;
  let most = 0;
  for (const [at, name] of pools.entries()) {
    if ((waited[at] ?? 0) > most) {
      most = waited[at] ?? 0;
      best = name;
    }
  }
  return best;
}
