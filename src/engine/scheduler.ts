/**
 * Decides what starts when.
 *
 * Why it is safe: everything here happens in one thread and between two awaits. A task is started by taking all it needs
 * in one step, so nobody waits while holding (holds of machines are taken whole by their first task). State changes in
 * memory when their record is queued; the record of a start is durable before the task runs, and the journal keeps the
 * order of what was queued, so nothing outside ever happens that the journal does not tell of.
 */
import type { Clock } from '../host/index.js';
import { asDroverError, assertNever, DroverError, errorRecord } from '../lib/error.js';
import type { TaskState, WaitReason } from '../model/event.js';
import { Admission } from './admission.js';
import type { CircuitChange } from './circuit.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import { SETTLED } from './ledger.js';
import type { EventBody, RunLedger } from './ledger.js';
import { isWithin, Policy, scopeName } from './policy.js';
import type { Scope } from './policy.js';
import type { EndState, RecordBody, SkipReason } from './record.js';
import { retryDelayMs } from './retry.js';
import { mayTryAgain, newTrials } from './trials.js';
import type { Trials } from './trials.js';

/** How an attempt at a task ended. */
export type AttemptEnd =
  | {
      readonly kind: 'succeeded';
      readonly seconds: number;
      readonly bytes?: number;
      readonly degraded?: boolean;
      readonly warnings?: readonly { readonly code: string; readonly message: string; readonly hint?: string }[];
      readonly outputs?: readonly { readonly path: string; readonly bytes: number; readonly role: string }[];
    }
  /** Its work lay in the store already. */
  | { readonly kind: 'cached' }
  | {
      readonly kind: 'failed';
      readonly error: DroverError;
      readonly seconds: number;
      /** How far it came, for the rule that an attempt which advances does not use up the attempts. */
      readonly doneBytes?: number;
      /** Whether what it failed for lack of is there again. */
      readonly isRecovered?: boolean;
    }
  | { readonly kind: 'cancelled'; readonly seconds: number };

export interface AttemptSignals {
  /** Stop in order. */
  readonly stop: AbortSignal;
  /** Kill what runs and come back at once. */
  readonly kill: AbortSignal;
  /** No stage of the machine runs after this one. */
  readonly isLast: boolean;
}

export interface SchedulerPorts {
  readonly clock: Clock;
  readonly runId: string;
  readonly circuitBreaker: boolean;
  /** Queues a record for the journal; `then` is called once it is durable. */
  record(body: RecordBody, then?: () => void): void;
  /** Runs one attempt; never rejects. */
  execute(node: number, attempt: number, signals: AttemptSignals): Promise<AttemptEnd>;
  /** Called when nothing of a machine is open any more and that is durable. */
  vmOver(vm: IndexedVm): void;
  /** An event that no record stands for. */
  emit(event: EventBody): void;
  /** Called once: every task is over, or the journal broke and all that ran has ended. */
  done(): void;
  /** Called when the scheduler meets a state that must not exist. */
  bug(error: DroverError): void;
}

const Phase = { pending: 0, ready: 1, running: 2, retryWait: 3, paused: 4, over: 5 } as const;
const PHASE_NAMES = ['pending', 'ready', 'running', 'retry_wait', 'paused'] as const;
/** Tasks looked at before the event loop gets a turn. */
const SLICE = 2000;
/** A task that may finish when cancelled may take this long, seconds. */
const FINISH_WITHIN_S = 30;

interface Running {
  readonly attempt: number;
  readonly stop: AbortController;
  readonly kill: AbortController;
  readonly startedAt: number;
  isCancelled: boolean;
  isLaunched: boolean;
}

interface RetryWait {
  readonly timer: { cancel(): void };
  readonly at: string;
  readonly attempt: number;
  readonly error: DroverError;
}

