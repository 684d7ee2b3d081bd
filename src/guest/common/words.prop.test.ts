import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DroverError } from '../../lib/error.js';
import { commandLine, isPlainWord, quoteScript, quoteWord, shellWord } from './words.js';

/** Reads words the way guestfish does: blanks separate, double quotes hold, a backslash escapes inside them. */
function guestfishWords(line: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    if (line[at] === ' ') {
      at += 1;
      continue;
    }
    if (line[at] !== '"') {
      const end = line.indexOf(' ', at) === -1 ? line.length : line.indexOf(' ', at);
      words.push(line.slice(at, end));
      at = end;
      continue;
    }
    let word = '';
    for (at += 1; line[at] !== '"'; at += 1) {
      if (at >= line.length) throw new Error('unterminated quote');
      if (line[at] !== '\\') word += line[at];
      else {
        at += 1;
        word += { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"' }[line[at] ?? ''] ?? '?';
      }
    }
    at += 1;
    if (at < line.length && line[at] !== ' ') throw new Error('a quoted word ends at a blank');
    words.push(word);
  }
  return words;
}

function rejects(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return error instanceof DroverError && error.code === 'guest.unsafe-text';
  }
}

const anything = fc.string({ unit: 'binary', maxLength: 60 });

const control = /[\u0000-\u001f\u007f]/;

test('a word comes back as it was, or is refused', () => {
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 5 }), (words) => {
      if (words.some((word) => rejects(() => quoteWord(word)))) {
        expect(rejects(() => commandLine(['cat', ...words]))).toBe(true);
        return;
      }
      expect(guestfishWords(commandLine(['cat', ...words]))).toEqual(['cat', ...words]);
    }),
  );
});

test('control characters, and what guestfish takes for its own, are refused', () => {
  fc.assert(
    fc.property(anything, (word) => {
      const isSpecial = control.test(word) || /^win:/i.test(word) || word === '-' || word.startsWith('-<<');
      expect(rejects(() => quoteWord(word))).toBe(isSpecial);
    }),
  );
  for (const word of ['a\nrm-rf /', 'a\0b', 'WIN:c:\\x', '-', '-<<END'])
    expect(rejects(() => quoteWord(word))).toBe(true);
});

test('a script keeps its lines', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 80 }), (text) => {
      const script = `a\n\t${text}"\\\n`;
      expect(guestfishWords(quoteScript(script))).toEqual([script]);
    }),
  );
});

test('a plain word cannot end a word, begin an option or lead upwards', () => {
  fc.assert(
    fc.property(anything, (word) => {
      if (!isPlainWord(word)) return;
      expect(word).not.toMatch(/[\s,'"`$;&|<>()*?[\]{}~#\\!]/);
      expect(word.startsWith('-')).toBe(false);
      expect(word.split('/')).not.toContain('..');
    }),
  );
  expect(isPlainWord('subvol=@home')).toBe(true);
  expect(isPlainWord('/srv/../etc')).toBe(false);
});

test('a shell word holds no unquoted character', () => {
  fc.assert(
    fc.property(anything, (word) => {
      if (rejects(() => shellWord(word))) return;
      // Taking the quoted parts and the escaped quotes away leaves nothing.
      expect(shellWord(word).replace(/'[^']*'|\\'/g, '')).toBe('');
      expect(shellWord(word).replaceAll(`'\\''`, '\u0000').slice(1, -1).replaceAll('\u0000', "'")).toBe(word);
    }),
  );
});
