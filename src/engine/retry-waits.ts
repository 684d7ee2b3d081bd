/** Tasks that wait for the time of their next attempt. */
import type { Clock } from '../host/index.js';
import type { DroverError } from '../lib/error.js';

interface RetryWait {
  readonly timer: { cancel(): void };
  /** ISO 8601 UTC. */
  readonly at: string;
  /** Number of the attempt to come. */
  readonly attempt: number;
  readonly error: DroverError;
}

export class RetryWaits {
  readonly #clock: Clock;
  readonly #waits = new Map<number, RetryWait>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waits.size;
  }

  nodes(): IterableIterator<number> {
    return this.#waits.keys();
  }

  get(node: number): RetryWait | undefined {
    return this.#waits.get(node);
  }

  /** Calls `due` after the delay unless it is cancelled before. Returns the time of the next attempt. */
  add(node: number, delayMs: number, attempt: number, error: DroverError, due: () => void): string {
    const at = new Date(this.#clock.now() + delayMs).toISOString();
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#waits.delete(node);
      due();
    });
    this.#waits.set(node, { timer, at, attempt, error });
    return at;
  }

  cancel(node: number): void {
    this.#waits.get(node)?.timer.cancel();
    this.#waits.delete(node);
  }

  cancelAll(): void {
    for (const node of [...this.#waits.keys()]) this.cancel(node);
  }
}
