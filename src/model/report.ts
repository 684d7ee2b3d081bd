/** The report of a run: the JSON that Markdown and HTML are made from, and that programs read. */
import type { ErrorRecord } from '../lib/error.js';
import type { RunOutcome, TaskState } from './event.js';
import type { StepReport } from './fix.js';
import type { Reason } from './graph.js';
import type { ValidateResult } from './results.js';
import type { StageName } from './stage.js';

export const REPORT_SCHEMA = 'drover/report/v1';

/** One stretch of time in a stage: an attempt that ran, or a wait. */
export interface StageSpan {
  readonly kind: 'run' | 'wait' | 'retry';
  readonly startedAt: string;
  readonly endedAt: string;
  readonly attempt: number;
}

export interface StageReport {
  readonly stage: StageName;
  readonly state: TaskState;
  readonly attempts: number;
  readonly seconds: number;
  readonly waitedSeconds: number;
  readonly estimatedSeconds: number;
  readonly bytes?: number;
  /** Why it ran although earlier work exists. */
  readonly reasons: readonly Reason[];
  readonly spans: readonly StageSpan[];
  readonly error?: ErrorRecord;
}

export interface ProductReport {
  readonly path: string;
  readonly format: string;
  readonly virtualSizeBytes: number;
  readonly fileBytes: number;
  readonly allocatedBytes: number;
  readonly check: string;
  readonly sha256?: string;
}

export interface VmReport {
  readonly name: string;
  readonly vmKey: string;
  readonly wave: string;
  readonly state: 'succeeded' | 'degraded' | 'failed' | 'cancelled' | 'skipped' | 'running' | 'waiting';
  /** Whether nothing had to be done. */
  readonly cached: boolean;
  readonly seconds: number;
  readonly origin: { readonly kind: string; readonly path: string };
  readonly guest?: {
    readonly prettyName: string;
    readonly hostname: string;
    readonly firmware: string;
    readonly kernels: number;
  };
  readonly disks: readonly {
    readonly index: number;
    readonly source: string;
    readonly format: string;
    readonly virtualSizeBytes?: number;
    readonly bus?: string;
  }[];
  readonly nics: readonly {
    readonly index: number;
    readonly mac?: string;
    readonly model?: string;
    readonly network?: string;
    readonly ifname?: string;
  }[];
  readonly stages: readonly StageReport[];
  /** Every decision of PLAN with its reason. */
  readonly decisions: readonly { readonly what: string; readonly value: string; readonly why: string }[];
  readonly fix: readonly StepReport[];
  readonly products: readonly ProductReport[];
  readonly domainXml?: string;
  readonly xmlChecks: readonly { readonly name: string; readonly result: string; readonly note?: string }[];
  readonly validation?: ValidateResult;
  readonly appliance?: { readonly calls: number; readonly launches: number; readonly launchSeconds: number };
  readonly warnings: readonly string[];
  readonly waivers: readonly { readonly concern: string; readonly reason: string; readonly until?: string }[];
  readonly error?: ErrorRecord;
  readonly failedStage?: StageName;
}

export interface RunReport {
  readonly schema: typeof REPORT_SCHEMA;
  readonly run: {
    readonly id: string;
    readonly playbook: string;
    readonly planHash: string;
    readonly startedAt: string;
    readonly endedAt?: string;
    readonly seconds: number;
    readonly outcome: RunOutcome | 'running' | 'interrupted';
    readonly exitCode?: number;
    readonly user: string;
    readonly host: string;
    readonly version: string;
    readonly dir: string;
  };
  readonly playbookDigests: readonly { readonly file: string; readonly sha256: string }[];
  readonly host: {
    readonly accelerator: string;
    readonly acceleratorReason: string;
    readonly cpus: number;
    readonly memoryBytes: number;
    readonly tools: Readonly<Record<string, string>>;
  };
  readonly counts: Readonly<Record<string, number>>;
  readonly waves: readonly {
    readonly name: string;
    readonly vms: number;
    readonly counts: Readonly<Record<string, number>>;
  }[];
  readonly vms: readonly VmReport[];
  /** Seconds that machines waited, by what for. */
  readonly timeLost: readonly { readonly reason: string; readonly seconds: number }[];
  readonly pools: readonly { readonly pool: string; readonly peak: number; readonly capacity: number }[];
  readonly failures: readonly { readonly code: string; readonly count: number; readonly vms: readonly string[] }[];
  readonly warnings: readonly string[];
  /** What could not be removed or undone, with exact names. */
  readonly leftBehind: readonly string[];
  /** Commands that make sense now. */
  readonly next: readonly string[];
}
