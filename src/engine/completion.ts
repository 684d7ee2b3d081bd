/** What follows from how an attempt ended: the end of the task, another attempt, or a failure with all it brings. */
import { assertNever, errorRecord } from '../lib/error.js';
import type { CircuitChange } from './circuit.js';
import type { Endings } from './endings.js';
import type { IndexedVm } from './graph-index.js';
import { scopeName } from './policy.js';
import { retryDelayMs } from './retry.js';
import type { RunningTask } from './running-tasks.js';
import { isInScope } from './scheduler-parts.js';
import type { SchedulerParts } from './scheduler-parts.js';
import type { AttemptEnd } from './scheduler-ports.js';
import { Phase } from './task-board.js';
import { mayTryAgain } from './trials.js';

export class Completion {
  readonly #parts: SchedulerParts;
  readonly #endings: Endings;

  constructor(parts: SchedulerParts, endings: Endings) {
    this.#parts = parts;
    this.#endings = endings;
  }

  finish(run: RunningTask, end: AttemptEnd): void {
    const { index, board, running, admission } = this.#parts;
    const { node } = run;
    if (!running.end(run)) return;
    admission.release(node);
    this.#parts.kick();
    if (this.#parts.stopping === 'broken') {
      board.setPhase(node, Phase.pending);
      return;
    }
    const vm = index.vmOf[node];
    if (vm === undefined) return;
    const { circuits } = admission;
    const seconds = end.kind === 'cached' ? 0 : round(end.seconds);
    switch (end.kind) {
      case 'cached':
        circuits.abandoned(node);
        return this.#endings.end(node, 'cached');
      case 'succeeded':
        this.#noteCircuits(circuits.succeeded(node, admission.resources(node)));
        return this.#endings.end(node, 'succeeded', {
          seconds,
          ...(end.bytes === undefined ? {} : { bytes: end.bytes }),
          ...(end.degraded === true ? { degraded: true as const } : {}),
          ...(end.warnings === undefined || end.warnings.length === 0 ? {} : { warnings: end.warnings }),
          ...(end.outputs === undefined || end.outputs.length === 0 ? {} : { outputs: end.outputs }),
        });
      case 'cancelled':
        circuits.abandoned(node);
        this.#endings.end(node, 'cancelled', { seconds });
        return this.#endings.doomAfter(node, 'cancelled');
      case 'failed':
        if (run.isCancelled) {
          circuits.abandoned(node);
          this.#endings.end(node, 'cancelled', { seconds, error: errorRecord(end.error) });
          return this.#endings.doomAfter(node, 'cancelled');
        }
        if (this.#mayTryAgain(node, vm, end)) return this.#retryLater(run, end);
        return this.#failed(node, vm, end);
      default:
        assertNever(end);
    }
  }

  #mayTryAgain(node: number, vm: IndexedVm, end: AttemptEnd & { kind: 'failed' }): boolean {
    const { index, ports, policy } = this.#parts;
    const task = index.nodes[node];
    const trials = this.#parts.trials.get(node);
    if (task === undefined || trials === undefined) return false;
    const isDue = mayTryAgain(trials, task.retry, {
      error: end.error,
      nowMs: ports.clock.monotonic(),
      doneBytes: end.doneBytes ?? 0,
      countsAdvance: task.stage === 'FETCH',
      isRecovered: end.isRecovered === true,
    });
    return isDue && this.#parts.stopping === undefined && policy.haltOf(vm.vm) === undefined;
  }

  #retryLater({ node, attempt }: RunningTask, end: AttemptEnd & { kind: 'failed' }): void {
    const { index, ports, board, retries, trials, admission } = this.#parts;
    const task = index.nodes[node];
    if (task === undefined) return;
    const failures = trials.get(node)?.failures ?? 1;
    const seed = { runId: ports.runId, taskId: task.id, attempt };
    const delayMs = retryDelayMs(task.retry, failures, seed, end.error);
    const error = errorRecord(end.error);
    board.setPhase(node, Phase.retryWait);
    this.#noteCircuits(admission.circuits.probeFailed(node, ports.clock.monotonic()));
    const at = retries.add(node, delayMs, attempt + 1, end.error, () => {
      board.arriveAgain(node);
      this.#parts.kick();
    });
    ports.record({ type: 'task.retry', task: task.id, attempt, error, seconds: round(end.seconds), at });
  }

  #failed(node: number, vm: IndexedVm, end: AttemptEnd & { kind: 'failed' }): void {
    const { ports, running, retries, policy, admission } = this.#parts;
    const { error } = end;
    this.#endings.end(node, 'failed', { seconds: round(end.seconds), error: errorRecord(error) });
    this.#endings.doomAfter(node, 'upstream-failed');
    // A program that is not installed does not appear by waiting.
    const errorClass = error.code === 'exec.missing-tool' ? 'permanent' : error.class;
    const resources = admission.resources(node);
    const now = ports.clock.monotonic();
    this.#noteCircuits(admission.circuits.failed(node, vm.vm.vmKey, resources, errorClass, now));
    const breach = policy.failed(vm.vm);
    if (breach === undefined) return;
    const { action, failures, limit, scope } = breach;
    ports.record({ type: 'policy.halt', scope: scopeName(scope), action, failures, limit });
    for (const waiting of [...admission.nodes(), ...retries.nodes()]) {
      if (isInScope(this.#parts, scope, waiting)) this.#endings.park(waiting);
    }
    if (action === 'halt') return;
    for (const run of running.all()) if (isInScope(this.#parts, scope, run.node)) run.cancel();
  }

  #noteCircuits(changes: readonly CircuitChange[]): void {
    const { ports } = this.#parts;
    for (const change of changes) {
      const { resource } = change;
      if (change.change === 'closed') ports.record({ type: 'circuit.closed', resource });
      else ports.record({ type: 'circuit.open', resource, class: change.class });
    }
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
