import type { PercentOrCount } from '../model/generated/playbook.js';
import { countOrPercent } from './sections.js';

/**
 * How many of `total` machines are covered after each batch. Sizes are numbers or percentages of the whole (rounded up);
 * the last one repeats until everything is covered. Undefined when that never happens.
 */
export function batchEnds(sizes: readonly PercentOrCount[] | undefined, total: number): readonly number[] | undefined {
  if (sizes === undefined || sizes.length === 0) return [total];
  const counts = sizes.map((size) => {
    const given = countOrPercent(size) ?? { percent: 100 };
    return 'count' in given ? given.count : Math.ceil((given.percent * total) / 100);
  });
  const ends: number[] = [];
  let covered = 0;
  for (let i = 0; covered < total; i += 1) {
    const size = counts[Math.min(i, counts.length - 1)] ?? 0;
    if (size <= 0) return undefined;
    covered = Math.min(total, covered + size);
    ends.push(covered);
  }
  return ends.length === 0 ? [0] : ends;
}
