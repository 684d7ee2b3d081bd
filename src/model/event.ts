/** Run events: the one stream that screen, status, report and resume read. */
import type { ErrorRecord } from '../lib/error.js';
import type { StageName } from './stage.js';

export const EVENT_VERSION = 1;

export type TaskState =
  | 'pending'
  | 'ready'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'cached'
  | 'skipped'
  | 'retry_wait'
  | 'paused';

export type WaitReason =
  | { readonly kind: 'deps'; readonly ids: readonly string[] }
  | {
      readonly kind: 'pool';
      readonly pool: string;
      readonly need: number;
      readonly free: number;
      readonly holders: readonly string[];
    }
  | { readonly kind: 'gate'; readonly name: string }
  | { readonly kind: 'window'; readonly name: string; readonly opensAt: string }
  | { readonly kind: 'retry'; readonly at: string; readonly attempt: number; readonly cause: string }
  | { readonly kind: 'draining'; readonly for: string }
  | { readonly kind: 'vm-lock'; readonly run: string }
  | { readonly kind: 'batch'; readonly batch: number }
  | { readonly kind: 'policy-halt'; readonly scope: string }
  | { readonly kind: 'circuit'; readonly resource: string; readonly probeAt: string }
  | { readonly kind: 'cancelling' }
  | { readonly kind: 'paused-by'; readonly user: string };

export interface Progress {
  readonly phase: string;
  readonly disk?: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly totalKind: 'exact' | 'upper-bound';
  readonly rateBps?: number;
  readonly etaS?: number;
}

interface EventHead {
  readonly v: typeof EVENT_VERSION;
  readonly seq: number;
  /** Number of the journal record that the event follows from; absent on events that no record stands for. */
  readonly j?: number;
  /** ISO 8601 UTC with milliseconds. */
  readonly ts: string;
  readonly run: string;
  readonly wave?: string;
  readonly vm?: string;
  readonly stage?: StageName;
  readonly task?: string;
  readonly attempt?: number;
}

export type RunOutcome = 'succeeded' | 'failed' | 'halted' | 'cancelled' | 'partial' | 'waiting';

/** What each event type carries. Consumers ignore types and members they do not know. */
export interface EventData {
  'run.start': {
    readonly playbook: string;
    readonly planHash: string;
    readonly vms: number;
    readonly tasks: number;
    readonly host: string;
    readonly user: string;
    readonly version: string;
    readonly pools: Readonly<Record<string, number>>;
  };
  'run.resumed': { readonly by: string; readonly pid: number };
  'run.end': { readonly outcome: RunOutcome; readonly exitCode: number };
  'run.cancelling': { readonly by: string; readonly graceS: number };
  'wave.start': { readonly vms: number };
  'wave.end': { readonly succeeded: number; readonly failed: number };
  'vm.state': {
    readonly to: 'running' | 'succeeded' | 'degraded' | 'failed' | 'cancelled' | 'skipped';
    readonly error?: ErrorRecord;
  };
  'task.state': {
    readonly from: TaskState;
    readonly to: TaskState;
    readonly reason?: string;
    readonly error?: ErrorRecord;
    readonly seconds?: number;
    readonly bytes?: number;
  };
  'task.progress': Progress;
  'task.log': { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string };
  'task.artefact': { readonly path: string; readonly bytes: number; readonly role: string };
  'pool.usage': { readonly pools: Readonly<Record<string, readonly [used: number, capacity: number]>> };
  'policy.halt': { readonly scope: string; readonly failures: number; readonly limit: number };
  'circuit.open': { readonly resource: string; readonly class: string };
  'circuit.closed': { readonly resource: string };
  eta: { readonly p50s: number; readonly p90s: number; readonly limitedBy?: string };
  warning: { readonly code: string; readonly message: string; readonly hint?: string };
  'status.snapshot': { readonly counts: Readonly<Record<string, number>> };
}

export type EventType = keyof EventData;
export type RunEvent = {
  readonly [T in EventType]: EventHead & { readonly type: T; readonly data: EventData[T] };
}[EventType];
