import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listSchedule } from './graph-schedule.js';
import { topologicalOrder, upwardRanks } from './graph.js';

/** Chains of three tasks: the first two hold a resource together, the last needs another one alone. */
const chains = fc.array(fc.tuple(...([1, 2, 3] as const).map(() => fc.integer({ min: 1, max: 9 }))), {
  minLength: 1,
  maxLength: 12,
});

function scheduleOf(durations: readonly number[][], capacities: readonly number[]) {
  const successors = durations.flatMap((_, chain) => [[3 * chain + 1], [3 * chain + 2], []]);
  const needs = durations.flatMap((_, chain) => [
    [{ resource: 0, units: 2, hold: chain }],
    [{ resource: 0, units: 1, hold: chain }],
    [{ resource: 1, units: 1 }],
  ]);
  const flat = durations.flat();
  const priorities = upwardRanks(successors, flat, topologicalOrder(successors).order);
  return listSchedule({ durations: flat, successors, priorities, needs, capacities });
}

describe('listSchedule', () => {
  it('never exceeds a capacity, keeps order, and beats no lower bound', () => {
    fc.assert(
      fc.property(chains, fc.integer({ min: 2, max: 6 }), fc.integer({ min: 1, max: 3 }), (durations, held, single) => {
        const { starts, makespan, busy, peak } = scheduleOf(durations, [held, single]);
        const end = (task: number): number => (starts[task] ?? NaN) + (durations.flat()[task] ?? NaN);
        let holdSeconds = 0;
        for (const [chain] of durations.entries()) {
          const task = 3 * chain;
          expect(starts[task + 1]).toBeGreaterThanOrEqual(end(task));
          expect(starts[task + 2]).toBeGreaterThanOrEqual(end(task + 1));
          holdSeconds += 2 * (end(task) - (starts[task] ?? 0)) + (end(task + 1) - end(task));
        }
        expect(busy[0]).toBeCloseTo(holdSeconds, 6);
        for (const instant of starts) {
          let one = 0;
          let two = 0;
          for (const [chain] of durations.entries()) {
            const task = 3 * chain;
            if ((starts[task] ?? 0) <= instant && instant < end(task)) one += 2;
            else if (end(task) <= instant && instant < end(task + 1)) one += 1;
            if ((starts[task + 2] ?? 0) <= instant && instant < end(task + 2)) two += 1;
          }
          expect(one).toBeLessThanOrEqual(held);
          expect(two).toBeLessThanOrEqual(single);
        }
        expect(peak[0]).toBeLessThanOrEqual(held);
        expect(peak[1]).toBeGreaterThanOrEqual(1);
        const longest = Math.max(...durations.map((chain) => chain.reduce((sum, d) => sum + d, 0)));
        const load = durations.reduce((sum, chain) => sum + (chain[2] ?? 0), 0) / single;
        expect(makespan).toBeGreaterThanOrEqual(Math.max(longest, load));
        expect(makespan).toBe(Math.max(...durations.flat().map((_, task) => end(task))));
      }),
    );
  });

  it('cuts a need that no capacity meets, so that everything ends', () => {
    const { makespan, waited } = scheduleOf(
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
      [1, 1],
    );
    expect(makespan).toBe(5);
    expect(waited[0]).toBe(2);
  });
});
