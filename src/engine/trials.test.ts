import { describe, expect, it } from 'vitest';
import { DroverError } from '../lib/error.js';
import type { ErrorCode } from '../lib/catalog/index.js';
import { mayTryAgain, newTrials } from './trials.js';
import type { FailedAttempt } from './trials.js';

const MIB = 1024 ** 2;
const HOUR = 3_600_000;
const policy = { attempts: 3, baseMs: 5000, capMs: 300_000 };

function failure(code: ErrorCode, more: Partial<FailedAttempt> = {}): FailedAttempt {
  const error = new DroverError({ code, message: 'no' });
  return { error, nowMs: 0, doneBytes: 0, countsAdvance: false, isRecovered: false, ...more };
}

/** How many attempts in all are made when every one of them fails this way; 20 stands for no end. */
function attempts(failed: (attempt: number) => FailedAttempt, own = policy): number {
  const trials = newTrials(0);
  for (let attempt = 1; attempt < 20; attempt += 1) if (!mayTryAgain(trials, own, failed(attempt))) return attempt;
  return 20;
}

describe('another attempt', () => {
  it('is made after transient failures up to the number of attempts, and after no others', () => {
    expect(attempts(() => failure('engine.stalled'))).toBe(3);
    expect(attempts(() => failure('exec.timeout'), { ...policy, attempts: 5 })).toBe(5);
    expect(attempts(() => failure('engine.stalled'), { ...policy, attempts: 1 })).toBe(1);
    for (const code of ['file.denied', 'exec.failed', 'engine.lock-lost', 'internal.bug', 'engine.timeout'] as const) {
      expect(
        attempts(() => failure(code)),
        code,
      ).toBe(1);
    }
  });

  it('is made once for want of a resource, and only when that is there again', () => {
    expect(attempts(() => failure('file.no-space'))).toBe(1);
    expect(attempts(() => failure('file.no-space', { isRecovered: true }))).toBe(2);
    expect(attempts(() => failure('file.no-space', { isRecovered: true }), { ...policy, attempts: 1 })).toBe(1);
  });

  it('does not count against a FETCH that came 64 MiB further', () => {
    const advance = (step: number) => (attempt: number) =>
      failure('engine.stalled', { countsAdvance: true, doneBytes: attempt * step });
    expect(attempts(advance(64 * MIB))).toBe(20);
    expect(attempts(advance(63 * MIB))).toBe(3);
    expect(attempts((attempt) => ({ ...advance(64 * MIB)(attempt), countsAdvance: false }))).toBe(3);
    // Coming as far as before is no advance.
    expect(attempts(() => failure('engine.stalled', { countsAdvance: true, doneBytes: 100 * MIB }))).toBe(3);
  });

  it('is not made after a day, however far each one comes', () => {
    const hourly = (attempt: number): FailedAttempt =>
      failure('engine.stalled', { countsAdvance: true, doneBytes: attempt * 64 * MIB, nowMs: attempt * 3 * HOUR });
    expect(attempts(hourly)).toBe(9);
  });
});
