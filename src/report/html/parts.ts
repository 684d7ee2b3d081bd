import { h } from './markup.js';
import type { Markup, Value } from './markup.js';

const TONES: Readonly<Record<string, string>> = {
  succeeded: 'good',
  pass: 'good',
  clean: 'good',
  changed: 'good',
  degraded: 'warn',
  warned: 'warn',
  inconclusive: 'warn',
  partial: 'warn',
  cancelled: 'warn',
  leaks: 'warn',
  interrupted: 'warn',
  failed: 'bad',
  fail: 'bad',
  halted: 'bad',
  unavailable: 'bad',
  running: 'live',
};

/** How a state looks; states that are neither good nor bad have no tone. */
export function tone(state: string): string {
  return TONES[state] ?? '';
}

/** A state as a coloured word. */
export function badge(state: string, text: string = state): Markup {
  return h`<span class="badge ${tone(state)}">${text}</span>`;
}

export function code(text: string): Markup {
  return h`<code>${text}</code>`;
}

/** A sentence in which `backticks` mark commands and names. */
export function prose(text: string): Markup {
  return h`${text.split('`').map((part, at, all) => (at % 2 === 1 && at < all.length - 1 ? code(part) : at % 2 === 1 ? `\`${part}` : part))}`;
}

/** A table that scrolls sideways by itself on a narrow screen. Columns whose head begins with `#` hold numbers. */
export function table(head: readonly string[], rows: readonly (readonly Value[])[]): Markup {
  const isNumber = head.map((cell) => cell.startsWith('#'));
  const cells = head.map((cell, at) => h`<th${numeric(isNumber[at])}>${cell.replace(/^#/, '')}</th>`);
  const lines = rows.map((row) => h`<tr>${row.map((cell, at) => h`<td${numeric(isNumber[at])}>${cell}</td>`)}</tr>\n`);
  return h`<div class="scroll"><table><thead><tr>${cells}</tr></thead><tbody>\n${lines}</tbody></table></div>`;
}

function numeric(isNumber: boolean | undefined): Markup | undefined {
  return isNumber === true ? h` class="num"` : undefined;
}

/** A part that opens on a click. */
export function fold(summary: Value, note: Value, content: Value, isOpen = false): Markup {
  const soft = note === undefined || note === '' ? undefined : h` <span class="soft">${note}</span>`;
  return h`<details${isOpen ? h` open` : undefined}><summary>${summary}${soft}</summary><div>${content}</div></details>\n`;
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
