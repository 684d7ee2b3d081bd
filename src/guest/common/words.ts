/** Words of guestfish command lines. Much of what stands in them was written by whoever owned the guest. */
import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';

const CONTROL = /[\u0000-\u001f\u007f]/;

/** Characters that mean themselves to a shell and to mount option lists, whatever stands around them. */
const PLAIN = /^[A-Za-z0-9._@/+:=-]+$/;

/**
 * One word as guestfish reads it back. Throws `guest.unsafe-text` for control characters and for what guestfish would
 * take as something else than the word (`win:` paths, `-` and `-<<` for its own input).
 */
export function quoteWord(word: string): string {
  if (CONTROL.test(word)) {
    throw new DroverError({ code: 'guest.unsafe-text', message: `${showName(word)} holds control characters` });
  }
  if (/^win:/i.test(word) || word === '-' || word.startsWith('-<<')) {
    throw new DroverError({ code: 'guest.unsafe-text', message: `${showName(word)} has a meaning of its own here` });
  }
  return quote(word);
}

/** A script of Drover's own: line ends are allowed. */
export function quoteScript(text: string): string {
  if (text.includes('\0')) {
    throw new DroverError({ code: 'guest.unsafe-text', message: 'a script holds a NUL character' });
  }
  return quote(text);
}

function quote(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r');
  return `"${escaped}"`;
}

/** One command line: the command's name, then its words. */
export function commandLine(words: readonly string[]): string {
  const [command, ...rest] = words;
  if (command === undefined || !/^[a-z][a-z0-9-]*$/.test(command)) {
    throw new DroverError({ code: 'internal.bug', message: `${showName(command ?? '')} is no guestfish command` });
  }
  return [command, ...rest.map(quoteWord)].join(' ');
}

/** Whether a text may stand in a shell script of the appliance: no blank, quote, comma, glob, and no way upwards. */
export function isPlainWord(word: string): boolean {
  return PLAIN.test(word) && !word.startsWith('-') && !word.split('/').includes('..');
}

/** The word itself when it is plain. Throws `guest.unsafe-text` otherwise. */
export function plainWord(word: string): string {
  if (isPlainWord(word)) return word;
  throw new DroverError({
    code: 'guest.unsafe-text',
    message: `${showName(word)} holds characters that are not allowed in device names, mount points and mount options`,
  });
}

/** A word for a POSIX shell inside the guest. Throws `guest.unsafe-text` for control characters. */
export function shellWord(word: string): string {
  if (CONTROL.test(word)) {
    throw new DroverError({ code: 'guest.unsafe-text', message: `${showName(word)} holds control characters` });
  }
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
