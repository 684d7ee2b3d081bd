import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exactSize, formatDuration, formatSize, parseDuration, parseSize } from './units.js';

const bytes = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(100_000),
  fc.tuple(fc.nat(8000), fc.integer({ min: 0, max: 4 })).map(([n, power]) => n * 1024 ** power),
);

it('sizes read back as what was written', () => {
  fc.assert(
    fc.property(bytes, (size) => {
      expect(parseSize(exactSize(size))).toBe(size);
    }),
  );
});

it('sizes for people are within one percent, and never 1024 of a unit', () => {
  fc.assert(
    fc.property(bytes, (size) => {
      const [, number = '', unit = ''] = /^([\d.]+) ([KMGTP]i)?B$/.exec(formatSize(size)) ?? [];
      const factor = 1024 ** ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'].indexOf(unit);
      expect(Math.abs(Number(number) * factor - size)).toBeLessThanOrEqual(size * 0.01);
      if (unit !== 'Pi') expect(Number(number)).toBeLessThan(1024);
    }),
  );
});

it('durations add up', () => {
  const units = [86_400_000, 3_600_000, 60_000, 1000, 1];
  const names = ['d', 'h', 'm', 's', 'ms'];
  fc.assert(
    fc.property(fc.tuple(...units.map(() => fc.option(fc.nat(1000)))), (counts) => {
      const parts = counts.map((count, i) => (count === null ? '' : `${count}${names[i]}`));
      const total = counts.reduce<number>((sum, count, i) => sum + (count ?? 0) * (units[i] ?? 0), 0);
      if (parts.join('') !== '') expect(parseDuration(parts.join(''))).toBe(total);
    }),
  );
});

it('durations for people are close and never overflow their unit', () => {
  fc.assert(
    fc.property(fc.nat(10 ** 9), (ms) => {
      const text = formatDuration(ms);
      expect(text).not.toMatch(/(?:^|[a-z])60(?:\.0)?[sm]/);
      const read = parseDuration(text) ?? NaN;
      expect(Math.abs(read - ms)).toBeLessThanOrEqual(ms < 60_000 ? 50 : ms < 3_600_000 ? 500 : 30_000);
    }),
    // Rounding twice, to seconds and then to minutes, was half a second too much.
    { examples: [[428_609_500]] },
  );
});
