import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitLines } from './diff-lines.js';
import { changedLines } from './diff-myers.js';
import { unifiedDiff } from './diff.js';

const line = fc.constantFrom('a\n', 'b\n', 'c\n', 'd e\n', '\n', '--- x\n', '@@ y\n');
const text = fc
  .tuple(fc.array(line, { maxLength: 40 }), fc.constantFrom('', 'tail', 'a'))
  .map(([lines, tail]) => lines.join('') + tail);

/** A plain patch program: applies a unified diff to a text, checking every context and removed line. */
function applyPatch(before: string, diff: string): string {
  if (diff === '') return before;
  const old = splitLines(before);
  const out: string[] = [];
  let at = 0;
  const rows = splitLines(diff).slice(2);
  for (let r = 0; r < rows.length; r += 1) {
    const row = rows[r] ?? '';
    const head = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@/.exec(row);
    if (head !== null) {
      const start = Number(head[1]) - (head[2] === '0' ? 0 : 1);
      out.push(...old.slice(at, start));
      at = start;
      continue;
    }
    const bare = rows[r + 1]?.startsWith('\\ ') === true;
    const content = bare ? row.slice(1, -1) : row.slice(1);
    if (bare) r += 1;
    if (row.startsWith('+')) out.push(content);
    else {
      expect(old[at]).toBe(content);
      at += 1;
      if (row.startsWith(' ')) out.push(content);
    }
  }
  out.push(...old.slice(at));
  return out.join('');
}

/** Length of the longest common subsequence by the quadratic textbook table. */
function commonLines(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    for (const [j, y] of b.entries()) next.push(x === y ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0));
    row = next;
  }
  return row.at(-1) ?? 0;
}

describe('unifiedDiff', () => {
  it('applied to the old text gives the new text', () => {
    fc.assert(
      fc.property(text, text, fc.integer({ min: 0, max: 4 }), (before, after, context) => {
        expect(applyPatch(before, unifiedDiff('f', before, after, { context }))).toBe(after);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds a shortest edit script', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), fc.array(line, { maxLength: 30 }), (a, b) => {
        const { removed, added } = changedLines(a, b);
        const kept = a.filter((_, i) => removed[i] === 0);
        expect(kept).toEqual(b.filter((_, j) => added[j] === 0));
        expect(kept.length).toBe(commonLines(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  it('never exceeds its bound', () => {
    fc.assert(
      fc.property(text, text, fc.integer({ min: 64, max: 400 }), (before, after, maxBytes) => {
        expect(Buffer.byteLength(unifiedDiff('f', before, after, { maxBytes }))).toBeLessThanOrEqual(maxBytes);
      }),
    );
  });
});
