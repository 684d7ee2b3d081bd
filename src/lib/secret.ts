import { inspect } from 'node:util';

/** A value that must not be seen. It prints as `[secret]` everywhere; only the exec and network doors may reveal it. */
export class Secret {
  readonly #value: string;
  readonly label: string;

  /** @param label what the secret is for, safe to print */
  constructor(value: string, label: string) {
    this.#value = value;
    this.label = label;
  }

  /** The value itself. To be called by doors to the outside only. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return `[secret ${this.label}]`;
  }
}

const MARK = '[secret]';
/** Lines of a longer secret (a key, a certificate) that are hidden on their own: sinks see one line at a time. */
const SHORTEST_LINE = 8;

/** Replaces registered secret values in text. Every sink passes its lines through one redactor. */
export class Redactor {
  readonly #needles = new Set<string>();

  /**
   * Registers a value and its base64, URL-encoded and JSON-escaped forms, and the single lines of a value of many.
   * Values under 4 characters are refused.
   */
  add(value: string): void {
    if (value.length < 4) throw new RangeError('a secret shorter than 4 characters cannot be redacted');
    this.#addForms(value);
    const lines = value.split(/\r?\n/).map((line) => line.trim());
    if (lines.length > 1) for (const line of lines) if (line.length >= SHORTEST_LINE) this.#addForms(line);
  }

  #addForms(value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    const base64 = bytes.toString('base64');
    this.#needles.add(value);
    this.#needles.add(base64);
    // Also without padding: the padding may be cut off or merged with what follows.
    this.#needles.add(base64.replace(/=+$/, ''));
    this.#needles.add(bytes.toString('base64url'));
    // Through the bytes, because half of a surrogate pair has no URL-encoded form.
    this.#needles.add(encodeURIComponent(bytes.toString('utf8')));
    this.#needles.add(JSON.stringify(value).slice(1, -1));
  }

  /**
   * The text with every registered value replaced by `[secret]`. Values that overlap are replaced together, so that none
   * leaves a remainder.
   */
  redact(text: string): string {
    const found: [start: number, end: number][] = [];
    for (const needle of this.#needles) {
      for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1)) {
        found.push([at, at + needle.length]);
      }
    }
    if (found.length === 0) return text;
    found.sort((a, b) => a[0] - b[0]);
    let out = '';
    let end = 0;
    for (const [from, to] of found) {
      if (from >= end) out += text.slice(end, from) + MARK;
      end = Math.max(end, to);
    }
    return out + text.slice(end);
  }
}
