import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConsoleText } from './console-text.js';

function lines(bytes: Buffer, size = bytes.length): { readonly lines: string[]; readonly rest: string } {
  const out: string[] = [];
  const text = new ConsoleText((line) => out.push(line));
  for (let at = 0; at < bytes.length; at += size) text.push(bytes.subarray(at, at + size));
  return { lines: out, rest: text.rest };
}

describe('console text', () => {
  it.each([
    ['colours', '[\x1b[0;32m  OK  \x1b[0m] Started \x1b[1mssh\x1b[0m.\r\n', ['[  OK  ] Started ssh.']],
    ['a prompt without an end', 'web01 login: ', []],
    [
      'lines that are written over',
      '[*     ] A start job\r[ *    ] A start job\r\n',
      ['[*     ] A start job', '[ *    ] A start job'],
    ],
    [
      'a boot menu drawn by cursor movements',
      '\x1b[2J\x1b[1;1HGNU GRUB\x1b[3;4H*Debian\x1b[24;80H',
      ['GNU GRUB', '*Debian'],
    ],
    ['titles and other strings', '\x1b]0;title\x07hello\r\n\x1bP1$r0m\x1b\\world\r\n', ['hello', 'world']],
    ['character sets and single escapes', '\x1b(Bplain\x1b=\x1b>\r\n', ['plain']],
    ['control characters', 'a\x00b\x07c\x08d\x7fe\u009bf\r\n', ['abcdef']],
    ['bytes that are no text', Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a]), ['a\ufffd\ufffdb']],
    ['an escape that never ends', '\x1b[0;0;0;0', []],
  ])('of %s', (_, input, expected) => {
    expect(lines(Buffer.isBuffer(input) ? input : Buffer.from(input)).lines).toEqual(expected);
  });

  it('shows the prompt as the rest', () => expect(lines(Buffer.from('x\r\nweb01 login: ')).rest).toBe('web01 login: '));

  it('does not depend on how the stream is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (text, size) => {
        const bytes = Buffer.from(text.replaceAll('~', '\x1b[1;31m').replaceAll('}', '\x1b'));
        expect(lines(bytes, size)).toEqual(lines(bytes));
      }),
    );
  });

  it('never lets a control character through', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const seen = lines(Buffer.from(bytes));
        expect([...seen.lines, seen.rest].join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });

  it('cuts a line that never ends', () => {
    const text = new ConsoleText(() => undefined, 1000);
    text.push(Buffer.alloc(1_000_000, 'x'));
    expect(text.rest).toHaveLength(1000);
  });
});
