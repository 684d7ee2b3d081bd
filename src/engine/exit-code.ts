import type { RunOutcome } from '../model/event.js';

/** What ended a run, as far as the exit code is concerned. */
export interface ExitFacts {
  /** The engine could not go on: journal, lock or a bug. */
  readonly internal: boolean;
  /** Cancelled as a whole, and by which signal. */
  readonly cancelled: 130 | 143 | undefined;
  readonly halted: boolean;
  readonly failed: boolean;
  /** Only gates or windows are left and nobody wants to wait. */
  readonly waiting: boolean;
}

/** How a run is said to have ended; what weighs more is named first, as with exit codes. */
export function outcomeOf(facts: ExitFacts, isPartial: boolean): RunOutcome {
  if (facts.internal) return 'failed';
  if (facts.cancelled !== undefined) return 'cancelled';
  if (facts.halted) return 'halted';
  if (facts.failed) return 'failed';
  if (facts.waiting) return 'waiting';
  return isPartial ? 'partial' : 'succeeded';
}

/** The exit code of a run. When several apply: 5, then 130 or 143, then 8, then 1, then 7, then 0. */
export function exitCodeOf(facts: ExitFacts): number {
  if (facts.internal) return 5;
  if (facts.cancelled !== undefined) return facts.cancelled;
  if (facts.halted) return 8;
  if (facts.failed) return 1;
  if (facts.waiting) return 7;
  return 0;
}