export class Scheduler {
  readonly #index: GraphIndex;
  readonly #ports: SchedulerPorts;
  readonly #phase: Uint8Array;
  /** Whether tasks that need a task's success may go on. */
  readonly #isOk: Uint8Array;
  readonly #isHit: Uint8Array;
  readonly #unmet: Int32Array;
  readonly #attempts: Int32Array;
  readonly #openStages: number[];
  readonly #arrivals: number[] = [];
  readonly #running = new Map<number, Running>();
  readonly #retries = new Map<number, RetryWait>();
  readonly #trials = new Map<number, Trials>();
  readonly #policy: Policy;
  readonly #closedScopes = new Set<string>();
  readonly #pausedBy = new Map<string, string>();
  readonly #cancelledVms = new Set<number>();
  readonly admission: Admission;
  #open = 0;
  #kicked = false;
  #stopping: 'cancel' | 'broken' | undefined;
  #probeTimer: { cancel(): void } | undefined;
  #isDone = false;

  constructor(index: GraphIndex, ports: SchedulerPorts) {
    const count = index.nodes.length;
    this.#index = index;
    this.#ports = ports;
    this.#phase = new Uint8Array(count);
    this.#isOk = new Uint8Array(count);
    this.#isHit = new Uint8Array(count);
    this.#unmet = new Int32Array(count);
    this.#attempts = new Int32Array(count);
    this.#openStages = index.vms.map((vm) => vm.stages.length);
    this.#policy = new Policy(index.graph);
    this.admission = new Admission(index, ports.clock, ports.circuitBreaker, (node) => !this.#willAsk(node));
  }

  /**
   * Takes over what the ledger knows and starts what can start.
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
    for (const vm of this.#index.vms) {
      if (vm.stages.some((node) => ledger.status(node).state === 'failed')) this.#policy.recall(vm.vm);
    }
    for (const node of this.#index.nodes.keys()) {
      if (this.isOver(node)) continue;
      const deps = this.#index.dependencies[node] ?? [];
      this.#unmet[node] = deps.filter((dep) => !this.isOver(dep.node)).length;
      if (this.#unmet[node] === 0) this.#arrivals.push(node);
    }
    this.kick();
  }

  get openCount(): number {
    return this.#open;
  }

  get haltedScopes(): readonly Scope[] {
    return this.#policy.halted;
  }

  isOver(node: number): boolean {
    return this.#phase[node] === Phase.over;
  }

  /** Whether a task will still run and so ask for what its machine holds. */
  #willAsk(node: number): boolean {
    return !this.isOver(node) && this.#isHit[node] !== 1 && this.#index.nodes[node]?.skip === undefined;
  }

