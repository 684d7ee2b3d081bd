/**
 * One long-lived guestfish on a pipe. Every command is followed by two markers: `echo` puts a token on its standard
 * output, and a command that does not exist puts it on its standard error. Whatever stands before the markers belongs to
 * that command, so an answer or an error is never taken for a neighbour's.
 */
import { DroverError } from '../../lib/error.js';
import type { Host, RunningProcess } from '../../host/index.js';
import { Cutter } from './cutter.js';

/** What came back for one command, bytes as they are. */
export interface RawResult {
  readonly ok: boolean;
  readonly output: Buffer;
  readonly error: string;
}

export interface Guestfish {
  /**
   * Sends one command line; lines sent before the first is answered are queued in order. Rejects with
   * `guest.appliance-lost`, `guest.call-timeout` or `exec.cancelled` when there will be no answer.
   */
  send(line: string, timeoutMs: number): Promise<RawResult>;
  /** Ends it in order, by force when it does not end within the grace. Idempotent. */
  close(graceMs: number): Promise<void>;
  /** Ends it and everything it started at once. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly token: string;
  readonly command: string;
  readonly timeoutMs: number;
  output?: Buffer;
  settle(result: RawResult | DroverError): void;
}

/** Starts guestfish without any disk. `env` is added to the allow-listed environment. */
export async function startGuestfish(
  host: Host,
  options: { readonly env: Readonly<Record<string, string>>; readonly signal?: AbortSignal },
): Promise<Guestfish> {
  const process = await host.spawn({
    tool: 'guestfish',
    args: [],
    purpose: 'read and edit a guest',
    env: options.env,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return converse(host, process, options.signal);
}

function converse(host: Host, process: RunningProcess, signal: AbortSignal | undefined): Guestfish {
  const nonce = host.random.base32(16);
  const stdout = new Cutter();
  const stderr = new Cutter();
  const queue: Waiting[] = [];
  let sent = 0;
  let closing = false;
  let gone: DroverError | undefined;
  let timer: { cancel(): void } | undefined;

  const fail = (error: DroverError): void => {
    timer?.cancel();
    for (const waiting of queue.splice(0)) waiting.settle(error);
  };
  /** The deadline of a command begins when the one before it is answered. */
  const watch = (): void => {
    timer?.cancel();
    const head = queue[0];
    timer = head === undefined ? undefined : host.clock.setTimer(head.timeoutMs, () => expire(head));
  };
  const expire = (head: Waiting): void => {
    fail(
      new DroverError({
        code: 'guest.call-timeout',
        message: `the appliance did not answer to "${head.command}" within ${Math.round(head.timeoutMs / 1000)} s`,
        details: { command: head.command, tail: stderr.tail() },
      }),
    );
    void process.stop();
  };
  const advance = (): void => {
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      const output = head.output ?? stdout.cut(head.token);
      if (output === undefined) return;
      head.output = output;
      const error = stderr.cut(head.token);
      if (error === undefined) return;
      queue.shift();
      watch();
      const text = errorText(error.toString('utf8'));
      head.settle({ ok: text === '', output, error: text });
    }
  };
  const listen = (stream: RunningProcess['stdout'], cutter: Cutter): void => {
    stream.on('data', (chunk: Buffer) => {
      cutter.push(chunk);
      advance();
    });
  };
  listen(process.stdout, stdout);
  listen(process.stderr, stderr);
  void process.exited.then(({ code, signal: killedBy }) => {
    const cancelled = signal?.aborted === true;
    const during = queue[0] === undefined ? 'while idle' : `during "${queue[0].command}"`;
    gone = new DroverError({
      code: cancelled ? 'exec.cancelled' : 'guest.appliance-lost',
      message: cancelled
        ? 'the appliance was stopped: cancelled'
        : `the appliance ended (${killedBy ?? `exit code ${code ?? '?'}`}) ${during}`,
      details: { tail: stderr.tail() },
    });
    fail(gone);
  });

  return {
    send(line, timeoutMs) {
      const command = line.split(' ', 1)[0] ?? '';
      return new Promise<RawResult>((resolve, reject) => {
        if (gone !== undefined || closing) {
          const message = `"${command}" was asked of a closed appliance`;
          reject(gone ?? new DroverError({ code: 'internal.bug', message }));
          return;
        }
        sent += 1;
        const token = `${nonce}-${sent}`;
        queue.push({
          token,
          command,
          timeoutMs,
          settle: (result) => (result instanceof DroverError ? reject(result) : resolve(result)),
        });
        if (queue.length === 1) watch();
        // The leading hyphen keeps guestfish alive when the command fails.
        process.stdin.write(`-${line}\n-echo ${token}\n-${token}\n`);
      });
    },
    async close(graceMs) {
      closing = true;
      process.stdin.end();
      const limit = host.clock.setTimer(graceMs, () => void process.stop());
      await process.exited;
      limit.cancel();
      await process.stop();
    },
    async stop() {
      closing = true;
      await process.stop(2000);
    },
  };
}

/** The lines that speak of a failure, without guestfish's own prefixes; empty when there are none. */
function errorText(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(\S+: )?libguestfs: (warning|trace)\b/.test(line))
    .map((line) => line.replace(/^\*stdin\*:\d+: /, '').replace(/^libguestfs: error: /, ''))
    .join('\n')
    .trim();
}
