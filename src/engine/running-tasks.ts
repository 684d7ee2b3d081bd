/** The attempts that run now, and how each is told to stop. */
import { DroverError } from '../lib/error.js';

/** One attempt from the moment its start is decided. */
export class RunningTask {
  readonly node: number;
  readonly attempt: number;
  /** Monotonic, milliseconds. */
  readonly startedAt: number;
  /** Whether its start is durable and its work has begun. */
  isLaunched = false;
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();

  constructor(node: number, attempt: number, startedAt: number) {
    this.node = node;
    this.attempt = attempt;
    this.startedAt = startedAt;
  }

  get isCancelled(): boolean {
    return this.#stop.signal.aborted;
  }

  get signals(): { readonly stop: AbortSignal; readonly kill: AbortSignal } {
    return { stop: this.#stop.signal, kill: this.#kill.signal };
  }

  /** Stop in order: what it does after this counts as cancelled, also when it fails. */
  cancel(): void {
    this.#stop.abort(cancelledError());
  }

  /** Come back at once. */
  kill(): void {
    this.cancel();
    this.#kill.abort(cancelledError());
  }
}

function cancelledError(): DroverError {
  return new DroverError({ code: 'engine.cancelled', message: 'cancelled' });
}

export class RunningTasks {
  readonly #tasks = new Map<number, RunningTask>();

  get size(): number {
    return this.#tasks.size;
  }

  start(node: number, attempt: number, now: number): RunningTask {
    const task = new RunningTask(node, attempt, now);
    this.#tasks.set(node, task);
    return task;
  }

  get(node: number): RunningTask | undefined {
    return this.#tasks.get(node);
  }

  /** False when this attempt has ended already. */
  end(task: RunningTask): boolean {
    return this.#tasks.get(task.node) === task && this.#tasks.delete(task.node);
  }

  all(): readonly RunningTask[] {
    return [...this.#tasks.values()];
  }
}
