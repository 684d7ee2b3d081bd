import { StringDecoder } from 'node:string_decoder';

const ESC = 0x1b;

/**
 * Turns the raw bytes of a serial console into plain lines. Escape sequences are dropped wherever a chunk happens to cut them;
 * a carriage return or a cursor movement ends a line as a line feed does; control characters vanish. Works character by
 * character, so that its time depends on nothing but the length.
 */
export class ConsoleText {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  readonly #longest: number;
  #line = '';
  #state: 'text' | 'escape' | 'csi' | 'string' | 'charset' = 'text';

  /** @param longest characters of a line that are kept @default 65536 */
  constructor(onLine: (line: string) => void, longest = 65_536) {
    this.#onLine = onLine;
    this.#longest = longest;
  }

  /** The line that has not ended yet, where prompts stand. */
  get rest(): string {
    return this.#line;
  }

  push(chunk: Buffer): void {
    for (const character of this.#decoder.write(chunk)) this.#take(character);
  }

  /** Hands out the unfinished last line. */
  end(): void {
    this.#endLine();
  }

  #endLine(): void {
    if (this.#line.trim() !== '') this.#onLine(this.#line);
    this.#line = '';
  }

  #take(character: string): void {
    const code = character.codePointAt(0) ?? 0;
    switch (this.#state) {
      case 'text':
        if (code === ESC) this.#state = 'escape';
        else if (code === 0x0a || code === 0x0d) this.#endLine();
        else if (code === 0x09) this.#append(' ');
        else if (code >= 0x20 && code !== 0x7f && (code < 0x80 || code > 0x9f)) this.#append(character);
        return;
      case 'escape':
        if (character === '[') this.#state = 'csi';
        else if (character === ']' || character === 'P' || character === '_' || character === '^')
          this.#state = 'string';
        else if (character === '(' || character === ')' || character === '#' || character === '%')
          this.#state = 'charset';
        else this.#state = 'text';
        return;
      case 'csi':
        // Parameters and intermediates are 0x20 to 0x3f; anything else ends the sequence.
        if (code >= 0x20 && code <= 0x3f) return;
        this.#state = code === ESC ? 'escape' : 'text';
        // Cursor to a place, up, down, or the screen cleared: what follows is another line.
        if ('HfJABEFd'.includes(character)) this.#endLine();
        return;
      case 'string':
        if (code === 0x07 || code === 0x0a || code === 0x0d) this.#state = 'text';
        else if (code === ESC) this.#state = 'escape';
        return;
      case 'charset':
        this.#state = 'text';
        return;
    }
  }

  #append(character: string): void {
    if (this.#line.length < this.#longest) this.#line += character;
  }
}
