/** Counted resources: who holds how much. All that a task needs is taken in one step or not at all. */
import { DroverError } from '../lib/error.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';

/** Units of a pool, by the pool's number. */
export interface Need {
  readonly pool: number;
  readonly units: number;
}

export class Pools {
  readonly #index: GraphIndex;
  readonly #isDone: (node: number) => boolean;
  readonly #capacity: number[];
  readonly #used: number[];
  /** What each machine holds, by number of the hold. */
  readonly #held: number[][];
  readonly #taken = new Map<number, readonly Need[]>();
  readonly #paused = new Map<number, string>();

  /** @param isDone whether a task will not ask for anything any more */
  constructor(index: GraphIndex, isDone: (node: number) => boolean) {
    this.#index = index;
    this.#isDone = isDone;
    this.#capacity = [...index.poolCapacity];
    this.#used = index.poolCapacity.map(() => 0);
    this.#held = index.vms.map((vm) => vm.holds.map(() => 0));
  }

  number(name: string): number | undefined {
    const at = this.#index.poolNames.indexOf(name);
    return at < 0 ? undefined : at;
  }

  free(pool: number): number {
    return Math.max(0, (this.#capacity[pool] ?? 0) - (this.#used[pool] ?? 0));
  }

  used(pool: number): number {
    return this.#used[pool] ?? 0;
  }

  capacity(pool: number): number {
    return this.#capacity[pool] ?? 0;
  }

  /** Takes effect at the next dispatch; never ends what runs. */
  setCapacity(pool: number, units: number): void {
    this.#capacity[pool] = units;
  }

  pause(pool: number, by: string): void {
    this.#paused.set(pool, by);
  }

  unpause(pool: number): void {
    this.#paused.delete(pool);
  }

  get isAnyPaused(): boolean {
    return this.#paused.size > 0;
  }

  pausedBy(pool: number): string | undefined {
    return this.#paused.get(pool);
  }

  /** How full the fullest pool is of which machines hold units, such as scratch: 0 to 1. Counts of machines do not matter here. */
  heldShare(): number {
    let share = 0;
    for (const [pool, isHeld] of this.#index.isHeldPool.entries()) {
      const capacity = this.capacity(pool);
      // Space is counted in bytes, machines under way in ones.
      if (isHeld && capacity > 100_000) share = Math.max(share, this.used(pool) / capacity);
    }
    return share;
  }

  /**
   * What a task needs beyond what its machine holds. A hold is taken whole by the first task that asks: as much as any
   * task ahead will ask for, so that nobody has to wait for more while holding some.
   */
  needOf(node: number): readonly Need[] {
    const vm = this.#index.vmOf[node];
    const needs = new Map<number, number>();
    for (const { pool, units, hold } of this.#index.demands[node] ?? []) {
      const more = hold === undefined || vm === undefined ? units : this.#ahead(vm, hold) - this.#heldBy(vm, hold);
      if (more > 0) needs.set(pool, (needs.get(pool) ?? 0) + more);
    }
    return [...needs].map(([pool, units]) => ({ pool, units })).sort((a, b) => a.pool - b.pool);
  }

  /** Whether the hold of a machine will shrink once this task, or it and the next one, is over. */
  freesSoon(node: number): boolean {
    const vm = this.#index.vmOf[node];
    if (vm === undefined) return false;
    const at = vm.stages.indexOf(node);
    const soon = new Set(vm.stages.slice(at, at + 2));
    return vm.holds.some((hold, number) => {
      const held = this.#heldBy(vm, number);
      if (held === 0 || this.capacity(hold.pool) <= 100_000) return false;
      let later = 0;
      for (const ask of hold.asks)
        if (!soon.has(ask.node) && !this.#isDone(ask.node)) later = Math.max(later, ask.units);
      return later < held;
    });
  }

  /** The first pool that does not have what is needed. */
  firstBlocking(needs: readonly Need[]): number | undefined {
    for (const { pool, units } of needs) {
      if (this.#paused.has(pool) || this.wanted(pool, units) > this.free(pool)) return pool;
    }
    return undefined;
  }

  /**
   * Units that are really asked of a pool: a pool of connections or slots that was made smaller during the run still lets
   * a large task through when it is empty; space cannot be had that way.
   */
  wanted(pool: number, units: number): number {
    return this.#index.isHeldPool[pool] === true ? units : Math.min(units, Math.max(1, this.capacity(pool)));
  }

  /** Takes everything a task needs, at once. */
  take(node: number, needs: readonly Need[]): void {
    const vm = this.#index.vmOf[node];
    for (const { pool, units } of needs) {
      const wanted = this.wanted(pool, units);
      if (wanted > this.free(pool)) {
        throw new DroverError({ code: 'internal.bug', message: `pool ${this.#index.poolNames[pool]} is overdrawn` });
      }
      this.#used[pool] = this.used(pool) + wanted;
    }
    const own: Need[] = [];
    for (const { pool, units, hold } of this.#index.demands[node] ?? []) {
      if (hold === undefined || vm === undefined) {
        own.push({ pool, units: this.wanted(pool, units) });
        continue;
      }
      const held = this.#held[vm.number];
      if (held !== undefined) held[hold] = Math.max(held[hold] ?? 0, this.#ahead(vm, hold));
    }
    this.#taken.set(node, own);
  }

  /** Gives back what the task alone held. */
  release(node: number): void {
    for (const { pool, units } of this.#taken.get(node) ?? []) this.#give(pool, units);
    this.#taken.delete(node);
  }

  /** Gives back what no task of the machine ahead asks for. To be called when a task of it is over. */
  shrinkHolds(vm: IndexedVm): boolean {
    let hasShrunk = false;
    for (const [number, hold] of vm.holds.entries()) {
      const held = this.#heldBy(vm, number);
      if (held === 0) continue;
      const ahead = this.#ahead(vm, number);
      if (ahead >= held) continue;
      const all = this.#held[vm.number];
      if (all !== undefined) all[number] = ahead;
      this.#give(hold.pool, held - ahead);
      hasShrunk = true;
    }
    return hasShrunk;
  }

  /** Used and capacity by name, of pools that are in use or were named by the plan. */
  usage(): Readonly<Record<string, readonly [number, number]>> {
    const usage: Record<string, readonly [number, number]> = {};
    for (const [pool, name] of this.#index.poolNames.entries()) usage[name] = [this.used(pool), this.capacity(pool)];
    return usage;
  }

  /** Whether a machine holds anything of a pool. */
  holds(vm: IndexedVm, pool: number): boolean {
    return vm.holds.some((hold, number) => hold.pool === pool && this.#heldBy(vm, number) > 0);
  }

  #heldBy(vm: IndexedVm, hold: number): number {
    return this.#held[vm.number]?.[hold] ?? 0;
  }

  #ahead(vm: IndexedVm, hold: number): number {
    let most = 0;
    for (const { node, units } of vm.holds[hold]?.asks ?? []) if (!this.#isDone(node)) most = Math.max(most, units);
    return most;
  }

  #give(pool: number, units: number): void {
    const left = this.used(pool) - units;
    if (left < 0) {
      throw new DroverError({ code: 'internal.bug', message: `pool ${this.#index.poolNames[pool]} went below zero` });
    }
    this.#used[pool] = left;
  }
}
