/** JSON and newline-delimited JSON with the place of every key and value. */
import type { Checked, Diagnostic } from './diagnostic.js';
import type { ErrorCode } from './catalog/index.js';
import { locatedDocument, placesIn } from './located.js';
import type { LocatedDocument, Spot } from './located.js';
import { FORBIDDEN_KEYS, YAML_LIMITS } from './yaml-limits.js';

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
const SPACE = /[ \t\r\n]*/y;

interface Built {
  readonly value: unknown;
  readonly spot: Spot;
}

/** The first mistake ends the reading of a text (of a line, for newline-delimited JSON). */
class JsonMistake extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly start: number,
    readonly end: number,
  ) {
    super(message);
  }
}

/** Reads one JSON document. Never throws. */
export function parseLocatedJson(text: string, file: string): Checked<LocatedDocument> {
  return attempt(text, file, () => {
    const reader = new JsonReader(text, text.length);
    const built = reader.document(text.startsWith('\ufeff') ? 1 : 0);
    return locatedDocument(file, text, built.value, built.spot);
  });
}

/** Reads one JSON value per line; the document's value is the list of them. Blank lines are skipped. Never throws. */
export function parseLocatedNdjson(text: string, file: string): Checked<LocatedDocument> {
  const values: unknown[] = [];
  const children: Spot[] = [];
  const diagnostics: Diagnostic[] = [];
  for (let start = text.startsWith('\ufeff') ? 1 : 0; start < text.length;) {
    const feed = text.indexOf('\n', start);
    const end = feed === -1 ? text.length : feed;
    if (text.slice(start, end).trim() !== '') {
      const line = attempt(text, file, () => new JsonReader(text, end).document(start));
      diagnostics.push(...line.diagnostics);
      if (line.value !== undefined) {
        values.push(line.value.value);
        children.push(line.value.spot);
      }
    }
    start = end + 1;
  }
  if (diagnostics.length > 0) return { diagnostics };
  const root: Spot = { keyStart: -1, keyEnd: -1, start: 0, end: text.length, plain: false, children };
  return { value: locatedDocument(file, text, values, root), diagnostics: [] };
}

function attempt<T>(text: string, file: string, read: () => T): Checked<T> {
  try {
    return { value: read(), diagnostics: [] };
  } catch (thrown) {
    if (!(thrown instanceof JsonMistake)) throw thrown;
    const location = placesIn(file, text)(thrown.start, thrown.end);
    return { diagnostics: [{ code: thrown.code, severity: 'error', message: thrown.message, location }] };
  }
}

class JsonReader {
  #at = 0;

  constructor(
    readonly text: string,
    readonly end: number,
  ) {}

  document(from: number): Built {
    this.#at = from;
    const built = this.#value(0, -1, -1);
    this.#skipSpace();
    if (this.#at < this.end) this.#fail('text follows the JSON value');
    return built;
  }

  #fail(message: string, at = this.#at, end = at + 1): never {
    throw new JsonMistake('playbook.bad-list', `not valid JSON: ${message}`, Math.min(at, this.end), end);
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.text);
    this.#at = Math.min(SPACE.lastIndex, this.end);
  }

  #value(depth: number, keyStart: number, keyEnd: number): Built {
    if (depth > YAML_LIMITS.depth) this.#fail(`nested over ${YAML_LIMITS.depth} levels`);
    this.#skipSpace();
    const start = this.#at;
    const char = start < this.end ? this.text[start] : undefined;
    if (char === '{') return this.#map(depth, keyStart, keyEnd);
    if (char === '[') return this.#list(depth, keyStart, keyEnd);
    const value = char === '"' ? this.#string() : this.#word(start);
    const end = this.#at;
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children: undefined } };
  }

  #word(start: number): unknown {
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (this.text.startsWith(word, start)) {
        this.#at = start + word.length;
        return value;
      }
    }
    NUMBER.lastIndex = start;
    if (!NUMBER.test(this.text) || NUMBER.lastIndex > this.end) this.#fail('a value is expected here');
    this.#at = NUMBER.lastIndex;
    const value = Number(this.text.slice(start, this.#at));
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new JsonMistake('playbook.out-of-range', 'this number is too large to be exact', start, this.#at);
    }
    return value;
  }

  #string(): string {
    const start = this.#at;
    let at = start + 1;
    while (at < this.end && this.text[at] !== '"') at += this.text[at] === '\\' ? 2 : 1;
    if (at >= this.end) this.#fail('a text does not end', start, this.end);
    this.#at = at + 1;
    const written = this.text.slice(start, this.#at);
    try {
      return JSON.parse(written) as string;
    } catch {
      // Control characters and unknown escapes: the only mistakes a delimited text can hold.
      return this.#fail('a text holds a control character or an unknown escape', start, this.#at);
    }
  }

  #list(depth: number, keyStart: number, keyEnd: number): Built {
    const start = this.#at;
    const value: unknown[] = [];
    const children: Spot[] = [];
    this.#at += 1;
    this.#skipSpace();
    while (this.text[this.#at] !== ']' || this.#at >= this.end) {
      const built = this.#value(depth + 1, -1, -1);
      value.push(built.value);
      children.push(built.spot);
      if (!this.#separator(']')) break;
    }
    this.#at += 1;
    const end = this.#at;
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children } };
  }

  #map(depth: number, keyStart: number, keyEnd: number): Built {
    const start = this.#at;
    const value: Record<string, unknown> = {};
    const children = new Map<string, Spot>();
    this.#at += 1;
    this.#skipSpace();
    while (this.text[this.#at] !== '}' || this.#at >= this.end) {
      this.#skipSpace();
      const from = this.#at;
      if (this.text[from] !== '"' || from >= this.end) this.#fail('a key in double quotes is expected here');
      const key = this.#string();
      const to = this.#at;
      if (FORBIDDEN_KEYS.has(key)) {
        throw new JsonMistake('playbook.forbidden-key', `the key "${key}" is not allowed anywhere`, from, to);
      }
      if (children.has(key)) {
        throw new JsonMistake('playbook.duplicate-key', `the key "${key}" was given already`, from, to);
      }
      this.#skipSpace();
      if (this.text[this.#at] !== ':' || this.#at >= this.end) this.#fail('a colon is expected here');
      this.#at += 1;
      const built = this.#value(depth + 1, from, to);
      value[key] = built.value;
      children.set(key, built.spot);
      if (!this.#separator('}')) break;
    }
    this.#at += 1;
    const end = this.#at;
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children } };
  }

  /** Whether another entry follows; leaves the closing bracket unread. */
  #separator(close: string): boolean {
    this.#skipSpace();
    const char = this.#at < this.end ? this.text[this.#at] : undefined;
    if (char === close) return false;
    if (char !== ',') this.#fail(`a comma or "${close}" is expected here`);
    this.#at += 1;
    this.#skipSpace();
    if (this.text[this.#at] === close) this.#fail('a comma before the closing bracket');
    return true;
  }
}
