import type { Host, RandomAccessFile } from '../../host/index.js';

const PIECE = 1024 ** 2;

/** Follows a file that another process writes: every call gives what was added since the last one, at most a MiB at a time. */
export class FileTail implements AsyncDisposable {
  readonly #host: Host;
  readonly #path: string;
  #file: RandomAccessFile | undefined;
  #offset = 0;

  constructor(host: Host, path: string) {
    this.#host = host;
    this.#path = path;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** What is new; empty when nothing is, or when the file does not exist yet. */
  async read(): Promise<Buffer> {
    if (this.#file === undefined) {
      if (!(await this.#host.files.exists(this.#path))) return Buffer.alloc(0);
      this.#file = await this.#host.files.open(this.#path);
    }
    const data = await this.#file.read(this.#offset, PIECE);
    this.#offset += data.length;
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** Keeps the beginning and the end of a long text. */
export class BoundedText {
  readonly #half: number;
  #head = '';
  #tail = '';
  #dropped = 0;

  /** @param limit characters that are kept */
  constructor(limit: number) {
    this.#half = Math.floor(limit / 2);
  }

  add(text: string): void {
    const room = this.#half - this.#head.length;
    if (room > 0) this.#head += text.slice(0, room);
    if (text.length <= room) return;
    this.#tail += text.slice(Math.max(room, 0));
    // Cut seldom, so that adding stays cheap.
    if (this.#tail.length > 2 * this.#half) {
      this.#dropped += this.#tail.length - this.#half;
      this.#tail = this.#tail.slice(-this.#half);
    }
  }

  get text(): string {
    if (this.#dropped === 0) return this.#head + this.#tail;
    return `${this.#head}\n[... ${this.#dropped} characters left out ...]\n${this.#tail}`;
  }
}
