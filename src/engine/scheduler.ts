/**
 * Decides what starts when.
 *
 * Why it is safe: everything here happens in one thread and between two awaits. A task is started by taking all it needs
 * in one step, so nobody waits while holding (holds of machines are taken whole by their first task). State changes in
 * memory when their record is queued; the record of a start is durable before the task runs, and the journal keeps the
 * order of what was queued, so nothing outside ever happens that the journal does not tell of.
 */
import { asDroverError, DroverError } from '../lib/error.js';
import type { TaskState, WaitReason } from '../model/event.js';
import { Admission } from './admission.js';
import { Completion } from './completion.js';
import { Endings } from './endings.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import type { RunLedger } from './ledger.js';
import { Policy } from './policy.js';
import type { Scope } from './policy.js';
import { Pauses } from './pauses.js';
import { RetryWaits } from './retry-waits.js';
import { RunningTasks } from './running-tasks.js';
import type { RunningTask } from './running-tasks.js';
import { isStopping } from './scheduler-parts.js';
import type { SchedulerParts } from './scheduler-parts.js';
import type { AttemptEnd, SchedulerPorts } from './scheduler-ports.js';
import { Phase, TaskBoard } from './task-board.js';
import { newTrials } from './trials.js';
import { waitReason } from './wait-reason.js';

/** Tasks looked at before the event loop gets a turn. */
const SLICE = 2000;

export class Scheduler {
  readonly #index: GraphIndex;
  readonly #ports: SchedulerPorts;
  readonly #board: TaskBoard;
  readonly #parts: SchedulerParts;
  readonly #endings: Endings;
  readonly #completion: Completion;
  readonly admission: Admission;
  #kicked = false;
  #probeTimer: { cancel(): void } | undefined;
  #isDone = false;

  constructor(index: GraphIndex, ports: SchedulerPorts) {
    this.#index = index;
    this.#ports = ports;
    this.#board = new TaskBoard(index);
    this.admission = new Admission(index, ports.clock, ports.circuitBreaker, (node) => !this.#willAsk(node));
    this.#parts = {
      index,
      ports,
      board: this.#board,
      running: new RunningTasks(),
      retries: new RetryWaits(ports.clock),
      trials: new Map(),
      policy: new Policy(index.graph),
      pauses: new Pauses(),
      cancelledVms: new Set(),
      admission: this.admission,
      stopping: undefined,
      kick: () => this.kick(),
    };
    this.#endings = new Endings(this.#parts);
    this.#completion = new Completion(this.#parts, this.#endings);
  }

  /**
   * Takes over what the ledger knows and starts what can start.
   * @param isHit whether a stage's work lies in the store and needs not be done
   */
  begin(ledger: RunLedger, isHit: (node: number) => boolean): void {
    this.#board.begin(ledger, isHit);
    for (const vm of this.#index.vms) {
      if (vm.stages.some((node) => ledger.status(node).state === 'failed')) this.#parts.policy.recall(vm.vm);
    }
    this.kick();
  }

  get openCount(): number {
    return this.#board.open;
  }

  get haltedScopes(): readonly Scope[] {
    return this.#parts.policy.halted;
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
    return this.#parts.running.all().map(({ node, startedAt }) => ({ node, elapsedS: (now - startedAt) / 1000 }));
  }

  /** The state of a task that is not over. */
  openState(node: number): TaskState | undefined {
    return this.#board.openState(node);
  }

  // --- control ---------------------------------------------------------------------------------------------------

