/** What a task's attempts so far say about trying once more. */
import type { DroverError } from '../lib/error.js';
import type { RetryPolicy } from '../model/graph.js';
import { ADVANCE_BYTES, MAX_ELAPSED_MS } from './retry.js';

export interface Trials {
  /** Failed attempts in a row that did not come further. */
  failures: number;
  resourceTries: number;
  bestBytes: number;
  readonly firstAtMs: number;
}

export function newTrials(nowMs: number): Trials {
  return { failures: 0, resourceTries: 0, bestBytes: 0, firstAtMs: nowMs };
}

export interface FailedAttempt {
  readonly error: DroverError;
  readonly nowMs: number;
  readonly doneBytes: number;
  /** An attempt that came further than the ones before starts the count anew. */
  readonly countsAdvance: boolean;
  /** What was lacking is there again. */
  readonly isRecovered: boolean;
}

/** Notes a failed attempt and says whether another one is due. Whoever threw decided whether trying again can help. */
export function mayTryAgain(trials: Trials, policy: RetryPolicy, attempt: FailedAttempt): boolean {
  const { error } = attempt;
  if (attempt.countsAdvance && attempt.doneBytes - trials.bestBytes >= ADVANCE_BYTES) trials.failures = 0;
  trials.bestBytes = Math.max(trials.bestBytes, attempt.doneBytes);
  trials.failures += 1;
  if (attempt.nowMs - trials.firstAtMs > MAX_ELAPSED_MS) return false;
  if (error.class === 'resource' && !error.retryable) {
    if (!attempt.isRecovered || trials.resourceTries > 0 || policy.attempts < 2) return false;
    trials.resourceTries += 1;
    return true;
  }
  return error.retryable && trials.failures < policy.attempts;
}
