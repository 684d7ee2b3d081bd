import type { Clock } from './ports.js';

/** A clock that stands still until a test moves it. */
export interface VirtualClock extends Clock {
  /** Moves time, running every timer that comes due on the way, and lets what they started come to rest. */
  advance(ms: number): Promise<void>;
  /**
   * Jumps from timer to timer until the work is over. Throws when nothing is scheduled any more and the work still waits,
   * or when more than `limitMs` of virtual time went by.
   */
  run<T>(work: Promise<T>, limitMs?: number): Promise<T>;
  /** Timers that are set. */
  pending(): number;
}

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** Lets every promise and next-tick callback that can go on do so. */
function comeToRest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** @param startMs wall clock at the beginning, milliseconds since the epoch */
export function createVirtualClock(startMs = Date.UTC(2026, 0, 1)): VirtualClock {
  let elapsed = 0;
  let order = 0;
  let timers: Timer[] = [];
  const setTimer = (ms: number, run: () => void): { cancel(): void } => {
    const timer = { due: elapsed + Math.max(0, ms), order: (order += 1), run };
    timers.push(timer);
    return { cancel: () => void (timers = timers.filter((t) => t !== timer)) };
  };
  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (first === undefined || timer.due < first.due || (timer.due === first.due && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  };
  const fire = async (timer: Timer): Promise<void> => {
    timers = timers.filter((t) => t !== timer);
    elapsed = Math.max(elapsed, timer.due);
    timer.run();
    await comeToRest();
  };
  return {
    now: () => startMs + Math.floor(elapsed),
    monotonic: () => elapsed,
    setTimer,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason as Error);
        const stop = (): void => {
          timer.cancel();
          reject(signal?.reason as Error);
        };
        const timer = setTimer(ms, () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        });
        signal?.addEventListener('abort', stop, { once: true });
      }),
    advance: async (ms) => {
      const end = elapsed + ms;
      await comeToRest();
      for (let timer = next(); timer !== undefined && timer.due <= end; timer = next()) await fire(timer);
      elapsed = end;
      await comeToRest();
    },
    run: async (work, limitMs = Number.POSITIVE_INFINITY) => {
      let over = false;
      const mark = (): void => void (over = true);
      work.then(mark, mark);
      const began = elapsed;
      let idle = 0;
      while (!over) {
        await comeToRest();
        if (over) break;
        const timer = next();
        if (timer === undefined) {
          // Real input and output may still be under way: give it some turns before calling it stuck.
          idle += 1;
          if (idle > 100) throw new Error('the work waits, and nothing is scheduled any more');
          if (idle > 20) await new Promise((resolve) => setTimeout(resolve, 5));
          continue;
        }
        idle = 0;
        if (timer.due - began > limitMs) throw new Error(`the work is not over after ${limitMs} ms of virtual time`);
        await fire(timer);
      }
      return work;
    },
    pending: () => timers.length,
  };
}
