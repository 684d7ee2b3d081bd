import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Capture, lineSplitter } from './output.js';
import { versionLine } from './tool-version.js';

function split(chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = lineSplitter((line) => void lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

describe('splitting output into lines', () => {
  it('ends lines at LF, CR and CR LF', () => {
    expect(split([Buffer.from('a\nb\rc\r\nd')])).toEqual(['a', 'b', 'c', 'd']);
    expect(split([Buffer.from('    (10.00/100%)\r    (20.00/100%)\r')])).toEqual([
      '    (10.00/100%)',
      '    (20.00/100%)',
    ]);
    expect(split([Buffer.from('a\n\nb\n')])).toEqual(['a', '', 'b']);
  });

  it('does not depend on where the bytes were cut', () => {
    const text = fc
      .array(fc.constantFrom('a', 'ß', '\n', '\r\n', '€', 'x\r'), { maxLength: 40 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 8 }), (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const at = [...new Set([0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort(
          (a, b) => a - b,
        );
        const chunks = at.slice(1).map((end, n) => bytes.subarray(at[n], end));
        expect(split(chunks)).toEqual(split([bytes]));
      }),
    );
  });

  it('cuts lines that never end', () => {
    const lines = split([Buffer.alloc(200_000, 0x78)]);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(65_536);
  });
});

describe('keeping output', () => {
  it('keeps the end, or the beginning up to the limit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 100 }),
        (parts, limit) => {
          const whole = Buffer.concat(parts);
          const tail = new Capture(limit, true);
          const head = new Capture(limit, false);
          for (const part of parts) {
            tail.push(Buffer.from(part));
            head.push(Buffer.from(part));
          }
          expect(tail.bytes().equals(whole.subarray(Math.max(0, whole.length - limit)))).toBe(true);
          expect(head.bytes().equals(whole.subarray(0, limit))).toBe(true);
          expect(head.truncated).toBe(whole.length > limit);
        },
      ),
    );
  });
});

describe('the version a program tells', () => {
  it.each([
    ['qemu-img version 7.2.22 (Debian)\nCopyright', 'qemu-img version 7.2.22 (Debian)'],
    ['\nxmllint: using libxml version 20914\n   compiled with: Threads', 'xmllint: using libxml version 20914'],
    ['Usage: foo\nfoo 1.2', 'foo 1.2'],
    ['no number at all', 'no number at all'],
    ['\n\n', undefined],
  ])('%j', (text, expected) => {
    expect(versionLine(text)).toBe(expected);
  });
});
