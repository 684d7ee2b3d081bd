/** Which of the tasks that could start may start now, and why the others may not. */
import type { Clock } from '../host/index.js';
import type { WaitReason } from '../model/event.js';
import { Circuits, resourcesOf } from './circuit.js';
import { Drains, estimatedStart } from './drain.js';
import type { PoolUser } from './drain.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import { Pools } from './pools.js';
import type { Need } from './pools.js';
import { ReadyQueue, signatureOf } from './ready-queue.js';
import type { Head } from './ready-queue.js';

/** From this share of used space on, stages that lead to freeing space go before stages that fill it. */
const FULL_SHARE = 0.8;

/** What a running task has taken. */
interface Holder {
  readonly startedAt: number;
  readonly units: ReadonlyMap<number, number>;
}

/** Why a task may not start now. */
type Obstacle =
  | { readonly kind: 'circuit'; readonly resource: string; readonly probeAt: number }
  | { readonly kind: 'pool' | 'drain'; readonly pool: number };

export class Admission {
  readonly #index: GraphIndex;
  readonly #clock: Clock;
  readonly #useCircuits: boolean;
  readonly #queue = new ReadyQueue();
  readonly #drains = new Drains();
  readonly #running = new Map<number, Holder>();
  readonly #bumped = new Set<number>();
  readonly circuits = new Circuits();
  readonly pools: Pools;
  #limitsChanged = false;

  constructor(index: GraphIndex, clock: Clock, useCircuits: boolean, isDone: (node: number) => boolean) {
    this.#index = index;
    this.#clock = clock;
    this.#useCircuits = useCircuits;
    this.pools = new Pools(index, isDone);
  }

  get size(): number {
    return this.#queue.size;
  }

