import type { WaitReason } from '../model/event.js';
import type { Admission } from './admission.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import type { Pauses } from './pauses.js';
import { scopeName } from './policy.js';
import type { Policy } from './policy.js';
import type { RetryWaits } from './retry-waits.js';
import { Phase } from './task-board.js';
import type { TaskBoard } from './task-board.js';

/** What the scheduler knows about waiting tasks. */
export interface Waiting {
  readonly index: GraphIndex;
  readonly board: TaskBoard;
  readonly policy: Policy;
  readonly retries: RetryWaits;
  readonly pauses: Pauses;
  readonly admission: Admission;
  isStopping(vm: IndexedVm | undefined): boolean;
}

/** The one most telling reason why a task does not run; undefined when it runs or is over. */
export function waitReason(waiting: Waiting, node: number): WaitReason | undefined {
  const { index, board, policy, retries, pauses, admission } = waiting;
  const phase = board.phase(node);
  if (phase === Phase.over || phase === Phase.running) return undefined;
  const vm = index.vmOf[node];
  if (waiting.isStopping(vm)) return { kind: 'cancelling' };
  const halted = vm === undefined ? undefined : policy.haltOf(vm.vm);
  if (halted !== undefined) return { kind: 'policy-halt', scope: scopeName(halted) };
  const wait = retries.get(node);
  if (wait !== undefined) return { kind: 'retry', at: wait.at, attempt: wait.attempt, cause: wait.error.message };
  const open = board.openDependencies(node);
  const barrier = open.map((dep) => index.nodes[dep]).find((task) => task?.kind === 'barrier');
  if (barrier !== undefined && barrier.batch > 1 && barrier.wave === index.nodes[node]?.wave) {
    return { kind: 'batch', batch: barrier.batch };
  }
  const ids = open.slice(0, 3).map((dep) => index.nodes[dep]?.id ?? '');
  if (open.length > 0) return { kind: 'deps', ids };
  const pauser = pauses.ofRun ?? pauses.of(vm);
  if (pauser !== undefined) return { kind: 'paused-by', user: pauser };
  return admission.blockedBy(node) ?? { kind: 'deps', ids };
}
