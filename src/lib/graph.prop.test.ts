import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heaviestPath, reversed, shortestCycle, topologicalOrder, upwardRanks } from './graph.js';

const graph = fc.integer({ min: 0, max: 9 }).chain((count) =>
  count === 0
    ? fc.constant<number[][]>([])
    : fc.array(fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { maxLength: 3 }), {
        minLength: count,
        maxLength: count,
      }),
);
const acyclic = graph.map((edges) => edges.map((targets, v) => targets.filter((target) => target > v)));

/** Length of the shortest cycle by trying every walk, undefined when there is none. */
function bruteCycleLength(edges: number[][]): number | undefined {
  let reach = edges.map((targets) => new Set(targets));
  for (let length = 1; length <= edges.length; length += 1) {
    if (reach.some((set, v) => set.has(v))) return length;
    reach = reach.map((set) => new Set([...set].flatMap((v) => edges[v] ?? [])));
  }
  return undefined;
}

describe('graph', () => {
  it('orders every vertex after everything that leads to it', () => {
    fc.assert(
      fc.property(acyclic, (edges) => {
        const { order, stuck } = topologicalOrder(edges);
        expect(stuck).toEqual([]);
        expect([...order].sort((a, b) => a - b)).toEqual([...edges.keys()]);
        const at = new Map(order.map((v, index) => [v, index]));
        for (const [v, targets] of edges.entries())
          for (const target of targets) expect(at.get(target)).toBeGreaterThan(at.get(v) ?? Infinity);
      }),
    );
  });

  it('finds a shortest cycle exactly when there is one', () => {
    fc.assert(
      fc.property(graph, (edges) => {
        const cycle = shortestCycle(edges);
        expect(cycle?.length).toBe(bruteCycleLength(edges));
        if (cycle === undefined) return;
        for (const [index, v] of cycle.entries()) expect(edges[v]).toContain(cycle[(index + 1) % cycle.length]);
      }),
      { numRuns: 1000 },
    );
  });

  it('ranks are what the heaviest path weighs', () => {
    fc.assert(
      fc.property(
        acyclic,
        fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 9, maxLength: 9 }),
        (edges, weights) => {
          const ranks = upwardRanks(edges, weights, topologicalOrder(edges).order);
          const path = heaviestPath(edges, ranks);
          const total = path.reduce((sum, v) => sum + (weights[v] ?? 0), 0);
          expect(total).toBe(edges.length === 0 ? 0 : Math.max(...ranks));
          for (const [index, v] of path.slice(1).entries()) expect(edges[path[index] ?? -1]).toContain(v);
        },
      ),
    );
  });

  it('reversing twice keeps the edges', () => {
    fc.assert(
      fc.property(graph, (edges) => {
        const sorted = edges.map((targets) => [...targets].sort((a, b) => a - b));
        expect(reversed(reversed(edges))).toEqual(sorted);
      }),
    );
  });
});
