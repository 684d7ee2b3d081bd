/** What earlier runs left behind, as plain data: the engine reads it from the state folder, the planner decides with it. */
import type { FingerprintParts } from './graph.js';
import type { StageName } from './stage.js';

/**
 * Whether what a stage left is still there.
 *
 * `ok`       every output is there and is what was written
 * `dropped`  intermediates were removed on purpose when nothing needed them any more; products and documents are `ok`
 * `missing`  an output is gone although nobody was meant to remove it
 * `altered`  an output is not what was written
 */
export type OutputsVerdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'dropped'; readonly paths: readonly string[] }
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'altered'; readonly path: string; readonly how: string };

/** The sealed work of a stage that lies in the store now; there is at most one for each task. */
export interface StoredArtefact {
  readonly fingerprint: string;
  /** What entered the fingerprint, so that a change can be named. */
  readonly parts?: FingerprintParts;
  readonly outputs: OutputsVerdict;
  readonly run: string;
  readonly attempt: number;
  /** ISO 8601 UTC. */
  readonly endedAt: string;
}

/** How the newest attempt at a task ended, in whichever run that was. */
export interface LastAttempt {
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  readonly run: string;
  readonly endedAt: string;
  readonly errorCode?: string;
}

export interface PreviousRecord {
  readonly taskId: string;
  readonly vmKey: string;
  readonly stage: StageName;
  readonly last?: LastAttempt;
  readonly artefact?: StoredArtefact;
}

/**
 * Records by task id; a task that no run has touched has none.
 *
 * A stage is a hit when its artefact has the planned fingerprint and its outputs are
 *   - `ok`, or
 *   - `dropped` while no stage after it up to and including CONVERT has to run for the same machine. Otherwise the stage
 *     runs again with the reason `artefact-missing`; stages between the two that are whole stay hits.
 */
export type PreviousRecords = Readonly<Record<string, PreviousRecord>>;

/** One line of `history.ndjson`: how long a stage took, for estimates. */
export interface HistoryLine {
  readonly v: 1;
  readonly task: string;
  readonly vm: string;
  readonly stage: StageName;
  readonly source: string;
  readonly target: string;
  readonly host: string;
  readonly run: string;
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  readonly endedAt: string;
  readonly seconds: number;
  readonly bytes?: number;
  readonly attempt: number;
  readonly errorCode?: string;
}
