import { describe, expect, it } from 'vitest';
import { exitCodeOf, outcomeOf } from './exit-code.js';
import type { ExitFacts } from './exit-code.js';

const nothing: ExitFacts = { internal: false, cancelled: undefined, halted: false, failed: false, waiting: false };

describe('exit codes of runs', () => {
  // From the one that always wins to the one that any other one hides.
  const ranks: readonly (readonly [number, Partial<ExitFacts>])[] = [
    [5, { internal: true }],
    [130, { cancelled: 130 }],
    [8, { halted: true }],
    [1, { failed: true }],
    [7, { waiting: true }],
  ];

  it('are 0 when nothing went wrong', () => {
    expect(exitCodeOf(nothing)).toBe(0);
    expect(exitCodeOf({ ...nothing, cancelled: 143 })).toBe(143);
  });

  it.each(
    ranks.flatMap(([code, facts], at) => ranks.slice(at).map(([other, more]) => [code, other, facts, more] as const)),
  )('%i stands above %i', (code, _other, facts, more) => {
    expect(exitCodeOf({ ...nothing, ...more, ...facts })).toBe(code);
    // The word for it goes by the same order.
    expect(outcomeOf({ ...nothing, ...more, ...facts }, true)).toBe(outcomeOf({ ...nothing, ...facts }, false));
  });
});
