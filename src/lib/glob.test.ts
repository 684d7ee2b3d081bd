import { describe, expect, it } from 'vitest';
import { matchesGlob } from './glob.js';

describe('matchesGlob', () => {
  const cases: readonly [string, string, boolean][] = [
    ['*', '', true],
    ['*.raw', 'disk.raw', true],
    ['*.raw', 'disk.raw.gz', false],
    ['disk?.img', 'disk1.img', true],
    ['disk?.img', 'disk.img', false],
    ['disk[0-9].img', 'disk7.img', true],
    ['disk[!0-9].img', 'disk7.img', false],
    ['disk[!0-9].img', 'diskx.img', true],
    ['[]', '[]', true],
    ['[', '[', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['a*b*c', 'aXXbYYc', true],
    ['a*b*c', 'aXXbYY', false],
    ['', '', true],
    ['', 'a', false],
  ];
  it.each(cases)('%j against %j is %j', (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected);
  });
  it('stays fast on patterns made to be slow', () => {
    const began = performance.now();
    expect(matchesGlob('*a'.repeat(60) + 'b', 'a'.repeat(5000))).toBe(false);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
