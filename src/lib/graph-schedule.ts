/**
 * List scheduling on a virtual clock: how long a graph of tasks takes when every task starts as soon as everything before
 * it is over and its whole demand fits. Used to estimate, never to run.
 */
import type { Successors } from './graph.js';
import { Heap } from './heap.js';

export interface ResourceNeed {
  /** Index into the capacities. */
  readonly resource: number;
  readonly units: number;
  /**
   * With it the units are held under this number from the first of its tasks until the last is over, shrinking to what the
   * tasks still to come need. The tasks of a hold must form a chain, in ascending task number.
   */
  readonly hold?: number;
}

export interface ScheduleInput {
  /** Seconds of every task. */
  readonly durations: ArrayLike<number>;
  readonly successors: Successors;
  /** Larger goes first; ties by task number. */
  readonly priorities: ArrayLike<number>;
  readonly needs: readonly (readonly ResourceNeed[])[];
  /** Units of every resource; a larger need is cut to it. */
  readonly capacities: readonly number[];
}

export interface Schedule {
  /** Seconds until the last task is over. */
  readonly makespan: number;
  /** Seconds at which every task starts. */
  readonly starts: Float64Array;
  /** Unit-seconds in use of every resource. */
  readonly busy: Float64Array;
  /** Most units in use at once of every resource. */
  readonly peak: Float64Array;
  /** Seconds that ready tasks waited for every resource. */
  readonly waited: Float64Array;
}

interface Hold {
  readonly units: number[];
  done: number;
  held: number;
}

/** The schedule; linear in tasks apart from heaps and the number of distinct demands. Tasks on a cycle never start. */
export function listSchedule(input: ScheduleInput): Schedule {
  const { durations, successors, priorities, capacities } = input;
  const count = successors.length;
  const needs = input.needs.map((list) =>
    list.map((need) => ({ ...need, units: Math.min(need.units, capacities[need.resource] ?? 0) })),
  );
  const holds = holdsOf(needs);
  const used = new Float64Array(capacities.length);
  const busy = new Float64Array(capacities.length);
  const peak = new Float64Array(capacities.length);
  const waited = new Float64Array(capacities.length);
  const starts = new Float64Array(count).fill(-1);
  const readySince = new Float64Array(count);
  const blockedBy = new Int32Array(count).fill(-1);
  const incoming = new Int32Array(count);
  for (const targets of successors) for (const target of targets) incoming[target] = (incoming[target] ?? 0) + 1;

  const buckets = new Map<string, Heap<number>>();
  const first = (a: number, b: number): boolean =>
    (priorities[a] ?? 0) === (priorities[b] ?? 0) ? a < b : (priorities[a] ?? 0) > (priorities[b] ?? 0);
  const ends = new Heap<{ at: number; task: number }>((a, b) => (a.at === b.at ? a.task < b.task : a.at < b.at));
  let now = 0;

  const charge = (resource: number, units: number): void => {
    const total = (used[resource] ?? 0) + units;
    used[resource] = total;
    if (total > (peak[resource] ?? 0)) peak[resource] = total;
    // Units are booked for the time from now on; giving them back books the rest away.
    busy[resource] = (busy[resource] ?? 0) - units * now;
  };
  const extra = (need: ResourceNeed): number =>
    need.hold === undefined ? need.units : Math.max(0, need.units - (holds.get(need.hold)?.held ?? 0));
  const ready = (task: number): void => {
    readySince[task] = now;
    const key = (needs[task] ?? []).map((need) => `${need.resource}:${demandClass(extra(need))}`).join();
    let bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, (bucket = new Heap(first)));
    bucket.push(task);
  };
  const lacking = (task: number): number => {
    for (const need of needs[task] ?? []) {
      if ((used[need.resource] ?? 0) + extra(need) > (capacities[need.resource] ?? 0)) return need.resource;
    }
    return -1;
  };
  const start = (task: number): void => {
    starts[task] = now;
    const cause = blockedBy[task] ?? -1;
    if (cause >= 0) waited[cause] = (waited[cause] ?? 0) + now - (readySince[task] ?? 0);
    for (const need of needs[task] ?? []) {
      const units = extra(need);
      charge(need.resource, units);
      const hold = need.hold === undefined ? undefined : holds.get(need.hold);
      if (hold !== undefined) hold.held += units;
    }
    ends.push({ at: now + (durations[task] ?? 0), task });
  };
  const finish = (task: number): void => {
    for (const need of needs[task] ?? []) {
      const hold = need.hold === undefined ? undefined : holds.get(need.hold);
      if (hold === undefined) charge(need.resource, -need.units);
      else {
        hold.done += 1;
        const left = hold.units[hold.done] ?? 0;
        if (left < hold.held) {
          charge(need.resource, left - hold.held);
          hold.held = left;
        }
      }
    }
    for (const target of successors[task] ?? []) {
      const left = (incoming[target] ?? 0) - 1;
      incoming[target] = left;
      if (left === 0) ready(target);
    }
  };
  const dispatch = (): void => {
    const blocked = new Set<Heap<number>>();
    for (;;) {
      let best: Heap<number> | undefined;
      for (const bucket of buckets.values()) {
        const head = bucket.peek();
        if (head === undefined || blocked.has(bucket)) continue;
        if (best === undefined || first(head, best.peek() ?? -1)) best = bucket;
      }
      const task = best?.peek();
      if (best === undefined || task === undefined) return;
      const cause = lacking(task);
      if (cause >= 0) {
        blocked.add(best);
        if ((blockedBy[task] ?? -1) < 0) blockedBy[task] = cause;
        continue;
      }
      best.pop();
      start(task);
    }
  };

  for (let task = 0; task < count; task += 1) if (incoming[task] === 0) ready(task);
  dispatch();
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    now = end.at;
    finish(end.task);
    while (ends.peek()?.at === now) finish(ends.pop()?.task ?? 0);
    dispatch();
  }
  for (const [resource, units] of used.entries()) if (units !== 0) charge(resource, -units);
  return { makespan: now, starts, busy, peak, waited };
}

/** Large needs (bytes) fall into classes of one octave, so that the number of queues does not grow with the tasks. */
function demandClass(units: number): number {
  return units <= 64 ? units : 64 + Math.ceil(Math.log2(units));
}

function holdsOf(needs: readonly (readonly ResourceNeed[])[]): Map<number, Hold> {
  const holds = new Map<number, Hold>();
  for (const list of needs) {
    for (const need of list) {
      if (need.hold === undefined) continue;
      const hold = holds.get(need.hold);
      if (hold === undefined) holds.set(need.hold, { units: [need.units], done: 0, held: 0 });
      else hold.units.push(need.units);
    }
  }
  // What is held never falls below what a later task of the hold still needs.
  for (const { units } of holds.values()) {
    for (let at = units.length - 2; at >= 0; at -= 1) units[at] = Math.max(units[at] ?? 0, units[at + 1] ?? 0);
  }
  return holds;
}
