/** Ends tasks and takes waiting ones out of the way: each ending is recorded, and what hangs on it follows. */
import { errorRecord } from '../lib/error.js';
import type { IndexedVm } from './graph-index.js';
import { scopeName } from './policy.js';
import type { EndState, RecordBody, SkipReason } from './record.js';
import { isInScope } from './scheduler-parts.js';
import type { SchedulerParts } from './scheduler-parts.js';
import { Phase } from './task-board.js';

/** A task that may finish when cancelled may take this long, seconds. */
const FINISH_WITHIN_S = 30;

export class Endings {
  readonly #parts: SchedulerParts;
  readonly #closedScopes = new Set<string>();

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** Takes a waiting task out of the way without ending it. */
  park(node: number): void {
    const { board, retries, admission } = this.#parts;
    retries.cancel(node);
    admission.remove(node);
    if (!board.isOver(node)) board.setPhase(node, Phase.pending);
  }

  /** Skips what is left of a halted scope once nothing of it runs any more. */
  closeHaltedScopes(): void {
    const { index, board, running, policy } = this.#parts;
    for (const scope of policy.halted) {
      const name = scopeName(scope);
      if (this.#closedScopes.has(name)) continue;
      const isInside = (node: number): boolean => isInScope(this.#parts, scope, node);
      if (running.all().some(({ node }) => isInside(node))) continue;
      this.#closedScopes.add(name);
      const left = [...index.nodes.keys()].filter((node) => !board.isOver(node) && isInside(node));
      for (const node of left) this.park(node);
      this.skip(left, 'policy-halt', false);
    }
  }

  stopTasks(isMeant: (vm: IndexedVm | undefined) => boolean): void {
    const { index, ports, board, running, retries } = this.#parts;
    const open: number[] = [];
    for (const [node, task] of index.nodes.entries()) {
      if (task.kind !== 'stage' || board.isOver(node) || !isMeant(index.vmOf[node])) continue;
      const run = running.get(node);
      const wait = retries.get(node);
      if (run !== undefined) {
        const elapsedS = (ports.clock.monotonic() - run.startedAt) / 1000;
        const mayFinish = task.cancel === 'finish' && task.estimate.p50s - elapsedS <= FINISH_WITHIN_S;
        if (mayFinish && run.isLaunched) continue;
        run.cancel();
      } else if (wait !== undefined) {
        this.park(node);
        this.end(node, 'cancelled', { error: errorRecord(wait.error) });
      } else {
        this.park(node);
        open.push(node);
      }
    }
    this.skip(open, 'cancelled', false);
  }

  /** A task is over: records it and lets go on what waited for it. */
  end(
    node: number,
    state: EndState,
    more: Omit<Extract<RecordBody, { type: 'task.end' }>, 'type' | 'task' | 'attempt' | 'state'> = {},
  ): void {
    const { index, ports, board } = this.#parts;
    const task = index.nodes[node];
    if (task === undefined) return;
    const attempt = board.attempt(node);
    const then = this.#settle(node, state === 'succeeded' || state === 'cached');
    ports.record({ type: 'task.end', task: task.id, attempt, state, ...more }, then);
  }

  skip(nodes: readonly number[], reason: SkipReason, isOk: boolean): void {
    const { index, ports, board } = this.#parts;
    for (let from = 0; from < nodes.length; from += 500) {
      const part = nodes.slice(from, from + 500).filter((node) => !board.isOver(node));
      if (part.length === 0) continue;
      const after = part.map((node) => this.#settle(node, isOk));
      const tasks = part.map((node) => index.nodes[node]?.id ?? '');
      ports.record({ type: 'task.skip', tasks, reason }, () => {
        for (const then of after) then?.();
      });
    }
  }

  /** Marks a task as over. Returns what to do once that is durable, when it was the last one of its machine. */
  #settle(node: number, isOk: boolean): (() => void) | undefined {
    const { index, ports, board, trials, admission } = this.#parts;
    trials.delete(node);
    const done = board.settle(node, isOk);
    const vm = index.vmOf[node];
    if (vm !== undefined) admission.pools.shrinkHolds(vm);
    return done === undefined ? undefined : () => ports.vmOver(done);
  }

  /** Skips tasks that cannot succeed any more together with everything that needs them. */
  doom(nodes: readonly number[], reason: SkipReason): void {
    const doomed = this.#parts.board.doomedBy(nodes);
    for (const node of doomed) this.park(node);
    this.skip(doomed, reason, false);
  }

  doomAfter(node: number, reason: SkipReason): void {
    const { index, board } = this.#parts;
    const next = (index.dependents[node] ?? []).filter((dep) => dep.needsSuccess && !board.isOver(dep.node));
    this.doom(
      next.map((dep) => dep.node),
      reason,
    );
  }
}