  /** Running tasks and for how long they have been running. */
  runningTasks(): readonly { readonly node: number; readonly elapsedS: number }[] {
    const now = this.#ports.clock.monotonic();
    return [...this.#running].map(([node, run]) => ({ node, elapsedS: (now - run.startedAt) / 1000 }));
  }

  /** The state of a task that is not over. */
  openState(node: number): TaskState | undefined {
    return PHASE_NAMES[this.#phase[node] ?? Phase.over];
  }

  // --- control ---------------------------------------------------------------------------------------------------

  /** Starts nothing more and stops what runs, each task in its way. */
  cancelAll(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = 'cancel';
    this.#stopTasks(() => true);
    this.kick();
  }

  /** Kills what runs; attempts come back at once. */
  killAll(): void {
    this.cancelAll();
    for (const run of this.#running.values()) {
      run.isCancelled = true;
      run.stop.abort(cancelledError());
      run.kill.abort(cancelledError());
    }
  }

  cancelVm(vm: IndexedVm): void {
    this.#cancelledVms.add(vm.number);
    this.#stopTasks((other) => other?.number === vm.number);
    this.kick();
  }

  /** Nothing can be recorded any more: lets what runs end and starts nothing. */
  journalBroke(): void {
    this.#stopping = 'broken';
    for (const run of this.#running.values()) {
      run.isCancelled = true;
      run.stop.abort(cancelledError());
      // Its start was never recorded, so it will never be launched.
      if (!run.isLaunched) queueMicrotask(() => this.#finishLater(run));
    }
    for (const wait of this.#retries.values()) wait.timer.cancel();
    this.#retries.clear();
    this.kick();
  }

  /** Pauses the run (`run`), a wave (`wave NAME`) or a machine (`vm NUMBER`): what runs goes on, nothing new starts. */
  pause(key: string, by: string): void {
    this.#pausedBy.set(key, by);
    for (const node of this.admission.nodes()) {
      const who = this.#pauser(node);
      if (who === undefined) continue;
      this.admission.remove(node);
      this.#phase[node] = Phase.paused;
      this.#announce(node, 'ready', 'paused', `paused by ${who}`);
    }
  }

  unpause(key: string): boolean {
    if (!this.#pausedBy.delete(key)) return false;
    for (const node of this.#index.nodes.keys()) {
      if (this.#phase[node] !== Phase.paused || this.#pauser(node) !== undefined) continue;
      this.#phase[node] = Phase.pending;
      this.#announce(node, 'paused', 'pending');
      this.#arrivals.push(node);
    }
    this.kick();
    return true;
  }

  /** Looks at waiting tasks again: something happened, limits changed, or time has passed. */
  kick(): void {
    if (this.#kicked || this.#isDone) return;
    this.#kicked = true;
    queueMicrotask(() => {
      this.#kicked = false;
      this.#guard(() => this.#turn());
    });
  }

  // --- the loop --------------------------------------------------------------------------------------------------

  #guard(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.#ports.bug(asDroverError(thrown));
    }
  }

  #turn(): void {
    for (let looked = 0; this.#stopping !== 'broken' && this.#arrivals.length > 0; looked += 1) {
      if (looked >= SLICE) {
        this.#kicked = true;
        this.#ports.clock.setTimer(0, () => {
          this.#kicked = false;
          this.#guard(() => this.#turn());
        });
        return;
      }
      const node = this.#arrivals.pop();
      if (node !== undefined && this.#phase[node] === Phase.pending) this.#arrive(node);
    }
    this.#closeHaltedScopes();
    if (this.#arrivals.length > 0 && this.#stopping !== 'broken') return this.kick();
    if (this.#stopping === undefined && !this.#pausedBy.has('run')) this.#dispatch();
    this.#finishWhenDone();
  }

  /** Everything a task waited for is over. */
  #arrive(node: number): void {
    const task = this.#index.nodes[node];
    if (task === undefined) return;
    const failedDep = (this.#index.dependencies[node] ?? []).find((dep) => dep.needsSuccess && !this.#isOk[dep.node]);
    if (failedDep !== undefined) {
      const isBarrier = this.#index.nodes[failedDep.node]?.kind === 'barrier';
      return this.#doom([node], isBarrier ? 'upstream-blocked' : 'upstream-failed');
    }
    if (task.skip !== undefined) return this.#skip([node], task.skip, true);
    if (task.quorum !== undefined) {
      const good = task.quorum.of.filter((id) => this.#isGood(id)).length;
      if (good < task.quorum.need && task.quorum.onShortfall === 'block') return this.#doom([node], 'quorum');
    }
    const vm = this.#index.vmOf[node];
    if (vm === undefined) return this.#end(node, 'succeeded');
    if (this.#stopping !== undefined || this.#cancelledVms.has(vm.number)) {
      return this.#skip([node], 'cancelled', false);
    }
    // Parked: skipped once what runs in the halted scope has ended.
    if (this.#policy.haltOf(vm.vm) !== undefined) return;
    if (this.#isHit[node] === 1) return this.#end(node, 'cached');
    const pauser = this.#pauser(node);
    if (pauser !== undefined) {
      this.#phase[node] = Phase.paused;
      return this.#announce(node, 'pending', 'paused', `paused by ${pauser}`);
    }
    this.#phase[node] = Phase.ready;
    this.#announce(node, 'pending', 'ready');
    this.admission.add(node);
  }

  #dispatch(): void {
    for (let node = this.admission.takeNext(); node !== undefined; node = this.admission.takeNext()) this.#start(node);
    this.#probeTimer?.cancel();
    this.#probeTimer = undefined;
    const probeAt = this.admission.circuits.nextProbe();
    const now = this.#ports.clock.monotonic();
    if (probeAt !== undefined && probeAt > now && this.admission.size > 0) {
      this.#probeTimer = this.#ports.clock.setTimer(probeAt - now, () => this.kick());
    }
  }

  #start(node: number): void {
    const task = this.#index.nodes[node];
    const vm = this.#index.vmOf[node];
    if (task === undefined || vm === undefined) return;
    if (vm.stages.some((other) => other !== node && this.#phase[other] === Phase.running)) {
      throw new DroverError({ code: 'internal.bug', message: `two stages of ${vm.vm.name} would run at once` });
    }
    const now = this.#ports.clock.monotonic();
    const attempt = (this.#attempts[node] ?? 0) + 1;
    this.#phase[node] = Phase.running;
    this.#attempts[node] = attempt;
    if (!this.#trials.has(node)) this.#trials.set(node, newTrials(now));
    const run: Running = {
      attempt,
      stop: new AbortController(),
      kill: new AbortController(),
      startedAt: now,
      isCancelled: false,
      isLaunched: false,
    };
    this.#running.set(node, run);
    this.#ports.record({ type: 'task.start', task: task.id, attempt }, () => this.#launch(node, run, vm));
  }

  #launch(node: number, run: Running, vm: IndexedVm): void {
    run.isLaunched = true;
    const isLast = vm.stages.every(
      (other) => other === node || this.isOver(other) || this.#index.nodes[other]?.skip !== undefined,
    );
    const attempt: Promise<AttemptEnd> = run.stop.signal.aborted
      ? Promise.resolve({ kind: 'cancelled', seconds: 0 })
      : this.#ports.execute(node, run.attempt, { stop: run.stop.signal, kill: run.kill.signal, isLast });
    void attempt.then((end) => this.#guard(() => this.#finish(node, run, end)));
  }

  // --- endings ---------------------------------------------------------------------------------------------------

  #finishLater(run: Running): void {
    for (const [node, other] of this.#running) {
      if (other === run) this.#guard(() => this.#finish(node, run, { kind: 'cancelled', seconds: 0 }));
    }
  }

  #finish(node: number, run: Running, end: AttemptEnd): void {
    if (this.#running.get(node) !== run) return;
    this.#running.delete(node);
    this.admission.release(node);
    this.kick();
    if (this.#stopping === 'broken') {
      this.#phase[node] = Phase.pending;
      return;
    }
    const vm = this.#index.vmOf[node];
    if (vm === undefined) return;
    const { circuits } = this.admission;
    const seconds = end.kind === 'cached' ? 0 : round(end.seconds);
    switch (end.kind) {
      case 'cached':
        circuits.abandoned(node);
        return this.#end(node, 'cached');
      case 'succeeded':
        this.#noteCircuits(circuits.succeeded(node, this.admission.resources(node)));
        return this.#end(node, 'succeeded', {
          seconds,
          ...(end.bytes === undefined ? {} : { bytes: end.bytes }),
          ...(end.degraded === true ? { degraded: true as const } : {}),
          ...(end.warnings === undefined || end.warnings.length === 0 ? {} : { warnings: end.warnings }),
          ...(end.outputs === undefined || end.outputs.length === 0 ? {} : { outputs: end.outputs }),
        });
      case 'cancelled':
        circuits.abandoned(node);
        this.#end(node, 'cancelled', { seconds });
        return this.#doomAfter(node, 'cancelled');
      case 'failed':
        if (run.isCancelled) {
          circuits.abandoned(node);
          this.#end(node, 'cancelled', { seconds, error: errorRecord(end.error) });
          return this.#doomAfter(node, 'cancelled');
        }
        if (this.#mayTryAgain(node, vm, end)) return this.#retryLater(node, run, end);
        return this.#failed(node, vm, end);
      default:
        assertNever(end);
    }
  }

  #mayTryAgain(node: number, vm: IndexedVm, end: AttemptEnd & { kind: 'failed' }): boolean {
    const task = this.#index.nodes[node];
    const trials = this.#trials.get(node);
    if (task === undefined || trials === undefined) return false;
    const isDue = mayTryAgain(trials, task.retry, {
      error: end.error,
      nowMs: this.#ports.clock.monotonic(),
      doneBytes: end.doneBytes ?? 0,
      countsAdvance: task.stage === 'FETCH',
      isRecovered: end.isRecovered === true,
    });
    return isDue && this.#stopping === undefined && this.#policy.haltOf(vm.vm) === undefined;
  }

  #retryLater(node: number, run: Running, end: AttemptEnd & { kind: 'failed' }): void {
    const task = this.#index.nodes[node];
    if (task === undefined) return;
    const { attempt } = run;
    const failures = this.#trials.get(node)?.failures ?? 1;
    const seed = { runId: this.#ports.runId, taskId: task.id, attempt };
    const delayMs = retryDelayMs(task.retry, failures, seed, end.error);
    const at = new Date(this.#ports.clock.now() + delayMs).toISOString();
    const error = errorRecord(end.error);
    this.#phase[node] = Phase.retryWait;
    this.admission.circuits.abandoned(node);
    this.#ports.record({ type: 'task.retry', task: task.id, attempt, error, seconds: round(end.seconds), at });
    const timer = this.#ports.clock.setTimer(delayMs, () => {
      this.#retries.delete(node);
      this.#phase[node] = Phase.pending;
      this.#arrivals.push(node);
      this.kick();
    });
    this.#retries.set(node, { timer, at, attempt: attempt + 1, error: end.error });
  }

  #failed(node: number, vm: IndexedVm, end: AttemptEnd & { kind: 'failed' }): void {
    const { error } = end;
    this.#end(node, 'failed', { seconds: round(end.seconds), error: errorRecord(error) });
    this.#doomAfter(node, 'upstream-failed');
    // A program that is not installed does not appear by waiting.
    const errorClass = error.code === 'exec.missing-tool' ? 'permanent' : error.class;
    const resources = this.admission.resources(node);
    const now = this.#ports.clock.monotonic();
    this.#noteCircuits(this.admission.circuits.failed(node, vm.vm.vmKey, resources, errorClass, now));
    const breach = this.#policy.failed(vm.vm);
    if (breach === undefined) return;
    const { action, failures, limit, scope } = breach;
    this.#ports.record({ type: 'policy.halt', scope: scopeName(scope), action, failures, limit });
    const isInside = (other: number): boolean => {
      const otherVm = this.#index.vmOf[other];
      return otherVm !== undefined && isWithin(scope, otherVm.vm);
    };
    for (const waiting of [...this.admission.nodes(), ...this.#retries.keys()]) {
      if (isInside(waiting)) this.#park(waiting);
    }
    if (action === 'halt') return;
    for (const [other, running] of this.#running) {
      if (!isInside(other)) continue;
      running.isCancelled = true;
      running.stop.abort(cancelledError());
    }
  }

  #noteCircuits(changes: readonly CircuitChange[]): void {
    for (const change of changes) {
      const { resource } = change;
      if (change.change === 'closed') this.#ports.record({ type: 'circuit.closed', resource });
      else this.#ports.record({ type: 'circuit.open', resource, class: change.class });
    }
  }

  /** Takes a waiting task out of the way without ending it. */
  #park(node: number): void {
    this.#retries.get(node)?.timer.cancel();
    this.#retries.delete(node);
    this.admission.remove(node);
    if (!this.isOver(node)) this.#phase[node] = Phase.pending;
  }

  /** Skips what is left of a halted scope once nothing of it runs any more. */
  #closeHaltedScopes(): void {
    for (const scope of this.#policy.halted) {
      const name = scopeName(scope);
      if (this.#closedScopes.has(name)) continue;
      const isInside = (node: number): boolean => {
        const vm = this.#index.vmOf[node];
        return vm !== undefined && isWithin(scope, vm.vm);
      };
      if ([...this.#running.keys()].some(isInside)) continue;
      this.#closedScopes.add(name);
      const left = [...this.#index.nodes.keys()].filter((node) => !this.isOver(node) && isInside(node));
      for (const node of left) this.#park(node);
      this.#skip(left, 'policy-halt', false);
    }
  }

  #stopTasks(isMeant: (vm: IndexedVm | undefined) => boolean): void {
    const open: number[] = [];
    for (const [node, task] of this.#index.nodes.entries()) {
      if (task.kind !== 'stage' || this.isOver(node) || !isMeant(this.#index.vmOf[node])) continue;
      const run = this.#running.get(node);
      const wait = this.#retries.get(node);
      if (run !== undefined) {
        const elapsedS = (this.#ports.clock.monotonic() - run.startedAt) / 1000;
        const mayFinish = task.cancel === 'finish' && task.estimate.p50s - elapsedS <= FINISH_WITHIN_S;
        if (mayFinish && run.isLaunched) continue;
        run.isCancelled = true;
        run.stop.abort(cancelledError());
      } else if (wait !== undefined) {
        this.#park(node);
        this.#end(node, 'cancelled', { error: errorRecord(wait.error) });
      } else {
        this.#park(node);
        open.push(node);
      }
    }
    this.#skip(open, 'cancelled', false);
  }

  /** A task is over: records it and lets go on what waited for it. */
  #end(
    node: number,
    state: EndState,
    more: Omit<Extract<RecordBody, { type: 'task.end' }>, 'type' | 'task' | 'attempt' | 'state'> = {},
  ): void {
    const task = this.#index.nodes[node];
    if (task === undefined) return;
    const attempt = this.#attempts[node] ?? 0;
    const then = this.#settle(node, state === 'succeeded' || state === 'cached');
    this.#ports.record({ type: 'task.end', task: task.id, attempt, state, ...more }, then);
  }

  #skip(nodes: readonly number[], reason: SkipReason, isOk: boolean): void {
    for (let from = 0; from < nodes.length; from += 500) {
      const part = nodes.slice(from, from + 500).filter((node) => !this.isOver(node));
      if (part.length === 0) continue;
      const after = part.map((node) => this.#settle(node, isOk));
      const tasks = part.map((node) => this.#index.nodes[node]?.id ?? '');
      this.#ports.record({ type: 'task.skip', tasks, reason }, () => {
        for (const then of after) then?.();
      });
    }
  }

  /** Marks a task as over. Returns what to do once that is durable, when it was the last one of its machine. */
  #settle(node: number, isOk: boolean): (() => void) | undefined {
    this.#phase[node] = Phase.over;
    this.#isOk[node] = isOk ? 1 : 0;
    this.#trials.delete(node);
    this.#open -= 1;
    for (const { node: next } of this.#index.dependents[node] ?? []) {
      this.#unmet[next] = (this.#unmet[next] ?? 1) - 1;
      if (this.#unmet[next] === 0 && !this.isOver(next)) this.#arrivals.push(next);
    }
    const vm = this.#index.vmOf[node];
    if (vm === undefined) return undefined;
    this.admission.pools.shrinkHolds(vm);
    const left = (this.#openStages[vm.number] ?? 1) - 1;
    this.#openStages[vm.number] = left;
    return left === 0 ? () => this.#ports.vmOver(vm) : undefined;
  }

  /** Skips tasks that cannot succeed any more together with everything that needs them. */
  #doom(nodes: readonly number[], reason: SkipReason): void {
    const doomed = new Set(nodes);
    for (const node of doomed) {
      for (const { node: next, needsSuccess } of this.#index.dependents[node] ?? []) {
        if (needsSuccess && !this.isOver(next) && this.#phase[next] !== Phase.running) doomed.add(next);
      }
    }
    for (const node of doomed) this.#park(node);
    this.#skip([...doomed], reason, false);
  }

  #doomAfter(node: number, reason: SkipReason): void {
    const next = (this.#index.dependents[node] ?? []).filter((dep) => dep.needsSuccess && !this.isOver(dep.node));
    this.#doom(
      next.map((dep) => dep.node),
      reason,
    );
  }

  /** Whether what a quorum counts went well: a task, or all of a machine. */
  #isGood(id: string): boolean {
    const node = this.#index.byId.get(id) ?? this.#index.vmByKey.get(id)?.stages.at(-1);
    return node !== undefined && this.#isOk[node] === 1;
  }

  // --- waiting ---------------------------------------------------------------------------------------------------

  /** The one most telling reason why a task does not run; undefined when it runs or is over. */
  waitReason(node: number): WaitReason | undefined {
    const phase = this.#phase[node];
    if (phase === Phase.over || phase === Phase.running) return undefined;
    const vm = this.#index.vmOf[node];
    if (this.#stopping !== undefined || (vm !== undefined && this.#cancelledVms.has(vm.number))) {
      return { kind: 'cancelling' };
    }
    const halted = vm === undefined ? undefined : this.#policy.haltOf(vm.vm);
    if (halted !== undefined) return { kind: 'policy-halt', scope: scopeName(halted) };
    const wait = this.#retries.get(node);
    if (wait !== undefined) return { kind: 'retry', at: wait.at, attempt: wait.attempt, cause: wait.error.message };
    const open = (this.#index.dependencies[node] ?? []).filter((dep) => !this.isOver(dep.node));
    const barrier = open.map((dep) => this.#index.nodes[dep.node]).find((task) => task?.kind === 'barrier');
    if (barrier !== undefined && barrier.batch > 1 && barrier.wave === this.#index.nodes[node]?.wave) {
      return { kind: 'batch', batch: barrier.batch };
    }
    const ids = open.slice(0, 3).map((dep) => this.#index.nodes[dep.node]?.id ?? '');
    if (open.length > 0) return { kind: 'deps', ids };
    const pauser = this.#pausedBy.get('run') ?? this.#pauser(node);
    if (pauser !== undefined) return { kind: 'paused-by', user: pauser };
    return this.admission.blockedBy(node) ?? { kind: 'deps', ids };
  }

  #pauser(node: number): string | undefined {
    const vm = this.#index.vmOf[node];
    if (vm === undefined || this.#pausedBy.size === 0) return undefined;
    return this.#pausedBy.get(`vm ${vm.number}`) ?? this.#pausedBy.get(`wave ${vm.vm.wave}`);
  }

  #announce(node: number, from: TaskState, to: TaskState, reason?: string): void {
    const task = this.#index.nodes[node];
    if (task?.vmKey === undefined || task.stage === undefined) return;
    const { wave, vmKey: vm, stage, id } = task;
    const data = { from, to, ...(reason === undefined ? {} : { reason }) };
    this.#ports.emit({ type: 'task.state', wave, vm, stage, task: id, data });
  }

  #finishWhenDone(): void {
    if (this.#isDone || this.#running.size > 0) return;
    if (this.#open > 0 && this.#stopping !== 'broken') return this.#refuseStandstill();
    this.#isDone = true;
    this.#probeTimer?.cancel();
    this.#ports.done();
  }

  /** Open tasks while nothing runs, waits for time or for a person: waiting longer would be waiting for ever. */
  #refuseStandstill(): void {
    if (this.#kicked || this.#arrivals.length > 0 || this.#retries.size > 0 || this.#pausedBy.size > 0) return;
    if (this.admission.size > 0 && !this.admission.isStuck()) return;
    const node = this.#phase.findIndex((phase) => phase !== Phase.over);
    throw new DroverError({
      code: 'internal.bug',
      message: `nothing can start any more, and ${this.#index.nodes[node]?.key} and ${this.#open - 1} others are open`,
    });
  }
}

function cancelledError(): DroverError {
  return new DroverError({ code: 'engine.cancelled', message: 'cancelled' });
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
