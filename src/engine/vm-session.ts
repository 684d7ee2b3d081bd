/** Things that live as long as a machine is being worked on, such as its running appliance. */
import type { VmSession } from '../model/stage-runner.js';

export interface OpenSession extends VmSession {
  /** Disposes of everything, newest first. Failures are handed on, and the rest is disposed of all the same. */
  close(): Promise<void>;
  readonly isEmpty: boolean;
}

/** @param onFailure told when a thing could not be disposed of */
export function openSession(onFailure: (key: string, cause: unknown) => void): OpenSession {
  const things = new Map<string, AsyncDisposable>();
  const dispose = async (key: string, thing: AsyncDisposable): Promise<void> => {
    try {
      await thing[Symbol.asyncDispose]();
    } catch (cause) {
      onFailure(key, cause);
    }
  };
  const drop = async (key: string): Promise<void> => {
    const thing = things.get(key);
    things.delete(key);
    if (thing !== undefined) await dispose(key, thing);
  };
  return {
    get isEmpty() {
      return things.size === 0;
    },
    get: <T extends AsyncDisposable>(key: string) => things.get(key) as T | undefined,
    keep: (key, thing) => {
      const before = things.get(key);
      things.delete(key);
      things.set(key, thing);
      if (before !== undefined && before !== thing) void dispose(key, before);
      return thing;
    },
    drop,
    close: async () => {
      for (const key of [...things.keys()].reverse()) await drop(key);
    },
  };
}
