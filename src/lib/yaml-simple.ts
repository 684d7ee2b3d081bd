/**
 * A fast reader for the plain part of YAML that large generated playbooks consist of: block maps and lists, flow
 * collections on one line, quoted text without escapes, plain text on one line.
 *
 * It is an accelerator and nothing else. Whatever it does not know for certain (anchors, tags, escapes, block text,
 * tabs, odd numbers, every error) makes it give up, and the full parser reads the text from its start. A test compares
 * both on every playbook there is and on random texts.
 */
import type { Spot } from './located.js';
import { FORBIDDEN_KEYS } from './yaml-limits.js';
import type { YamlLimits } from './yaml-limits.js';

/** Characters that the full parser has rules for: control characters, tabs, carriage returns, odd line breaks. */
const UNUSUAL = /[\0-\t\v-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/;
const PLAIN_KEY = /[A-Za-z_$][A-Za-z0-9_./$-]*/y;
const PLAIN_START = /[A-Za-z0-9_./$(~+=<-]/;
/** Keys and texts that the core schema reads as something else than text. */
const WORDS = /^(?:~|null|Null|NULL|true|True|TRUE|false|False|FALSE)$/;
const PLAIN_INTEGER = /^(?:0|[1-9][0-9]{0,14})$/;
/** Everything else that could be a number is left to the full parser. */
const ODD_NUMBER = /^[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?|\.(?:inf|nan))$|^0[xo]/i;

/** Thrown to leave the reader from any depth; never seen outside this file. */
const GIVE_UP = new Error('not simple');
/** The full parser refuses longer keys. */
const LONGEST_KEY = 1000;

interface Built {
  readonly value: unknown;
  readonly spot: Spot;
}

/** Reads a text if all of it is simple. Undefined when the full parser has to decide. */
export function parseSimpleYaml(text: string, limits: YamlLimits): { value: unknown; root: Spot } | undefined {
  if (UNUSUAL.test(text)) return undefined;
  try {
    const { value, spot } = new SimpleReader(text, limits).read();
    return { value, root: spot };
  } catch (thrown) {
    if (thrown === GIVE_UP) return undefined;
    throw thrown;
  }
}

function giveUp(): never {
  throw GIVE_UP;
}

class SimpleReader {
  readonly #text: string;
  readonly #limits: YamlLimits;
  /** Where reading goes on. */
  #at = 0;
  #nodes = 0;

  constructor(text: string, limits: YamlLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  read(): Built {
    let indent = this.#nextLine();
    if (this.#text.startsWith('---\n', this.#at)) {
      this.#at += 4;
      indent = this.#nextLine();
    }
    if (indent !== 0) giveUp();
    const built = this.#map(0, 0, -1, -1);
    if (this.#nextLine() !== -1) giveUp();
    return built;
  }

  /** From a line's start to the next line that holds something; its indentation, or -1 at the end of the text. */
  #nextLine(): number {
    const text = this.#text;
    for (;;) {
      let at = this.#at;
      while (text.charCodeAt(at) === 32) at += 1;
      if (at >= text.length) {
        this.#at = at;
        return -1;
      }
      const char = text[at];
      if (char !== '\n' && char !== '#') {
        const indent = at - this.#at;
        // Document markers and directives stand at the start of a line.
        if (indent === 0 && (char === '%' || text.startsWith('...', at))) giveUp();
        return indent;
      }
      const end = text.indexOf('\n', at);
      this.#at = end === -1 ? text.length : end + 1;
    }
  }

  #count(depth: number): void {
    this.#nodes += 1;
    if (this.#nodes > this.#limits.nodes || depth > this.#limits.depth) giveUp();
  }

  /** Spaces and a comment up to the end of the line, and past it. */
  #endLine(): void {
    const text = this.#text;
    const from = this.#at;
    let at = from;
    while (text.charCodeAt(at) === 32) at += 1;
    if (text[at] === '#' && at > from) {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end;
    }
    if (at < text.length && text[at] !== '\n') giveUp();
    this.#at = at + 1;
  }

  #isLineOver(): boolean {
    const text = this.#text;
    let at = this.#at;
    while (text.charCodeAt(at) === 32) at += 1;
    return at >= text.length || text[at] === '\n' || (text[at] === '#' && at > this.#at);
  }

  #isDash(at: number): boolean {
    const after = this.#text[at + 1];
    return this.#text[at] === '-' && (after === ' ' || after === '\n' || after === undefined);
  }

  /** A block map whose first key stands at `this.#at + indent` of a fresh line, or at `this.#at` when compact. */
  #map(indent: number, depth: number, keyStart: number, keyEnd: number, compactAt?: number): Built {
    this.#count(depth);
    const value: Record<string, unknown> = {};
    const children = new Map<string, Spot>();
    const start = compactAt ?? this.#at + indent;
    let at = start;
    let end = start;
    for (;;) {
      this.#at = at;
      const from = at;
      const key = this.#key(false);
      const to = this.#at;
      if (this.#text[to] !== ':') giveUp();
      const after = this.#text[to + 1];
      if (after !== ' ' && after !== '\n' && after !== undefined) giveUp();
      this.#at = to + 1;
      if (key.length > LONGEST_KEY || FORBIDDEN_KEYS.has(key) || children.has(key)) giveUp();
      const built = this.#mapValue(indent, depth + 1, from, to);
      value[key] = built.value;
      children.set(key, built.spot);
      end = built.spot.end;
      const next = this.#nextLine();
      if (next < indent) break;
      if (next > indent) giveUp();
      at = this.#at + indent;
      // A list at the same indentation belongs to the map's parent only if the parent is such a list.
      if (this.#isDash(at)) giveUp();
    }
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children } };
  }

  #mapValue(indent: number, depth: number, keyStart: number, keyEnd: number): Built {
    if (!this.#isLineOver()) return this.#inline(depth, keyStart, keyEnd);
    const colon = this.#at;
    this.#endLine();
    const next = this.#nextLine();
    if (next > indent) return this.#block(next, depth, keyStart, keyEnd);
    if (next === indent && this.#isDash(this.#at + indent)) return this.#list(indent, depth, keyStart, keyEnd);
    this.#count(depth);
    return { value: null, spot: { keyStart, keyEnd, start: colon, end: colon, plain: true, children: undefined } };
  }

  #block(indent: number, depth: number, keyStart: number, keyEnd: number): Built {
    return this.#isDash(this.#at + indent)
      ? this.#list(indent, depth, keyStart, keyEnd)
      : this.#map(indent, depth, keyStart, keyEnd);
  }

  #list(indent: number, depth: number, keyStart: number, keyEnd: number, compactAt?: number): Built {
    this.#count(depth);
    const value: unknown[] = [];
    const children: Spot[] = [];
    const start = compactAt ?? this.#at + indent;
    let at = start;
    let end = start;
    for (;;) {
      this.#at = at + 1;
      const built = this.#listItem(indent, at, depth + 1);
      value.push(built.value);
      children.push(built.spot);
      end = built.spot.end;
      const next = this.#nextLine();
      if (next < indent) break;
      if (next > indent) giveUp();
      at = this.#at + indent;
      if (!this.#isDash(at)) break;
    }
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children } };
  }

  #listItem(indent: number, dash: number, depth: number): Built {
    if (this.#isLineOver()) {
      this.#endLine();
      const next = this.#nextLine();
      if (next > indent) return this.#block(next, depth, -1, -1);
      this.#count(depth);
      const empty = dash + 1;
      return {
        value: null,
        spot: { keyStart: -1, keyEnd: -1, start: empty, end: empty, plain: true, children: undefined },
      };
    }
    while (this.#text.charCodeAt(this.#at) === 32) this.#at += 1;
    const inner = indent + (this.#at - dash);
    if (this.#isDash(this.#at)) return this.#list(inner, depth, -1, -1, this.#at);
    if (this.#startsPair()) return this.#map(inner, depth, -1, -1, this.#at);
    return this.#inline(depth, -1, -1);
  }

  /** Whether `key:` stands here. Leaves the position as it is. */
  #startsPair(): boolean {
    const at = this.#at;
    const first = this.#text[at];
    let end = -1;
    if (first === '"' || first === "'") {
      end = this.#text.indexOf(first, at + 1) + 1;
      if (end === 0) giveUp();
    } else {
      PLAIN_KEY.lastIndex = at;
      if (PLAIN_KEY.test(this.#text)) end = PLAIN_KEY.lastIndex;
    }
    const after = this.#text[end + 1];
    return end > 0 && this.#text[end] === ':' && (after === ' ' || after === '\n' || after === undefined);
  }

  #key(inFlow: boolean): string {
    const at = this.#at;
    const first = this.#text[at];
    if (first === '"' || first === "'") return this.#quoted(first);
    PLAIN_KEY.lastIndex = at;
    if (!PLAIN_KEY.test(this.#text)) giveUp();
    this.#at = PLAIN_KEY.lastIndex;
    const key = this.#text.slice(at, this.#at);
    if (WORDS.test(key) || (inFlow && this.#text[this.#at] !== ':')) giveUp();
    return key;
  }

  /** Quoted text on one line without escapes. */
  #quoted(quote: string): string {
    const from = this.#at + 1;
    const end = this.#text.indexOf(quote, from);
    if (end === -1) giveUp();
    const inner = this.#text.slice(from, end);
    if (inner.includes('\n') || (quote === '"' && inner.includes('\\'))) giveUp();
    this.#at = end + 1;
    if (this.#text[this.#at] === quote) giveUp();
    return inner;
  }

  /** A value on the rest of this line; ends at the start of the next one. */
  #inline(depth: number, keyStart: number, keyEnd: number): Built {
    while (this.#text.charCodeAt(this.#at) === 32) this.#at += 1;
    const built = this.#flowValue(depth, keyStart, keyEnd, false);
    this.#endLine();
    return built;
  }

  #flowValue(depth: number, keyStart: number, keyEnd: number, inFlow: boolean): Built {
    this.#count(depth);
    const start = this.#at;
    const first = this.#text[start] ?? '';
    if (first === '[') return this.#flowList(depth, keyStart, keyEnd);
    if (first === '{') return this.#flowMap(depth, keyStart, keyEnd);
    if (first === '"' || first === "'") {
      const value = this.#quoted(first);
      const end = this.#at;
      return { value, spot: { keyStart, keyEnd, start, end, plain: false, children: undefined } };
    }
    const value = this.#plain(inFlow);
    const end = this.#at;
    return { value, spot: { keyStart, keyEnd, start, end, plain: true, children: undefined } };
  }

  #plain(inFlow: boolean): unknown {
    const text = this.#text;
    const start = this.#at;
    if (!PLAIN_START.test(text[start] ?? '') || this.#isDash(start)) giveUp();
    let at = start;
    for (; at < text.length; at += 1) {
      const char = text[at];
      if (char === '\n' || (char === '#' && text[at - 1] === ' ')) break;
      if (inFlow && (char === ',' || char === '[' || char === ']' || char === '{' || char === '}')) break;
      if (char === ':') {
        const after = text[at + 1];
        if (after === ' ' || after === '\n' || after === undefined) giveUp();
        if (inFlow && /[,[\]{}]/.test(after)) giveUp();
      }
    }
    // A plain text may go on in the next line of a flow collection.
    if (inFlow && (text[at] === '\n' || text[at] === '#' || at >= text.length)) giveUp();
    while (text[at - 1] === ' ') at -= 1;
    this.#at = at;
    return resolvePlain(text.slice(start, at));
  }

  #skipSpaces(): string {
    while (this.#text.charCodeAt(this.#at) === 32) this.#at += 1;
    const char = this.#text[this.#at];
    if (char === undefined || char === '\n' || char === '#') giveUp();
    return char;
  }

  #flowList(depth: number, keyStart: number, keyEnd: number): Built {
    const start = this.#at;
    const value: unknown[] = [];
    const children: Spot[] = [];
    this.#at += 1;
    let char = this.#skipSpaces();
    while (char !== ']') {
      const built = this.#flowValue(depth + 1, -1, -1, true);
      value.push(built.value);
      children.push(built.spot);
      char = this.#skipSpaces();
      if (char === ']') break;
      if (char !== ',') giveUp();
      this.#at += 1;
      char = this.#skipSpaces();
      if (char === ']') giveUp();
    }
    this.#at += 1;
    const end = this.#at;
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children } };
  }

  #flowMap(depth: number, keyStart: number, keyEnd: number): Built {
    const start = this.#at;
    const value: Record<string, unknown> = {};
    const children = new Map<string, Spot>();
    this.#at += 1;
    let char = this.#skipSpaces();
    while (char !== '}') {
      const from = this.#at;
      const key = this.#key(true);
      const to = this.#at;
      if (this.#text[to] !== ':' || this.#text[to + 1] !== ' ') giveUp();
      if (key.length > LONGEST_KEY || FORBIDDEN_KEYS.has(key) || children.has(key)) giveUp();
      this.#at = to + 1;
      char = this.#skipSpaces();
      if (char === ',' || char === '}') giveUp();
      const built = this.#flowValue(depth + 1, from, to, true);
      value[key] = built.value;
      children.set(key, built.spot);
      char = this.#skipSpaces();
      if (char === '}') break;
      if (char !== ',') giveUp();
      this.#at += 1;
      char = this.#skipSpaces();
      if (char === '}') giveUp();
    }
    this.#at += 1;
    const end = this.#at;
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children } };
  }
}

function resolvePlain(text: string): unknown {
  const first = text.charCodeAt(0);
  const isDigit = first >= 48 && first <= 57;
  if (isDigit && PLAIN_INTEGER.test(text)) return Number(text);
  if ((isDigit || text[0] === '-' || text[0] === '+' || text[0] === '.') && ODD_NUMBER.test(text)) giveUp();
  if (text.length <= 5 && WORDS.test(text)) {
    if (/^[tT]/.test(text)) return true;
    return /^[fF]/.test(text) ? false : null;
  }
  return text;
}
