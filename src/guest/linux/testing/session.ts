/** An appliance for tests: records what it is asked, answers what it is told to. */
import type { CallResult, GuestSession } from '../../common/ports.js';

export interface FakeSession extends GuestSession {
  /** Every call, as `method: words`. */
  readonly asked: string[];
}

export interface FakeSessionOptions {
  readonly launchMs?: number;
  readonly script?: (text: string) => string;
  readonly command?: (argv: readonly string[]) => {
    readonly exitCode: number;
    readonly output?: string;
    readonly available?: boolean;
  };
  readonly call?: (words: readonly string[]) => CallResult;
}

export function fakeSession(options: FakeSessionOptions = {}): FakeSession {
  const asked: string[] = [];
  const answer = (words: readonly string[]): CallResult => {
    asked.push(`call: ${words.join(' ')}`);
    return options.call?.(words) ?? { ok: true, output: 'true\n', error: '' };
  };
  return {
    asked,
    launchMs: options.launchMs ?? 12_000,
    get rpcs() {
      return asked.length;
    },
    disks: [],
    call: async (words) => answer(words).output,
    tryCall: async (words) => answer(words),
    batch: async (commands) => commands.map(answer),
    tarOut: async (dir) => void asked.push(`tar-out: ${dir}`),
    tarIn: async (file, dir) => void asked.push(`tar-in: ${file} ${dir}`),
    download: async (from, to) => void asked.push(`download: ${from} ${to}`),
    upload: async (from, to) => void asked.push(`upload: ${from} ${to}`),
    script: async (text) => {
      asked.push(`script: ${text}`);
      return Buffer.from(options.script?.(text) ?? '', 'latin1');
    },
    guestCommand: async (argv) => {
      asked.push(`command: ${argv.join(' ')}`);
      const result = options.command?.(argv) ?? { exitCode: 0 };
      return { available: true, output: '', seconds: 1, ...result };
    },
    finish: async () => [],
    [Symbol.asyncDispose]: async () => undefined,
  };
}
