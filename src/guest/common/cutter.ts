const FIRST_BYTES = 64 * 1024;
const TAIL_BYTES = 4096;

/** Cuts a byte stream at marker lines; every byte is looked at once, however it arrives. */
export class Cutter {
  #buffer = Buffer.alloc(FIRST_BYTES);
  #used = 0;
  #searched = 0;

  push(chunk: Uint8Array): void {
    if (this.#used + chunk.length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#used + chunk.length));
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#used);
    this.#used += chunk.length;
  }

  /** What stands before the marker; the marker and the rest of its line are dropped. Undefined while it is not there. */
  cut(marker: string): Buffer | undefined {
    const at = this.#buffer.subarray(0, this.#used).indexOf(marker, Math.max(0, this.#searched - marker.length));
    if (at === -1) {
      this.#searched = this.#used;
      return undefined;
    }
    const end = this.#buffer.subarray(0, this.#used).indexOf(0x0a, at);
    if (end === -1) return undefined;
    const before = Buffer.from(this.#buffer.subarray(0, at));
    this.#buffer.copy(this.#buffer, 0, end + 1, this.#used);
    this.#used -= end + 1;
    this.#searched = 0;
    return before;
  }

  /** The end of what was not cut yet. */
  tail(): string {
    return this.#buffer.toString('utf8', Math.max(0, this.#used - TAIL_BYTES), this.#used).trim();
  }
}