  nodes(): readonly number[] {
    return [...this.#queue.nodes()];
  }

  /** Puts a task among those that could start, or gives it its place anew. */
  add(node: number): void {
    const task = this.#index.nodes[node];
    const vm = this.#index.vmOf[node];
    if (task === undefined || vm === undefined) return;
    const needs = this.pools.needOf(node);
    const resources = this.resources(node);
    const isFetch = task.stage === 'FETCH';
    const tier = this.#bumped.has(vm.number) ? 0 : this.pools.freesSoon(node) ? 1 : 2;
    this.#queue.add(node, {
      needs,
      resources,
      isFetch,
      signature: signatureOf(needs, (pool) => this.pools.capacity(pool), isFetch, resources),
      key: tier * this.#index.nodes.length + (this.#index.rank[node] ?? 0),
    });
  }

  remove(node: number): void {
    this.#queue.remove(node);
    this.#drains.forget(node);
  }

  /** Moves a machine before all others. */
  bump(vm: IndexedVm): void {
    this.#bumped.add(vm.number);
    for (const node of vm.stages) if (this.#queue.has(node)) this.add(node);
  }

  /** Changes a pool's capacity from the next dispatch on. */
  setCapacity(pool: number, units: number): void {
    this.#limitsChanged = true;
    this.pools.setCapacity(pool, units);
  }

  /** Sources, targets and hosts that a task shares with others. */
  resources(node: number): readonly string[] {
    const task = this.#index.nodes[node];
    const vm = this.#index.vmOf[node];
    if (!this.#useCircuits || task === undefined || vm === undefined) return [];
    return resourcesOf(task.stage, { host: task.host, source: vm.vm.source, target: vm.vm.target });
  }

  /** Takes the best task that may start now out of the queue together with all it needs; undefined when none may. */
  takeNext(): number | undefined {
    const now = this.#clock.monotonic();
    for (;;) {
      if (this.#queue.size === 0) return undefined;
      const fetchLast = this.pools.heldShare() > FULL_SHARE;
      const heads = [...this.#queue.heads()];
      const best = this.#best(heads, fetchLast, now);
      if (best === undefined) {
        for (const head of heads) this.#considerDrain(head, now);
        return undefined;
      }
      // What its machine holds may have changed since it was queued.
      if (!sameNeeds(this.pools.needOf(best.node), best.needs)) {
        this.add(best.node);
        continue;
      }
      this.#take(best, now);
      for (const head of heads) {
        if (head.node === best.node || !isBefore(head, best, fetchLast)) continue;
        const pool = this.pools.firstBlocking(head.needs);
        if (pool === undefined || !best.needs.some((need) => need.pool === pool)) continue;
        this.#drains.passedOver(head.node, pool, now);
        this.#considerDrain(head, now);
      }
      return best.node;
    }
  }

  /** Gives back what a task held while it ran. */
  release(node: number): void {
    this.pools.release(node);
    this.#running.delete(node);
  }

  /** Why a queued task cannot start now; undefined when it can. */
  blockedBy(node: number): WaitReason | undefined {
    const now = this.#clock.monotonic();
    const needs = this.#queue.needs(node);
    const obstacle = this.#obstacle({ node, needs }, now);
    switch (obstacle?.kind) {
      case undefined:
        return undefined;
      case 'circuit': {
        const probeAt = new Date(this.#clock.now() + Math.max(0, obstacle.probeAt - now)).toISOString();
        return { kind: 'circuit', resource: obstacle.resource, probeAt };
      }
      case 'pool': {
        const { pool } = obstacle;
        const user = this.pools.pausedBy(pool);
        if (user !== undefined) return { kind: 'paused-by', user };
        const need = needs.find((n) => n.pool === pool)?.units ?? 0;
        const name = this.#index.poolNames[pool] ?? '';
        return { kind: 'pool', pool: name, need, free: this.pools.free(pool), holders: this.#holders(pool) };
      }
      case 'drain':
        return { kind: 'draining', for: this.#index.nodes[this.#drains.forPool(obstacle.pool) ?? -1]?.key ?? '' };
    }
  }

  /** Whether tasks wait although nothing outside keeps them: a state that must not exist. */
  isStuck(): boolean {
    if (this.#queue.size === 0 || this.#running.size > 0 || this.#limitsChanged || this.pools.isAnyPaused) return false;
    return this.circuits.nextProbe() === undefined;
  }

  #best(heads: readonly Head[], fetchLast: boolean, now: number): Head | undefined {
    let best: Head | undefined;
    for (const head of heads) {
      if (best !== undefined && !isBefore(head, best, fetchLast)) continue;
      if (this.#obstacle(head, now) === undefined) best = head;
    }
    return best;
  }

  #take(head: Head, now: number): void {
    this.pools.take(head.node, head.needs);
    this.circuits.started(head.node, head.bucket.resources);
    this.remove(head.node);
    this.#running.set(head.node, {
      startedAt: now,
      units: new Map(head.needs.map(({ pool, units }) => [pool, units])),
    });
  }

  /** What keeps a task from starting. Asked for every head at every dispatch: it must stay cheap. */
  #obstacle(head: Pick<Head, 'node' | 'needs'>, now: number): Obstacle | undefined {
    const circuit = this.circuits.blocking(this.#queue.resources(head.node), now);
    if (circuit !== undefined) return { kind: 'circuit', ...circuit };
    const pool = this.pools.firstBlocking(head.needs);
    if (pool !== undefined) return { kind: 'pool', pool };
    // With nothing running nobody can be made to wait for: a drain must not bring everything to a standstill.
    if (this.#running.size === 0) return undefined;
    const endsAt = now + (this.#index.nodes[head.node]?.estimate.p90s ?? 0) * 1000;
    const held = this.#drains.heldBack(head.node, head.needs, endsAt, (node, at) =>
      this.#isInTheWay(head.node, node) ? Number.POSITIVE_INFINITY : this.#startOf(node, at, now),
    );
    return held === undefined ? undefined : { kind: 'drain', pool: held };
  }

  /** Whether a task's machine holds what the drained task waits for, so that holding it back would keep both waiting. */
  #isInTheWay(node: number, drained: number): boolean {
    const vm = this.#index.vmOf[node];
    if (vm === undefined) return false;
    return this.#queue
      .needs(drained)
      .some(({ pool, units }) => units > this.pools.free(pool) && this.pools.holds(vm, pool));
  }

  /** When a drained pool will probably have what its task waits for. */
  #startOf(node: number, pool: number, now: number): number {
    const wanted = this.#queue.needs(node).find((need) => need.pool === pool)?.units ?? 0;
    const users: PoolUser[] = [];
    for (const [user, holder] of this.#running) {
      const units = holder.units.get(pool);
      if (units === undefined) continue;
      const p90Ms = (this.#index.nodes[user]?.estimate.p90s ?? 0) * 1000;
      users.push({ units, endsAt: Math.max(now, holder.startedAt + p90Ms) });
    }
    return estimatedStart(this.pools.free(pool), wanted, users, now);
  }

  #considerDrain(head: Head, now: number): void {
    const pool = this.pools.firstBlocking(head.needs);
    if (pool !== undefined && this.pools.pausedBy(pool) === undefined) this.#drains.consider(head.node, pool, now);
  }

  /** Up to three machines that have units of a pool. */
  #holders(pool: number): string[] {
    const names = new Set<string>();
    for (const [node, holder] of this.#running) {
      if (names.size >= 3) break;
      if (holder.units.has(pool)) names.add(this.#index.vmOf[node]?.vm.name ?? '');
    }
    for (const vm of this.#index.isHeldPool[pool] === true ? this.#index.vms : []) {
      if (names.size >= 3) break;
      if (this.pools.holds(vm, pool)) names.add(vm.vm.name);
    }
    return [...names];
  }
}

/** Whether a head goes before another one. */
function isBefore(a: Head, b: Head, fetchLast: boolean): boolean {
  if (fetchLast && a.bucket.isFetch !== b.bucket.isFetch) return b.bucket.isFetch;
  return a.key < b.key;
}

function sameNeeds(a: readonly Need[], b: readonly Need[]): boolean {
  return a.length === b.length && a.every((need, at) => need.pool === b[at]?.pool && need.units === b[at]?.units);
}
