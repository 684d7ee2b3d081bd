import { beforeEach, describe, expect, it } from 'vitest';
import { Drains, estimatedStart } from './drain.js';

const MINUTE = 60_000;
const LARGE = 1;
const POOL = 7;
const OTHER_POOL = 8;
let drains: Drains;

beforeEach(() => {
  drains = new Drains();
});

/** Lets others pass a task by and says at which time the pool is drained for it, if ever. */
function drainAt(times: readonly number[], node = LARGE, pool = POOL): number | undefined {
  for (const now of times) {
    drains.passedOver(node, pool, now);
    if (drains.consider(node, pool, now)) return now;
  }
  return undefined;
}

describe('a pool is drained for a task', () => {
  it('that fifty others passed', () => {
    expect(drainAt(Array.from({ length: 49 }, (_, at) => at))).toBeUndefined();
    expect(drainAt([49])).toBe(49);
    expect(drains.forPool(POOL)).toBe(LARGE);
  });

  it('that was first passed ten minutes ago, however few passed it', () => {
    expect(drainAt([0, 9.9 * MINUTE])).toBeUndefined();
    expect(drains.consider(LARGE, POOL, 10 * MINUTE)).toBe(true);
  });

  it('also when it waits now for one pool and now for another', () => {
    let drained = 0;
    for (let turn = 0; turn < 50; turn += 1) {
      for (const pool of [POOL, OTHER_POOL]) {
        drains.passedOver(LARGE, pool, turn);
        if (drains.consider(LARGE, pool, turn)) drained += 1;
      }
    }
    expect(drained).toBe(2);
  });

  it('and never for two tasks at once', () => {
    expect(drainAt([0, 10 * MINUTE])).toBeDefined();
    expect(drainAt([0, 20 * MINUTE], 2)).toBeUndefined();
    drains.forget(LARGE);
    expect(drains.forPool(POOL)).toBeUndefined();
    expect(drains.consider(2, POOL, 21 * MINUTE)).toBe(true);
  });
});

describe('while a pool is drained', () => {
  const needs = [{ pool: POOL, units: 1 }];
  const startsAt = (ms: number) => () => ms;

  beforeEach(() => {
    drainAt([0, 10 * MINUTE]);
  });

  it('only those take of it that will be done before the task could start', () => {
    expect(drains.heldBack(2, needs, 1000, startsAt(999))).toBe(POOL);
    expect(drains.heldBack(2, needs, 1000, startsAt(1000))).toBeUndefined();
  });

  it('the task itself and those that need nothing of it are not held back', () => {
    expect(drains.heldBack(LARGE, needs, 1000, startsAt(0))).toBeUndefined();
    expect(drains.heldBack(2, [{ pool: OTHER_POOL, units: 1 }], 1000, startsAt(0))).toBeUndefined();
  });

  it('of two tasks with a drain each, the older one is not held back by the younger', () => {
    drainAt([0, 20 * MINUTE], 2, OTHER_POOL);
    const both = [
      { pool: POOL, units: 1 },
      { pool: OTHER_POOL, units: 1 },
    ];
    expect(drains.heldBack(LARGE, both, 1000, startsAt(0))).toBeUndefined();
    expect(drains.heldBack(2, both, 1000, startsAt(0))).toBe(POOL);
  });
});

describe('the estimated start of the task', () => {
  it.each([
    ['at once when enough is free', 4, 4, 0],
    ['when enough of those that run have ended, soonest first', 1, 4, 200],
    ['when all have ended', 0, 6, 300],
  ])('is %s', (_, free, wanted, expected) => {
    const users = [
      { units: 3, endsAt: 300 },
      { units: 1, endsAt: 100 },
      { units: 2, endsAt: 200 },
    ];
    expect(estimatedStart(free, wanted, users, 0)).toBe(expected);
  });
});
