/** What is open, what is over and what that lets go on: the scheduler's books about single tasks. */
import type { TaskState } from '../model/event.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import { SETTLED } from './ledger.js';
import type { RunLedger } from './ledger.js';

export const Phase = { pending: 0, ready: 1, running: 2, retryWait: 3, paused: 4, over: 5 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];
const PHASE_NAMES: readonly (TaskState | undefined)[] = ['pending', 'ready', 'running', 'retry_wait', 'paused'];

export class TaskBoard {
  readonly #index: GraphIndex;
  readonly #phase: Uint8Array;
  /** Whether tasks that need a task's success may go on. */
  readonly #isOk: Uint8Array;
  readonly #isHit: Uint8Array;
  readonly #unmet: Int32Array;
  readonly #attempts: Int32Array;
  readonly #openStages: number[];
  /** Tasks for which everything they waited for is over. */
  readonly arrivals: number[] = [];
  #open = 0;

  constructor(index: GraphIndex) {
    const count = index.nodes.length;
    this.#index = index;
    this.#phase = new Uint8Array(count);
    this.#isOk = new Uint8Array(count);
    this.#isHit = new Uint8Array(count);
    this.#unmet = new Int32Array(count);
    this.#attempts = new Int32Array(count);
    this.#openStages = index.vms.map((vm) => vm.stages.length);
  }

  /**
   * Takes over what the ledger knows.
   * @param isHit whether a stage's work lies in the store and needs not be done
   */
  begin(ledger: RunLedger, isHit: (node: number) => boolean): void {
    for (const [node, task] of this.#index.nodes.entries()) {
      const { state, attempt, reason } = ledger.status(node);
      this.#attempts[node] = attempt;
      this.#isHit[node] = task.kind === 'stage' && isHit(node) ? 1 : 0;
      if (!SETTLED.has(state)) {
        this.#open += 1;
        continue;
      }
      this.#phase[node] = Phase.over;
      const passes = reason === 'selected-out' || reason === 'until';
      this.#isOk[node] = state === 'succeeded' || state === 'cached' || (state === 'skipped' && passes) ? 1 : 0;
      const vm = this.#index.vmOf[node];
      if (vm !== undefined) this.#openStages[vm.number] = (this.#openStages[vm.number] ?? 1) - 1;
    }
    for (const node of this.#index.nodes.keys()) {
      if (this.isOver(node)) continue;
      const deps = this.#index.dependencies[node] ?? [];
      this.#unmet[node] = deps.filter((dep) => !this.isOver(dep.node)).length;
      if (this.#unmet[node] === 0) this.arrivals.push(node);
    }
  }

  /** Tasks that are not over. */
  get open(): number {
    return this.#open;
  }

  phase(node: number): Phase {
    return (this.#phase[node] ?? Phase.over) as Phase;
  }

  setPhase(node: number, phase: Exclude<Phase, typeof Phase.over>): void {
    this.#phase[node] = phase;
  }

  isOver(node: number): boolean {
    return this.#phase[node] === Phase.over;
  }

  isHit(node: number): boolean {
    return this.#isHit[node] === 1;
  }

  /** The state of a task that is not over. */
  openState(node: number): TaskState | undefined {
    return PHASE_NAMES[this.phase(node)];
  }

  firstOpen(): number {
    return this.#phase.findIndex((phase) => phase !== Phase.over);
  }

  attempt(node: number): number {
    return this.#attempts[node] ?? 0;
  }

  /** Counts one more attempt and returns its number. */
  countAttempt(node: number): number {
    return (this.#attempts[node] = this.attempt(node) + 1);
  }

  /** Looks at a task again as if what it waited for had just ended. */
  arriveAgain(node: number): void {
    this.#phase[node] = Phase.pending;
    this.arrivals.push(node);
  }

  /** A dependency that ended badly and whose success is needed. */
  failedDependency(node: number): number | undefined {
    return (this.#index.dependencies[node] ?? []).find((dep) => dep.needsSuccess && this.#isOk[dep.node] !== 1)?.node;
  }

  /** Tasks that it still waits for. */
  openDependencies(node: number): readonly number[] {
    return (this.#index.dependencies[node] ?? []).filter((dep) => !this.isOver(dep.node)).map((dep) => dep.node);
  }

  /** Whether what a quorum counts went well: a task, or all of a machine. */
  isGood(id: string): boolean {
    const node = this.#index.byId.get(id) ?? this.#index.vmByKey.get(id)?.stages.at(-1);
    return node !== undefined && this.#isOk[node] === 1;
  }

  /** These tasks and everything that cannot go on without their success; what runs is left alone. */
  doomedBy(nodes: readonly number[]): readonly number[] {
    const doomed = new Set(nodes);
    for (const node of doomed) {
      for (const { node: next, needsSuccess } of this.#index.dependents[node] ?? []) {
        if (needsSuccess && !this.isOver(next) && this.phase(next) !== Phase.running) doomed.add(next);
      }
    }
    return [...doomed];
  }

  /** Marks a task as over and lets on what waited for it. Returns its machine when that was its last stage. */
  settle(node: number, isOk: boolean): IndexedVm | undefined {
    this.#phase[node] = Phase.over;
    this.#isOk[node] = isOk ? 1 : 0;
    this.#open -= 1;
    for (const { node: next } of this.#index.dependents[node] ?? []) {
      this.#unmet[next] = (this.#unmet[next] ?? 1) - 1;
      if (this.#unmet[next] === 0 && !this.isOver(next)) this.arrivals.push(next);
    }
    const vm = this.#index.vmOf[node];
    if (vm === undefined) return undefined;
    const left = (this.#openStages[vm.number] ?? 1) - 1;
    this.#openStages[vm.number] = left;
    return left === 0 ? vm : undefined;
  }
}
