/**
 * Decides what starts when.
 *
 * Why it is safe: everything here happens in one thread and between two awaits. A task is started by taking all it needs
 * in one step, so nobody waits while holding (holds of machines are taken whole by their first task). State changes in
 * memory when their record is queued; the record of a start is durable before the task runs, and the journal keeps the
 * order of what was queued, so nothing outside ever happens that the journal does not tell of.
 */
import { asDroverError, assertNever, DroverError, errorRecord } from '../lib/error.js';
import type { TaskState, WaitReason } from '../model/event.js';
import { Admission } from './admission.js';
import type { CircuitChange } from './circuit.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import type { RunLedger } from './ledger.js';
import { isWithin, Policy, scopeName } from './policy.js';
import type { Scope } from './policy.js';
import type { EndState, RecordBody, SkipReason } from './record.js';
import { Pauses } from './pauses.js';
import { retryDelayMs } from './retry.js';
import { RetryWaits } from './retry-waits.js';
import { RunningTasks } from './running-tasks.js';
import type { RunningTask } from './running-tasks.js';
import type { AttemptEnd, SchedulerPorts } from './scheduler-ports.js';
import { Phase, TaskBoard } from './task-board.js';
import { mayTryAgain, newTrials } from './trials.js';
import type { Trials } from './trials.js';
import { waitReason } from './wait-reason.js';

/** Tasks looked at before the event loop gets a turn. */
const SLICE = 2000;
/** A task that may finish when cancelled may take this long, seconds. */
const FINISH_WITHIN_S = 30;

export class Scheduler {
  readonly #index: GraphIndex;
  readonly #ports: SchedulerPorts;
  readonly #board: TaskBoard;
  readonly #running = new RunningTasks();
  readonly #retries: RetryWaits;
  readonly #trials = new Map<number, Trials>();
  readonly #policy: Policy;
  readonly #closedScopes = new Set<string>();
  readonly #pauses = new Pauses();
  readonly #cancelledVms = new Set<number>();
  readonly admission: Admission;
  #kicked = false;
  #stopping: 'cancel' | 'broken' | undefined;
  #probeTimer: { cancel(): void } | undefined;
  #isDone = false;

  constructor(index: GraphIndex, ports: SchedulerPorts) {
    this.#index = index;
    this.#ports = ports;
    this.#board = new TaskBoard(index);
    this.#retries = new RetryWaits(ports.clock);
    this.#policy = new Policy(index.graph);
    this.admission = new Admission(index, ports.clock, ports.circuitBreaker, (node) => !this.#willAsk(node));
  }

  /**
   * Takes over what the ledger knows and starts what can start.
   * @param isHit whether a stage's work lies in the store and needs not be done
   */
  begin(ledger: RunLedger, isHit: (node: number) => boolean): void {
    this.#board.begin(ledger, isHit);
    for (const vm of this.#index.vms) {
      if (vm.stages.some((node) => ledger.status(node).state === 'failed')) this.#policy.recall(vm.vm);
    }
    this.kick();
  }

  get openCount(): number {
    return this.#board.open;
  }

  get haltedScopes(): readonly Scope[] {
    return this.#policy.halted;
  }

  isOver(node: number): boolean {
    return this.#board.isOver(node);
  }

  /** Whether a task will still run and so ask for what its machine holds. */
  #willAsk(node: number): boolean {
    return !this.isOver(node) && !this.#board.isHit(node) && this.#index.nodes[node]?.skip === undefined;
  }

  /** Running tasks and for how long they have been running. */
  runningTasks(): readonly { readonly node: number; readonly elapsedS: number }[] {
    const now = this.#ports.clock.monotonic();
    return this.#running.all().map(({ node, startedAt }) => ({ node, elapsedS: (now - startedAt) / 1000 }));
  }

