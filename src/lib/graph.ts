/**
 * Small pure algorithms on directed graphs. Vertices are numbers from 0; `successors[v]` lists where the edges of `v` lead.
 * Every result depends on the order of its input alone.
 */
export type Successors = readonly (readonly number[])[];

export interface TopologicalOrder {
  /** Every vertex that no cycle holds up, each after everything that leads to it; smallest number first among equals. */
  readonly order: readonly number[];
  /** Vertices on a cycle or behind one; empty for an acyclic graph. */
  readonly stuck: readonly number[];
}

/** Orders vertices so that every edge leads forward. Linear in vertices and edges, apart from keeping ties in order. */
export function topologicalOrder(successors: Successors): TopologicalOrder {
  const count = successors.length;
  const incoming = new Int32Array(count);
  for (const targets of successors) for (const target of targets) incoming[target] = (incoming[target] ?? 0) + 1;
  const order: number[] = [];
  // Rounds of ready vertices in ascending order: a stable order without a priority queue.
  let round: number[] = [];
  for (let v = 0; v < count; v += 1) if (incoming[v] === 0) round.push(v);
  while (round.length > 0) {
    const next: number[] = [];
    for (const v of round) {
      order.push(v);
      for (const target of successors[v] ?? []) {
        const left = (incoming[target] ?? 0) - 1;
        incoming[target] = left;
        if (left === 0) next.push(target);
      }
    }
    round = next.sort((a, b) => a - b);
  }
  const stuck: number[] = [];
  if (order.length < count) for (let v = 0; v < count; v += 1) if ((incoming[v] ?? 0) > 0) stuck.push(v);
  return { order, stuck };
}

/**
 * A shortest cycle as its vertices in order, starting with the smallest number; undefined for an acyclic graph.
 * Searches from vertices that are stuck only, so an acyclic graph costs one topological sort.
 */
export function shortestCycle(successors: Successors): readonly number[] | undefined {
  const stuck = new Set(topologicalOrder(successors).stuck);
  let best: number[] | undefined;
  for (const start of stuck) {
    const cycle = cycleThrough(successors, start, stuck, best === undefined ? Infinity : best.length);
    if (cycle !== undefined) best = cycle;
    if (best?.length === 1) break;
  }
  if (best === undefined) return undefined;
  const first = best.indexOf(Math.min(...best));
  return [...best.slice(first), ...best.slice(0, first)];
}

/** The shortest way from a vertex back to itself, when it is shorter than `bound` vertices. */
function cycleThrough(
  successors: Successors,
  start: number,
  within: ReadonlySet<number>,
  bound: number,
): number[] | undefined {
  const cameFrom = new Map<number, number>();
  let frontier = [start];
  for (let length = 1; length < bound && frontier.length > 0; length += 1) {
    const next: number[] = [];
    for (const v of frontier) {
      for (const target of successors[v] ?? []) {
        if (target === start) {
          const cycle = [v];
          for (let at = v; at !== start;) cycle.push((at = cameFrom.get(at) ?? start));
          return cycle.reverse();
        }
        if (!within.has(target) || cameFrom.has(target)) continue;
        cameFrom.set(target, v);
        next.push(target);
      }
    }
    frontier = next;
  }
  return undefined;
}

/**
 * For every vertex its own weight plus the heaviest path that follows it (its upward rank).
 * @param order a complete topological order of the graph
 */
export function upwardRanks(
  successors: Successors,
  weights: ArrayLike<number>,
  order: readonly number[],
): Float64Array {
  const ranks = new Float64Array(successors.length);
  for (let at = order.length - 1; at >= 0; at -= 1) {
    const v = order[at] ?? 0;
    let longest = 0;
    for (const target of successors[v] ?? []) longest = Math.max(longest, ranks[target] ?? 0);
    ranks[v] = (weights[v] ?? 0) + longest;
  }
  return ranks;
}

/** The heaviest path through an acyclic graph, first to last; among equals the one with the smallest numbers. */
export function heaviestPath(successors: Successors, ranks: ArrayLike<number>): readonly number[] {
  const path: number[] = [];
  let candidates: Iterable<number> = successors.keys();
  for (;;) {
    let best = -1;
    for (const v of candidates) if (best === -1 || (ranks[v] ?? 0) > (ranks[best] ?? 0)) best = v;
    if (best === -1) return path;
    path.push(best);
    candidates = successors[best] ?? [];
  }
}

/** Turns lists of predecessors into lists of successors. */
export function reversed(edges: Successors): number[][] {
  const result: number[][] = Array.from(edges, () => []);
  for (const [v, targets] of edges.entries()) for (const target of targets) result[target]?.push(v);
  return result;
}
