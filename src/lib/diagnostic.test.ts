import { expect, it } from 'vitest';
import { hasErrors } from './diagnostic.js';
import type { Diagnostic } from './diagnostic.js';
import { formatPointer, parsePointer, pathText } from './json-pointer.js';

it('only errors are errors', () => {
  const of = (severity: Diagnostic['severity']): Diagnostic => ({ code: 'playbook.bad-set', severity, message: 'm' });
  expect(hasErrors([])).toBe(false);
  expect(hasErrors([of('warning'), of('info')])).toBe(false);
  expect(hasErrors([of('warning'), of('error')])).toBe(true);
});

it('pointers escape and read back', () => {
  const path = ['waves', '0', 'a/b', 'c~d', '~1', ''];
  expect(formatPointer(path)).toBe('/waves/0/a~1b/c~0d/~01/');
  expect(parsePointer(formatPointer(path))).toEqual(path);
  expect(parsePointer('')).toEqual([]);
  expect(parsePointer('no')).toBeUndefined();
  expect(parsePointer('/a~2')).toBeUndefined();
});

it('paths for people', () => {
  expect(pathText(['waves', 0, 'vms', '3', 'x-y'])).toBe('waves[0].vms[3].x-y');
  expect(pathText(['vars', 'a b'])).toBe('vars["a b"]');
});
