/**
 * Keeps large tasks from waiting for ever behind small ones. A task that was passed over because of a pool for ten minutes
 * or by fifty others gets the pool drained for it: nobody else may take units of it, except who will be done in time.
 */
import type { Need } from './pools.js';

const PASSED_LIMIT = 50;
const PASSED_MS = 600_000;

interface Drain {
  readonly node: number;
  readonly order: number;
  readonly pool: number;
}

interface Passed {
  readonly since: number;
  count: number;
}

/** Who uses a pool now and when it will probably be done. */
export interface PoolUser {
  readonly units: number;
  readonly endsAt: number;
}

export class Drains {
  readonly #byPool = new Map<number, Drain>();
  /** By task, then by pool: a task that waits now for one pool and now for another starves as well. */
  readonly #passed = new Map<number, Map<number, Passed>>();
  #order = 0;

  /** The task a pool is drained for. */
  forPool(pool: number): number | undefined {
    return this.#byPool.get(pool)?.node;
  }

  pools(): IterableIterator<number> {
    return this.#byPool.keys();
  }

  /** Notes that a task behind it took units of the pool that it waits for. */
  passedOver(node: number, pool: number, now: number): void {
    const pools = this.#passed.get(node) ?? new Map<number, Passed>();
    this.#passed.set(node, pools);
    const passed = pools.get(pool);
    if (passed === undefined) pools.set(pool, { since: now, count: 1 });
    else passed.count += 1;
  }

  /** Begins a drain when a waiting task has been passed over long enough; at most one for each pool. */
  consider(node: number, pool: number, now: number): boolean {
    const passed = this.#passed.get(node)?.get(pool);
    if (passed === undefined || this.#byPool.has(pool)) return false;
    if (passed.count < PASSED_LIMIT && now - passed.since < PASSED_MS) return false;
    this.#order += 1;
    this.#byPool.set(pool, { node, order: this.#orderOf(node) ?? this.#order, pool });
    return true;
  }

  /** Forgets a task that has started or will not. */
  forget(node: number): void {
    this.#passed.delete(node);
    for (const [pool, drain] of this.#byPool) if (drain.node === node) this.#byPool.delete(pool);
  }

  /**
   * The pool that a task must leave alone because it is drained for another one. Of two tasks that pools are drained for,
   * the older drain goes first: otherwise each could wait for the other.
   */
  heldBack(
    node: number,
    needs: readonly Need[],
    endsAt: number,
    startOf: (drained: number, pool: number) => number,
  ): number | undefined {
    if (this.#byPool.size === 0) return undefined;
    const own = this.#orderOf(node);
    for (const { pool } of needs) {
      const drain = this.#byPool.get(pool);
      if (drain === undefined || drain.node === node) continue;
      if (own !== undefined && own < drain.order) continue;
      // Backfill: whoever is done before the drained task could start takes nothing from it.
      if (endsAt <= startOf(drain.node, pool)) continue;
      return pool;
    }
    return undefined;
  }

  #orderOf(node: number): number | undefined {
    for (const drain of this.#byPool.values()) if (drain.node === node) return drain.order;
    return undefined;
  }
}

/** When a pool will probably have enough units, from who uses it now. */
export function estimatedStart(free: number, wanted: number, users: readonly PoolUser[], now: number): number {
  let have = free;
  let at = now;
  for (const user of [...users].sort((a, b) => a.endsAt - b.endsAt)) {
    if (have >= wanted) break;
    have += user.units;
    at = Math.max(at, user.endsAt);
  }
  return at;
}
