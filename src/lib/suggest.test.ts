import { describe, expect, it } from 'vitest';
import { editDistance, suggest, tolerance } from './suggest.js';

describe('editDistance', () => {
  const check = (a: string, b: string, expected: number): void => {
    it(`${a} -> ${b} is ${expected}`, () => expect(editDistance(a, b)).toBe(expected));
  };
  check('', '', 0);
  check('', 'abc', 3);
  check('memory', 'memory', 0);
  check('memroy', 'memory', 1);
  check('qcow', 'qcow2', 1);
  check('kitten', 'sitting', 3);
  // The mark of optimal string alignment: no part is edited twice, so this is not 2.
  check('ca', 'abc', 3);
});

describe('tolerance', () => {
  it.each([
    [1, 1],
    [3, 1],
    [5, 1],
    [6, 2],
    [8, 2],
    [9, 3],
    [30, 3],
  ])('of %i letters is %i', (length, expected) => expect(tolerance(length)).toBe(expected));
});

describe('suggest', () => {
  const check = (word: string, candidates: string[], expected: string[]): void => {
    it(`${word} among ${candidates.join(',')}`, () => expect(suggest(word, candidates)).toEqual(expected));
  };
  check('memroy', ['memory', 'machine', 'nics'], ['memory']);
  check('Firmware', ['firmware'], ['firmware']);
  check('on_failure', ['onFailure', 'maxFailures'], ['onFailure']);
  check('xyz', ['abc'], []);
  check('mem', ['memory'], []);
  // A prefix match goes before a smaller or equal distance, then the alphabet decides.
  check('qcow', ['qcov', 'qcow2', 'qcaw'], ['qcow2', 'qcaw', 'qcov']);
  check('web0', ['web04', 'web02', 'web03', 'web01'], ['web01', 'web02', 'web03']);
  // What is spelled right is not a suggestion for itself.
  check('disk', ['disk', 'disks'], ['disks']);
  it('does not compare what nobody types', () => expect(suggest('x'.repeat(300), ['x'.repeat(301)])).toEqual([]));
});
