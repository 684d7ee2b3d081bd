import type { Admission } from './admission.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import type { Pauses } from './pauses.js';
import { isWithin } from './policy.js';
import type { Policy, Scope } from './policy.js';
import type { RetryWaits } from './retry-waits.js';
import type { RunningTasks } from './running-tasks.js';
import type { SchedulerPorts } from './scheduler-ports.js';
import type { TaskBoard } from './task-board.js';
import type { Trials } from './trials.js';

/** What dispatching, ending and control of tasks share: one set of books, changed in one thread only. */
export interface SchedulerParts {
  readonly index: GraphIndex;
  readonly ports: SchedulerPorts;
  readonly board: TaskBoard;
  readonly running: RunningTasks;
  readonly retries: RetryWaits;
  readonly trials: Map<number, Trials>;
  readonly policy: Policy;
  readonly pauses: Pauses;
  /** Numbers of the machines that were cancelled by themselves. */
  readonly cancelledVms: Set<number>;
  readonly admission: Admission;
  /** Why nothing new starts: the run is cancelled, or nothing can be recorded any more. */
  stopping: 'cancel' | 'broken' | undefined;
  /** Looks at waiting tasks again. */
  readonly kick: () => void;
}

/** Whether nothing more of a machine starts, because it or the whole run was cancelled or the journal broke. */
export function isStopping({ stopping, cancelledVms }: SchedulerParts, vm: IndexedVm | undefined): boolean {
  return stopping !== undefined || (vm !== undefined && cancelledVms.has(vm.number));
}

/** Whether a task belongs to a machine that lies in a scope. */
export function isInScope({ index }: SchedulerParts, scope: Scope, node: number): boolean {
  const vm = index.vmOf[node];
  return vm !== undefined && isWithin(scope, vm.vm);
}
