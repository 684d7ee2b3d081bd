/** The contract between the engine, which runs tasks, and the stages, which know what to do. */
import type { Progress } from './event.js';
import type { PlannedVm } from './graph.js';
import type { StageResults } from './results.js';
import type { StageName } from './stage.js';

/** A process group that a task started; registered durably before the task counts as running. */
export interface ProcessGroup {
  readonly pgid: number;
  readonly startTicks: string;
  readonly bootId: string;
  readonly tool: string;
}

/** What a stage is asked to do: plain JSON. */
export interface StageTask {
  readonly runId: string;
  readonly playbook: string;
  readonly taskId: string;
  readonly stage: StageName;
  readonly attempt: number;
  readonly fingerprint: string;
  readonly vm: PlannedVm;
  readonly paths: {
    /** Private folder of this stage of this VM; fresh and empty for every attempt; kept when the stage succeeds. */
    readonly work: string;
    /** Folder for the products of this VM. */
    readonly out: string;
    /** Folder for the evidence and logs of this VM in the run. */
    readonly logs: string;
  };
}

/** A file that a stage leaves behind and that a later run may reuse when it is unchanged. */
export interface StageOutput {
  readonly role: string;
  readonly path: string;
  /** `product` stays for ever; `intermediate` goes when no later stage needs it. */
  readonly kind: 'product' | 'intermediate' | 'document';
  /** Digest of the whole file, lower-case hex, when the stage computed it anyway; else the engine takes samples. */
  readonly sha256?: string;
}

export interface StageOutcome<S extends StageName> {
  readonly result: StageResults[S];
  readonly outputs: readonly StageOutput[];
  /** Finished, but with something an operator should read. */
  readonly degraded?: boolean;
  readonly warnings?: readonly { readonly code: string; readonly message: string; readonly hint?: string }[];
  readonly bytes?: number;
}

/** Things that live as long as a VM is being worked on in this process, such as its running appliance. */
export interface VmSession {
  get<T extends AsyncDisposable>(key: string): T | undefined;
  /** Keeps a thing; it is disposed of when the VM's work ends, fails or is cancelled, newest first. */
  keep<T extends AsyncDisposable>(key: string, thing: T): T;
  /** Disposes of one thing now. */
  drop(key: string): Promise<void>;
}

export interface StageContext {
  /** Aborts on cancel and on timeout. */
  readonly signal: AbortSignal;
  /** Results of the stages before this one. */
  input<S extends StageName>(stage: S): StageResults[S];
  progress(progress: Progress): void;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
  /** Called by the exec door for every process group it starts. Resolves when the record is durable. */
  spawned(group: ProcessGroup): Promise<void>;
  readonly session: VmSession;
}

export interface StageRunner<S extends StageName = StageName> {
  readonly stage: S;
  /** Raised by hand whenever code changes in a way that changes this stage's output. */
  readonly implVersion: number;
  /** JSON pointers of the settings this stage reads; nothing else enters its fingerprint. */
  readonly readsSettings: readonly string[];
  /** Programs whose version may change this stage's output. */
  readonly tools: readonly string[];
  run(task: StageTask, context: StageContext): Promise<StageOutcome<S>>;
}

export type StageRunners = { readonly [S in StageName]: StageRunner<S> };
