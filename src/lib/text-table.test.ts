import { describe, expect, it } from 'vitest';
import {
  displayWidth,
  markdownTable,
  markdownText,
  plainText,
  steadyText,
  textTable,
  truncateText,
} from './text-table.js';

describe('text tables', () => {
  it('aligns columns and leaves no spaces at the end', () => {
    const text = textTable(
      [{ head: 'wave' }, { head: 'VMs', align: 'right' }, { head: 'note' }],
      [
        ['pilot', '4', ''],
        ['main', '1200', 'big'],
      ],
    );
    expect(text).toBe('wave    VMs  note\npilot     4\nmain   1200  big\n');
  });

  it('counts columns of the terminal, not code units', () => {
    expect(displayWidth('日本')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('🚚')).toBe(2);
    expect(displayWidth('◌●↻')).toBe(3);
    expect(truncateText('日本語', 5)).toBe('日本…');
    expect(truncateText('abc', 3)).toBe('abc');
  });

  it('makes hostile text harmless', () => {
    expect(plainText('a\u001b[2Jb\u202ec')).toBe('a\\x1b[2Jb\\u{202e}c');
    expect(steadyText('a\u001b[2J\tb\n\u202e\u009b\r')).toBe('a\\u001b[2J\tb\n\\u202e\\u009b\\u000d');
    expect(JSON.parse(steadyText(JSON.stringify('\u202e\u009b')))).toBe('\u202e\u009b');
    expect(textTable([{ head: 'x' }], [['a\nb']])).toBe('x\na\\x0ab\n');
    expect(markdownText('<img src=x> | `a`\n# b')).toBe('&lt;img src=x&gt; \\| \\`a\\` # b');
  });

  it('writes Markdown with alignment', () => {
    expect(markdownTable([{ head: 'a' }, { head: 'n', align: 'right' }], [['x|y', '1']])).toBe(
      '| a | n |\n| --- | ---: |\n| x\\|y | 1 |\n',
    );
  });
});
