/** The handle by which a caller steers a run from the same process; commands from other processes come by files. */
import { DroverError } from '../lib/error.js';
import type { WaitingTask } from './waiting-task.js';

/** What may be paused. `vm` is a name or a key. */
export type ControlScope =
  | { readonly kind: 'run' }
  | { readonly kind: 'wave'; readonly wave: string }
  | { readonly kind: 'vm'; readonly vm: string }
  | { readonly kind: 'pool'; readonly pool: string };

/** The body of a file in a run's control folder. */
export type ControlCommand =
  | { readonly command: 'cancel'; readonly vms?: readonly string[]; readonly now?: boolean }
  | { readonly command: 'pause'; readonly scope: ControlScope }
  | { readonly command: 'resume'; readonly scope: ControlScope }
  | { readonly command: 'limits.set'; readonly pool: string; readonly units: number }
  | { readonly command: 'priority.bump'; readonly vm: string };

export interface CancelRequest {
  /** Who or what asks: a signal's name or a user. */
  readonly by: string;
  /** What the run ends with. @default 143 when `by` is SIGTERM, else 130 */
  readonly exitCode?: 130 | 143;
  /** Kill everything now: what a second signal means. */
  readonly force?: boolean;
  /** Only these machines, by name or key; the run goes on. */
  readonly vms?: readonly string[];
}

/** What the engine offers to its handle while a run is going on. */
interface RunSteering {
  cancel(request: CancelRequest): void;
  /** What was done, or why not. */
  execute(command: ControlCommand, by: string): string;
  snapshot(): void;
  hangup(): void;
  waiting(): readonly WaitingTask[];
}

export interface RunControl extends RunSteering {
  /** Called by the engine when a run begins; what was asked before is done then. */
  attach(steering: RunSteering): void;
  detach(): void;
}

/** A handle that may be used before, during and after a run. */
export function createRunControl(): RunControl {
  let target: RunSteering | undefined;
  const early: ((steering: RunSteering) => void)[] = [];
  const act = (deed: (steering: RunSteering) => void): void => {
    if (target === undefined) early.push(deed);
    else deed(target);
  };
  return {
    attach: (steering) => {
      if (target !== undefined) {
        throw new DroverError({ code: 'internal.bug', message: 'a run control serves one run at a time' });
      }
      target = steering;
      for (const deed of early.splice(0)) deed(steering);
    },
    detach: () => {
      target = undefined;
    },
    cancel: (request) => act((steering) => steering.cancel(request)),
    execute: (command, by) => target?.execute(command, by) ?? 'no run is going on',
    snapshot: () => act((steering) => steering.snapshot()),
    hangup: () => act((steering) => steering.hangup()),
    waiting: () => target?.waiting() ?? [],
  };
}
