import { createHash } from 'node:crypto';
import type { DroverError } from '../lib/error.js';
import type { RetryPolicy } from '../model/graph.js';

/** An attempt that moved this much further than the one before starts the count of attempts anew. */
export const ADVANCE_BYTES = 64 * 1024 ** 2;
/** However often it advances, a task is not tried for longer than this. */
export const MAX_ELAPSED_MS = 24 * 3600 * 1000;

/** A number from 0 up to 1 that depends on nothing but the words given. */
export function seededFraction(...words: readonly (string | number)[]): number {
  const digest = createHash('sha256').update(words.join('\0')).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

/**
 * How long to wait before trying again: full jitter, uniform between 0 and the capped exponential of the attempt, and at
 * least what the other side asked for. Milliseconds.
 * @param failures how many attempts have failed in a row, from 1
 */
export function retryDelayMs(
  policy: RetryPolicy,
  failures: number,
  seed: { readonly runId: string; readonly taskId: string; readonly attempt: number },
  error: DroverError,
): number {
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(30, failures - 1));
  const jittered = Math.floor(ceiling * seededFraction(seed.runId, seed.taskId, seed.attempt));
  const asked = error.details?.['retryAfterMs'];
  return typeof asked === 'number' && asked > jittered ? asked : jittered;
}