  /** The state of a task that is not over. */
  openState(node: number): TaskState | undefined {
    return this.#board.openState(node);
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
    for (const run of this.#running.all()) run.kill();
  }

  cancelVm(vm: IndexedVm): void {
    this.#cancelledVms.add(vm.number);
    this.#stopTasks((other) => other?.number === vm.number);
    this.kick();
  }

  /** Nothing can be recorded any more: lets what runs end and starts nothing. */
  journalBroke(): void {
    this.#stopping = 'broken';
    for (const run of this.#running.all()) {
      run.cancel();
      if (run.isLaunched) continue;
      // Its start was never recorded, so it will never be launched.
      queueMicrotask(() => this.#guard(() => this.#finish(run, { kind: 'cancelled', seconds: 0 })));
    }
    this.#retries.cancelAll();
    this.kick();
  }

  /** Pauses the run (`run`), a wave (`wave NAME`) or a machine (`vm NUMBER`): what runs goes on, nothing new starts. */
  pause(key: string, by: string): void {
    this.#pauses.set(key, by);
    for (const node of this.admission.nodes()) {
      const who = this.#pauses.of(this.#index.vmOf[node]);
      if (who === undefined) continue;
      this.admission.remove(node);
      this.#board.setPhase(node, Phase.paused);
      this.#announce(node, 'ready', 'paused', `paused by ${who}`);
    }
  }

  unpause(key: string): boolean {
    if (!this.#pauses.remove(key)) return false;
    for (const node of this.#index.nodes.keys()) {
      if (this.#board.phase(node) !== Phase.paused || this.#pauses.of(this.#index.vmOf[node]) !== undefined) continue;
      this.#announce(node, 'paused', 'pending');
      this.#board.arriveAgain(node);
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
    for (let looked = 0; this.#stopping !== 'broken' && this.#board.arrivals.length > 0; looked += 1) {
      if (looked >= SLICE) {
        this.#kicked = true;
        this.#ports.clock.setTimer(0, () => {
          this.#kicked = false;
          this.#guard(() => this.#turn());
        });
        return;
      }
      const node = this.#board.arrivals.pop();
      if (node !== undefined && this.#board.phase(node) === Phase.pending) this.#arrive(node);
    }
    this.#closeHaltedScopes();
    if (this.#board.arrivals.length > 0 && this.#stopping !== 'broken') return this.kick();
    if (this.#stopping === undefined && this.#pauses.ofRun === undefined) this.#dispatch();
    this.#finishWhenDone();
  }

  /** Everything a task waited for is over. */
  #arrive(node: number): void {
    const task = this.#index.nodes[node];
    if (task === undefined) return;
    const failedDep = this.#board.failedDependency(node);
    if (failedDep !== undefined) {
      const isBarrier = this.#index.nodes[failedDep]?.kind === 'barrier';
      return this.#doom([node], isBarrier ? 'upstream-blocked' : 'upstream-failed');
    }
    if (task.skip !== undefined) return this.#skip([node], task.skip, true);
    if (task.quorum !== undefined) {
      const good = task.quorum.of.filter((id) => this.#board.isGood(id)).length;
      if (good < task.quorum.need && task.quorum.onShortfall === 'block') return this.#doom([node], 'quorum');
    }
    const vm = this.#index.vmOf[node];
    if (vm === undefined) return this.#end(node, 'succeeded');
    if (this.#stopping !== undefined || this.#cancelledVms.has(vm.number)) {
      return this.#skip([node], 'cancelled', false);
    }
    // Parked: skipped once what runs in the halted scope has ended.
    if (this.#policy.haltOf(vm.vm) !== undefined) return;
    if (this.#board.isHit(node)) return this.#end(node, 'cached');
    const pauser = this.#pauses.of(vm);
    if (pauser !== undefined) {
      this.#board.setPhase(node, Phase.paused);
      return this.#announce(node, 'pending', 'paused', `paused by ${pauser}`);
    }
    this.#board.setPhase(node, Phase.ready);
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
    if (vm.stages.some((other) => other !== node && this.#board.phase(other) === Phase.running)) {
      throw new DroverError({ code: 'internal.bug', message: `two stages of ${vm.vm.name} would run at once` });
    }
    const now = this.#ports.clock.monotonic();
    const attempt = this.#board.countAttempt(node);
    this.#board.setPhase(node, Phase.running);
    if (!this.#trials.has(node)) this.#trials.set(node, newTrials(now));
    const run = this.#running.start(node, attempt, now);
    this.#ports.record({ type: 'task.start', task: task.id, attempt }, () => this.#launch(run, vm));
  }

  #launch(run: RunningTask, vm: IndexedVm): void {
    run.isLaunched = true;
    const isLast = vm.stages.every(
      (other) => other === run.node || this.isOver(other) || this.#index.nodes[other]?.skip !== undefined,
    );
    const attempt: Promise<AttemptEnd> = run.isCancelled
      ? Promise.resolve({ kind: 'cancelled', seconds: 0 })
      : this.#ports.execute(run.node, run.attempt, { ...run.signals, isLast });
    void attempt.then((end) => this.#guard(() => this.#finish(run, end)));
  }

  // --- endings ---------------------------------------------------------------------------------------------------

  #finish(run: RunningTask, end: AttemptEnd): void {
    const { node } = run;
    if (!this.#running.end(run)) return;
    this.admission.release(node);
    this.kick();
    if (this.#stopping === 'broken') {
      this.#board.setPhase(node, Phase.pending);
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
        if (this.#mayTryAgain(node, vm, end)) return this.#retryLater(run, end);
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

  #retryLater({ node, attempt }: RunningTask, end: AttemptEnd & { kind: 'failed' }): void {
    const task = this.#index.nodes[node];
    if (task === undefined) return;
    const failures = this.#trials.get(node)?.failures ?? 1;
    const seed = { runId: this.#ports.runId, taskId: task.id, attempt };
    const delayMs = retryDelayMs(task.retry, failures, seed, end.error);
    const error = errorRecord(end.error);
    this.#board.setPhase(node, Phase.retryWait);
    this.admission.circuits.abandoned(node);
    const at = this.#retries.add(node, delayMs, attempt + 1, end.error, () => {
      this.#board.arriveAgain(node);
      this.kick();
    });
    this.#ports.record({ type: 'task.retry', task: task.id, attempt, error, seconds: round(end.seconds), at });
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
    for (const waiting of [...this.admission.nodes(), ...this.#retries.nodes()]) {
      if (isInside(waiting)) this.#park(waiting);
    }
    if (action === 'halt') return;
    for (const running of this.#running.all()) if (isInside(running.node)) running.cancel();
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
    this.#retries.cancel(node);
    this.admission.remove(node);
    if (!this.isOver(node)) this.#board.setPhase(node, Phase.pending);
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
      if (this.#running.all().some(({ node }) => isInside(node))) continue;
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
        run.cancel();
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
    const attempt = this.#board.attempt(node);
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
    this.#trials.delete(node);
    const done = this.#board.settle(node, isOk);
    const vm = this.#index.vmOf[node];
    if (vm !== undefined) this.admission.pools.shrinkHolds(vm);
    return done === undefined ? undefined : () => this.#ports.vmOver(done);
  }

  /** Skips tasks that cannot succeed any more together with everything that needs them. */
  #doom(nodes: readonly number[], reason: SkipReason): void {
    const doomed = this.#board.doomedBy(nodes);
    for (const node of doomed) this.#park(node);
    this.#skip(doomed, reason, false);
  }

  #doomAfter(node: number, reason: SkipReason): void {
    const next = (this.#index.dependents[node] ?? []).filter((dep) => dep.needsSuccess && !this.isOver(dep.node));
    this.#doom(
      next.map((dep) => dep.node),
      reason,
    );
  }

  // --- waiting ---------------------------------------------------------------------------------------------------

  /** The one most telling reason why a task does not run; undefined when it runs or is over. */
  waitReason(node: number): WaitReason | undefined {
    return waitReason(
      {
        index: this.#index,
        board: this.#board,
        policy: this.#policy,
        retries: this.#retries,
        pauses: this.#pauses,
        admission: this.admission,
        isStopping: (vm) => this.#stopping !== undefined || (vm !== undefined && this.#cancelledVms.has(vm.number)),
      },
      node,
    );
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
    if (this.#board.open > 0 && this.#stopping !== 'broken') return this.#refuseStandstill();
    this.#isDone = true;
    this.#probeTimer?.cancel();
    this.#ports.done();
  }

  /** Open tasks while nothing runs, waits for time or for a person: waiting longer would be waiting for ever. */
  #refuseStandstill(): void {
    if (this.#kicked || this.#board.arrivals.length > 0 || this.#retries.size > 0 || this.#pauses.isAny) return;
    if (this.admission.size > 0 && !this.admission.isStuck()) return;
    const node = this.#board.firstOpen();
    throw new DroverError({
      code: 'internal.bug',
      message: `nothing can start any more, and ${this.#index.nodes[node]?.key} and ${this.#board.open - 1} others are open`,
    });
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