  /** Starts nothing more and stops what runs, each task in its way. */
  cancelAll(): void {
    if (this.#parts.stopping !== undefined) return;
    this.#parts.stopping = 'cancel';
    this.#endings.stopTasks(() => true);
    this.kick();
  }

  /** Kills what runs; attempts come back at once. */
  killAll(): void {
    this.cancelAll();
    for (const run of this.#parts.running.all()) run.kill();
  }

  cancelVm(vm: IndexedVm): void {
    this.#parts.cancelledVms.add(vm.number);
    this.#endings.stopTasks((other) => other?.number === vm.number);
    this.kick();
  }

  /** Nothing can be recorded any more: lets what runs end and starts nothing. */
  journalBroke(): void {
    this.#parts.stopping = 'broken';
    for (const run of this.#parts.running.all()) {
      run.cancel();
      if (run.isLaunched) continue;
      // Its start was never recorded, so it will never be launched.
      queueMicrotask(() => this.#guard(() => this.#completion.finish(run, { kind: 'cancelled', seconds: 0 })));
    }
    this.#parts.retries.cancelAll();
    this.kick();
  }

  /** Pauses the run (`run`), a wave (`wave NAME`) or a machine (`vm NUMBER`): what runs goes on, nothing new starts. */
  pause(key: string, by: string): void {
    this.#parts.pauses.set(key, by);
    for (const node of this.admission.nodes()) {
      const who = this.#parts.pauses.of(this.#index.vmOf[node]);
      if (who === undefined) continue;
      this.admission.remove(node);
      this.#board.setPhase(node, Phase.paused);
      this.#announce(node, 'ready', 'paused', `paused by ${who}`);
    }
  }

  unpause(key: string): boolean {
    if (!this.#parts.pauses.remove(key)) return false;
    for (const node of this.#index.nodes.keys()) {
      if (this.#board.phase(node) !== Phase.paused || this.#parts.pauses.of(this.#index.vmOf[node]) !== undefined)
        continue;
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
    for (let looked = 0; this.#parts.stopping !== 'broken' && this.#board.arrivals.length > 0; looked += 1) {
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
    this.#endings.closeHaltedScopes();
    if (this.#board.arrivals.length > 0 && this.#parts.stopping !== 'broken') return this.kick();
    if (this.#parts.stopping === undefined && this.#parts.pauses.ofRun === undefined) this.#dispatch();
    this.#finishWhenDone();
  }

  /** Everything a task waited for is over. */
  #arrive(node: number): void {
    const task = this.#index.nodes[node];
    if (task === undefined) return;
    const failedDep = this.#board.failedDependency(node);
    if (failedDep !== undefined) {
      const isBarrier = this.#index.nodes[failedDep]?.kind === 'barrier';
      return this.#endings.doom([node], isBarrier ? 'upstream-blocked' : 'upstream-failed');
    }
    if (task.skip !== undefined) return this.#endings.skip([node], task.skip, true);
    if (task.quorum !== undefined) {
      const { of, need, onShortfall } = task.quorum;
      const good = of.filter((id) => this.#board.isGood(id)).length;
      // A wave that was halted holds back those that wait for it, however many of its machines came through before.
      const isHalted = this.#parts.policy.isAnyHalted(
        of.flatMap((id) => this.#index.vmOf[this.#index.byId.get(id) ?? -1]?.vm ?? []),
      );
      if (onShortfall === 'block' && (good < need || isHalted)) return this.#endings.doom([node], 'quorum');
    }
    const vm = this.#index.vmOf[node];
    if (vm === undefined) return this.#endings.end(node, 'succeeded');
    if (isStopping(this.#parts, vm)) return this.#endings.skip([node], 'cancelled', false);
    // Parked: skipped once what runs in the halted scope has ended.
    if (this.#parts.policy.haltOf(vm.vm) !== undefined) return;
    if (this.#board.isHit(node)) return this.#endings.end(node, 'cached');
    const pauser = this.#parts.pauses.of(vm);
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
    if (!this.#parts.trials.has(node)) this.#parts.trials.set(node, newTrials(now));
    const run = this.#parts.running.start(node, attempt, now);
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
    void attempt.then((end) => this.#guard(() => this.#completion.finish(run, end)));
  }

  // --- waiting ---------------------------------------------------------------------------------------------------

  /** The one most telling reason why a task does not run; undefined when it runs or is over. */
  waitReason(node: number): WaitReason | undefined {
    return waitReason(this.#parts, node);
  }

  #announce(node: number, from: TaskState, to: TaskState, reason?: string): void {
    const task = this.#index.nodes[node];
    if (task?.vmKey === undefined || task.stage === undefined) return;
    const { wave, vmKey: vm, stage, id } = task;
    const data = { from, to, ...(reason === undefined ? {} : { reason }) };
    this.#ports.emit({ type: 'task.state', wave, vm, stage, task: id, data });
  }

  #finishWhenDone(): void {
    if (this.#isDone || this.#parts.running.size > 0) return;
    if (this.#board.open > 0 && this.#parts.stopping !== 'broken') return this.#refuseStandstill();
    this.#isDone = true;
    this.#probeTimer?.cancel();
    this.#ports.done();
  }

  /** Open tasks while nothing runs, waits for time or for a person: waiting longer would be waiting for ever. */
  #refuseStandstill(): void {
    if (this.#kicked || this.#board.arrivals.length > 0 || this.#parts.retries.size > 0 || this.#parts.pauses.isAny)
      return;
    if (this.admission.size > 0 && !this.admission.isStuck()) return;
    const node = this.#board.firstOpen();
    throw new DroverError({
      code: 'internal.bug',
      message: `nothing can start any more, and ${this.#index.nodes[node]?.key} and ${this.#board.open - 1} others are open`,
    });
  }
}
