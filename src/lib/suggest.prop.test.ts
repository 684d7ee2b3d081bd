import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, suggest } from './suggest.js';

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '_', 'D'), maxLength: 10 });

describe('suggestions', () => {
  it('measure the same distance both ways', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
      }),
    );
  });

  it('have distance 0 exactly for equal words, and at most the longer length', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });

  it('find every single edit of a long word', () => {
    const names = ['maxFailures', 'firmware', 'keepIntermediates'];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), fc.constantFrom('q', ''), (name, at, replacement) => {
        const i = at % name.length;
        const typed = name.slice(0, i) + replacement + name.slice(i + 1);
        expect(suggest(typed, names)[0]).toBe(name);
      }),
    );
  });

  it('are candidates, at most three, without repetition, whatever the order of the candidates', () => {
    fc.assert(
      fc.property(word, fc.array(word), (typed, candidates) => {
        const found = suggest(typed, candidates);
        expect(found.length).toBeLessThanOrEqual(3);
        expect(new Set(found).size).toBe(found.length);
        for (const name of found) expect(candidates).toContain(name);
        expect(suggest(typed, [...candidates].reverse())).toEqual(found);
      }),
    );
  });
});
