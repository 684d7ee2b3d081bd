/** What the engine is asked and what it answers. */
import type { Host } from '../host/index.js';
import type { ErrorRecord } from '../lib/error.js';
import type { RunEvent, RunOutcome, TaskState } from '../model/event.js';
import type { TaskGraph, TaskNode } from '../model/graph.js';
import type { ProcessGroup, StageRunners } from '../model/stage-runner.js';
import type { StageName } from '../model/stage.js';
import type { RunControl } from './control.js';
import type { WaitingTask } from './waiting-task.js';

/** How thoroughly outputs of earlier work are checked before they count: not, by samples, or byte by byte. */
export type VerifyLevel = 'none' | 'sampled' | 'full';

export interface RunOptions {
  /** Version of Drover, for run.json and the first event. */
  readonly version: string;
  /** @default 'sampled' */
  readonly verify?: VerifyLevel;
  /** Take over locks whose holder ran on another machine and has been silent for 60 s. @default false */
  readonly breakLock?: boolean;
  /** Time for running tasks to stop after a first cancel. @default 60 */
  readonly graceS?: number;
  /** Hold back tasks of a source, target or host on which machine after machine fails the same way. @default true */
  readonly circuitBreaker?: boolean;
  /** Whether a selector left something out: a run without failures then ends as `partial`. @default from the graph */
  readonly partial?: boolean;
  /** Folder for the artefact store. @default the state folder */
  readonly scratchDir?: string;
  /** How the run was asked for, so that it can be asked for again with the playbook as it is then. */
  readonly invocation?: RunInvocation;
  /** The playbook files as they were read, kept in the run folder. */
  readonly snapshot?: readonly { readonly name: string; readonly text: string }[];
  /** fdatasync of the journal. Only benchmarks turn it off. @default true */
  readonly syncJournal?: boolean;
  /** How often the control folder is looked at, milliseconds. @default 500 */
  readonly controlPollMs?: number;
}

/** What a person asked for; the engine only keeps it. */
export interface RunInvocation {
  /** Folder that names in the plan are relative to. */
  readonly cwd: string;
  /** Absolute paths; none when a saved plan was run. */
  readonly playbooks: readonly string[];
  /** Options of the command line that decide what the plan is. */
  readonly options: Readonly<Record<string, unknown>>;
}

interface Request {
  readonly host: Host;
  readonly runners: StageRunners;
  /** Absolute path of the state folder. */
  readonly stateDir: string;
  readonly control?: RunControl;
  /** Every event, in order, as soon as it is true. Must return quickly and must not throw. */
  readonly onEvent?: (event: RunEvent) => void;
}

export interface RunRequest extends Request {
  readonly graph: TaskGraph;
  readonly options: RunOptions;
}

export interface ResumeOptions extends RunOptions {
  /** Run failed tasks again. @default true */
  readonly retryFailed?: boolean;
  /** Run only machines that failed; everything else that is open is left out. @default false */
  readonly onlyFailed?: boolean;
  /** Run these stages, and in their machines everything after them, although their work is still good. */
  readonly force?: readonly StageName[];
  /** Tasks that may run; an open task for which it says no is left out. @default all */
  readonly select?: (node: TaskNode) => boolean;
  /** Nothing before this stage may run: where something before it would have to, the run is not taken up. */
  readonly from?: StageName;
}

export interface ResumeRequest extends Request {
  /** @default the newest run of the state folder */
  readonly runId?: string;
  readonly options: ResumeOptions;
}

/** How a task stands; what the journal says about it. */
export interface TaskStatus {
  readonly state: TaskState;
  readonly attempt: number;
  readonly reason?: string;
  readonly error?: ErrorRecord;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly seconds?: number;
  readonly bytes?: number;
  readonly degraded?: boolean;
  /** Process groups of the running attempt. */
  readonly groups?: readonly ProcessGroup[];
}

export interface VmResult {
  readonly vmKey: string;
  readonly name: string;
  readonly wave: string;
  readonly state: 'succeeded' | 'degraded' | 'failed' | 'cancelled' | 'skipped';
  /** Whether every stage was cached. */
  readonly cached: boolean;
  readonly error?: ErrorRecord;
  readonly failedStage?: StageName;
}

export interface RunResult {
  readonly runId: string;
  readonly runDir: string;
  readonly planHash: string;
  readonly outcome: RunOutcome;
  /** By the product's table, see `exitCodeOf`. */
  readonly exitCode: number;
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly vms: readonly VmResult[];
  /** Why the engine itself had to stop: journal not writable, lock lost, a bug. */
  readonly error?: ErrorRecord;
  /** Process groups that did not end after SIGKILL. */
  readonly residuals: readonly ProcessGroup[];
}

export type { WaitingTask } from './waiting-task.js';

export interface RunSummary {
  readonly runId: string;
  readonly dir: string;
  readonly playbook: string;
  readonly planHash: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly outcome?: RunOutcome;
  readonly exitCode?: number;
  readonly vms: number;
  readonly tasks: number;
  readonly host: string;
  readonly user: string;
  readonly version: string;
  /** Whether a living process works on it. */
  readonly active: boolean;
  /** How it was asked for; absent in runs of older versions. */
  readonly invocation?: RunInvocation;
}

export interface RunView extends RunSummary {
  readonly graph: TaskGraph;
  readonly status: ReadonlyMap<string, TaskStatus>;
  /** Why the foremost open task of each machine waits, as the running engine wrote it last; empty when it does not run. */
  readonly waiting: readonly WaitingTask[];
  readonly pools: Readonly<Record<string, readonly [used: number, capacity: number]>>;
  /** What reading found worth saying, such as a torn last record. */
  readonly notices: readonly string[];
}
