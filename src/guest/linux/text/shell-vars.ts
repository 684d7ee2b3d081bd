/** Files of shell assignments (`KEY="value"`), read so that an edit can replace a value and nothing else. */
import { splitLines } from './lines.js';
import type { TextLine } from './lines.js';

export interface ShellVarLine extends TextLine {
  readonly key?: string;
  /** Without its quotes; escapes as written. */
  readonly value?: string;
  readonly quote: '' | '"' | "'";
  /** Place of the value between the quotes. */
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Reads assignments line by line; what is no assignment has no `key`. Never throws. */
export function parseShellVars(content: string): ShellVarLine[] {
  return splitLines(content).map((line) => {
    const none = { ...line, quote: '' as const, valueStart: 0, valueEnd: 0 };
    const assignment = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\+?=/.exec(line.text);
    if (assignment?.[1] === undefined) return none;
    const start = assignment[0].length;
    const rest = line.text.slice(start);
    const quote = rest[0] === '"' || rest[0] === "'" ? rest[0] : '';
    if (quote === '') {
      const value = /^[^\s#;]*/.exec(rest)?.[0] ?? '';
      return { ...line, key: assignment[1], value, quote, valueStart: start, valueEnd: start + value.length };
    }
    const end = closingQuote(rest, quote);
    // A value that goes on over several lines: its first line is all that is claimed here.
    const value = rest.slice(1, end ?? rest.length);
    return {
      ...line,
      key: assignment[1],
      value,
      quote,
      valueStart: start + 1,
      valueEnd: start + 1 + value.length,
    };
  });
}

function closingQuote(text: string, quote: string): number | undefined {
  for (let at = 1; at < text.length; at += 1) {
    if (text[at] === '\\' && quote === '"') at += 1;
    else if (text[at] === quote) return at;
  }
  return undefined;
}

/** The value of the last assignment to a key. */
export function shellValue(lines: readonly ShellVarLine[], key: string): string | undefined {
  return lines.findLast((line) => line.key === key)?.value;
}
