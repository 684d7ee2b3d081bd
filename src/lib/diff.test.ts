import { describe, expect, it } from 'vitest';
import { changedLines } from './diff-myers.js';
import { unifiedDiff } from './diff.js';

const lines = (...texts: string[]): string => texts.map((t) => `${t}\n`).join('');

describe('unifiedDiff', () => {
  it('is empty when nothing changed', () => {
    expect(unifiedDiff('/etc/fstab', 'a\n', 'a\n')).toBe('');
  });

  it('writes the form that patch and git read', () => {
    const before = lines('1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11');
    const after = lines('1', '2', '3', '4', 'five', '6', '7', '8', '9', '10', '11', '12');
    expect(unifiedDiff('/etc/fstab', before, after)).toBe(
      [
        '--- a/etc/fstab',
        '+++ b/etc/fstab',
        '@@ -2,10 +2,11 @@',
        ' 2',
        ' 3',
        ' 4',
        '-5',
        '+five',
        ' 6',
        ' 7',
        ' 8',
        ' 9',
        ' 10',
        ' 11',
        '+12',
        '',
      ].join('\n'),
    );
  });

  it('splits changes that lie far apart into hunks', () => {
    const before = Array.from({ length: 30 }, (_, i) => `${i}\n`);
    const after = before.map((line, i) => (i === 3 || i === 20 ? `x${line}` : line));
    const heads = unifiedDiff('f', before.join(''), after.join(''))
      .split('\n')
      .filter((line) => line.startsWith('@@'));
    expect(heads).toEqual(['@@ -1,7 +1,7 @@', '@@ -18,7 +18,7 @@']);
  });

  it('marks a missing line feed at the end', () => {
    expect(unifiedDiff('f', 'a', 'a\n')).toBe('--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n');
  });

  it('names /dev/null for files that come or go', () => {
    expect(unifiedDiff('f', '', 'a\n', { kind: 'created' })).toBe('--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n');
    expect(unifiedDiff('f', 'a\n', '', { kind: 'removed' })).toBe('--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n');
  });

  it('gives a note for binary content', () => {
    expect(unifiedDiff('/boot/x', 'a\0b', 'é')).toBe('Binary file boot/x differs (3 -> 2 bytes)\n');
  });

  it('quotes a name that would forge a line', () => {
    const [head] = unifiedDiff('/a\n+++ b/passwd', '1\n', '2\n').split('\n');
    expect(head).toBe('--- "a/a\\n+++ b/passwd"');
  });

  it('is cut with a count of what is missing', () => {
    const after = Array.from({ length: 5000 }, (_, i) => `line ${i}\n`).join('');
    const diff = unifiedDiff('f', '', after, { maxBytes: 1000 });
    expect(Buffer.byteLength(diff)).toBeLessThanOrEqual(1000);
    expect(diff).toMatch(/\n\.\.\. diff cut: 4\d{3} more lines\n$/);
  });

  it('stays quick on long texts with nothing in common', () => {
    const a = Array.from({ length: 20_000 }, (_, i) => `a${i}\n`);
    const b = Array.from({ length: 20_000 }, (_, i) => (i % 100 === 0 ? `a${i}\n` : `b${i}\n`));
    const begin = performance.now();
    const { removed, added } = changedLines(a, b);
    expect(performance.now() - begin).toBeLessThan(4000);
    expect(a.filter((_, i) => removed[i] === 0)).toEqual(b.filter((_, j) => added[j] === 0));
  });
});
