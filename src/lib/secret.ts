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

/** Replaces registered secret values in text. Every sink passes its lines through one redactor. */
export class Redactor {
  readonly #needles = new Set<string>();
  #ordered: readonly string[] | undefined;

  /** Registers a value and its base64, URL-encoded and JSON-escaped forms. Values under 4 characters are refused. */
  add(value: string): void {
    if (value.length < 4) throw new RangeError('a secret shorter than 4 characters cannot be redacted');
    const forms = [
      value,
      Buffer.from(value, 'utf8').toString('base64'),
      Buffer.from(value, 'utf8').toString('base64url'),
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
    ];
    for (const form of forms) this.#needles.add(form);
    this.#ordered = undefined;
  }

  /** The text with every registered value replaced by `[secret]`. */
  redact(text: string): string {
    if (this.#needles.size === 0) return text;
    // Longest first, so that a value which holds another one leaves no remainder.
    this.#ordered ??= [...this.#needles].sort((a, b) => b.length - a.length);
    let out = text;
    for (const needle of this.#ordered) if (out.includes(needle)) out = out.replaceAll(needle, '[secret]');
    return out;
  }
}
