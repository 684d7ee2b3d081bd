import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchEnds } from './batches.js';

describe('batchEnds', () => {
  const check = (
    sizes: (number | string)[] | undefined,
    total: number,
    expected: readonly number[] | undefined,
  ): void => {
    it(`${JSON.stringify(sizes)} of ${total}`, () => expect(batchEnds(sizes, total)).toEqual(expected));
  };
  check(undefined, 7, [7]);
  check([1, 3, '100%'], 10, [1, 4, 10]);
  check([1, 3, '100%'], 2, [1, 2]);
  check([2], 5, [2, 4, 5]);
  check(['30%'], 10, [3, 6, 9, 10]);
  check(['1%'], 10, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  check([1, 0], 3, undefined);
  check(['0%'], 3, undefined);
  check([5, 0], 3, [3]);
  check(undefined, 0, [0]);
});

it('batches ascend and end with the whole', () => {
  const size = fc.oneof(
    fc.integer({ min: 1, max: 50 }),
    fc.integer({ min: 1, max: 100 }).map((n) => `${n}%`),
  );
  fc.assert(
    fc.property(fc.array(size, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 300 }), (sizes, total) => {
      const ends = batchEnds(sizes, total) ?? [];
      expect(ends.at(-1)).toBe(total);
      expect(ends.every((end, i) => end > (ends[i - 1] ?? 0))).toBe(true);
    }),
  );
});
