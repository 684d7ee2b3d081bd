import type { Admission } from './admission.js';
import type { GraphIndex } from './graph-index.js';
import type { Policy } from './policy.js';
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
  readonly admission: Admission;
  /** Why nothing new starts: the run is cancelled, or nothing can be recorded any more. */
  stopping: 'cancel' | 'broken' | undefined;
  /** Looks at waiting tasks again. */
  readonly kick: () => void;
}
