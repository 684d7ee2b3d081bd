import type { TaskState, WaitReason } from '../model/event.js';
import type { StageName } from '../model/stage.js';

/** Why a task that is neither running nor over does not run. */
export interface WaitingTask {
  readonly task: string;
  readonly key: string;
  readonly vmKey?: string;
  readonly stage?: StageName;
  readonly state: TaskState;
  readonly reason: WaitReason;
}
