/** The compiled plan: an immutable graph of tasks. */
import type { Diagnostic } from '../lib/diagnostic.js';
import type { StageName } from './stage.js';
import type { ResolvedSettings } from './settings.js';
import type { VmDescription } from './vm.js';

export type NodeKind = 'preflight' | 'stage' | 'hook' | 'gate' | 'window' | 'barrier' | 'action' | 'report';

/** Units of a pool that a task needs. */
export interface Demand {
  readonly pool: string;
  readonly units: number;
  /**
   * Without it the units are held while the task runs. With it they are held under this name for the VM from the first
   * of its tasks that asks until its last task that asks is over; what is held never exceeds what the tasks still ahead ask for.
   */
  readonly hold?: string;
}

export interface Estimate {
  readonly p50s: number;
  readonly p90s: number;
  readonly bytes?: number;
  readonly basis: 'history' | 'model' | 'default';
}

export type Reason =
  | { readonly kind: 'never-ran' }
  | { readonly kind: 'forced' }
  | {
      readonly kind: 'setting';
      readonly pointer: string;
      readonly old: unknown;
      readonly new: unknown;
      readonly origin?: string;
    }
  | { readonly kind: 'input-changed'; readonly stage: StageName }
  | { readonly kind: 'artefact-missing'; readonly path: string }
  | { readonly kind: 'artefact-altered'; readonly path: string; readonly how: string }
  | { readonly kind: 'tool-version'; readonly name: string; readonly old: string; readonly new: string }
  | { readonly kind: 'source-changed'; readonly disk: string; readonly old: string; readonly new: string }
  | { readonly kind: 'impl-version'; readonly old: number; readonly new: number }
  | { readonly kind: 'previous-failed' };

export type CacheState = 'hit' | 'miss' | 'unknown';
export type OnDependency = 'success' | 'settled' | 'order';

export interface RetryPolicy {
  readonly attempts: number;
  readonly baseMs: number;
  readonly capMs: number;
}

export interface TaskNode {
  /** Stable across runs and waves: hex of a hash over playbook, VM and stage. */
  readonly id: string;
  /** For people: `playbook/wave/vm/STAGE`. */
  readonly key: string;
  readonly kind: NodeKind;
  readonly wave: string;
  readonly batch: number;
  readonly vmKey?: string;
  readonly stage?: StageName;
  readonly host: string;
  readonly deps: readonly { readonly id: string; readonly on: OnDependency }[];
  /** For a barrier: how many of its VM dependencies must have succeeded. */
  readonly quorum?: {
    readonly need: number;
    readonly of: readonly string[];
    readonly onShortfall: 'block' | 'proceed';
  };
  readonly demand: readonly Demand[];
  readonly estimate: Estimate;
  /** Upward rank in seconds: the longest chain from here to the end. */
  readonly priority: number;
  /** Null for nodes that are never cached. */
  readonly fingerprint: string | null;
  /** What entered the fingerprint, so that a rerun can be explained. */
  readonly fingerprintParts?: FingerprintParts;
  readonly cacheState: CacheState;
  readonly cacheReasons: readonly Reason[];
  readonly skip?: 'selected-out' | 'until';
  readonly timeout: { readonly wallS: number; readonly stallS: number | null };
  readonly retry: RetryPolicy;
  readonly cancel: 'checkpoint' | 'finish' | 'kill';
  readonly mutatesSource: boolean;
  readonly mutatesTarget: boolean;
}

export interface FingerprintParts {
  readonly implVersion: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly input: string | null;
  readonly source: Readonly<Record<string, string>>;
  readonly tools: Readonly<Record<string, string>>;
}

/** A virtual machine as the plan knows it: its description and its effective settings. */
export interface PlannedVm {
  readonly vmKey: string;
  readonly name: string;
  readonly wave: string;
  readonly batch: number;
  readonly source: string;
  readonly target: string;
  /** Absolute folder for the products of this VM. */
  readonly outDir: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly settings: ResolvedSettings;
  /** Where settings came from, JSON pointer to `file:line:column`; kept for explanations only. */
  readonly origins: Readonly<Record<string, string>>;
  readonly description: VmDescription;
}

export interface WavePolicy {
  readonly name: string;
  readonly batches: number;
  readonly vms: readonly string[];
  readonly onFailure: 'continue' | 'halt' | 'abort';
  /** Failures tolerated in the scope; null for no limit. */
  readonly maxFailures: number | null;
  /** The same for each batch, the first one first, where a percentage gives a batch a number of its own; else the number of the wave counts. */
  readonly batchMaxFailures?: readonly (number | null)[];
  readonly maxVmsInFlight: number | null;
}

export interface TaskGraph {
  readonly apiVersion: 'drover/v1alpha1';
  readonly kind: 'Plan';
  /** Over everything except timestamps and estimates. */
  readonly planHash: string;
  readonly playbook: string;
  readonly createdBy: string;
  readonly playbookDigests: readonly { readonly file: string; readonly sha256: string }[];
  /** Facts the plan rests on; a run checks them again. */
  readonly factsUsed: Readonly<Record<string, string>>;
  readonly vms: readonly PlannedVm[];
  readonly waves: readonly WavePolicy[];
  readonly policy: { readonly onFailure: 'continue' | 'halt' | 'abort'; readonly maxFailures: number | null };
  readonly pools: Readonly<Record<string, number>>;
  readonly nodes: readonly TaskNode[];
  readonly warnings: readonly Diagnostic[];
  /** Folder for intermediates that the playbook names; beside the state otherwise. */
  readonly scratchDir?: string;
  /** Concerns that the playbook accepts, for the report. */
  readonly waivers?: readonly {
    readonly concern: string;
    readonly vm?: string;
    readonly reason: string;
    readonly until?: string;
  }[];
}
