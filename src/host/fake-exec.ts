/** Programs that a test scripts: what is not expected fails the test. */
import { PassThrough } from 'node:stream';
import { DroverError } from '../lib/error.js';
import { Secret } from '../lib/secret.js';
import { lineSplitter } from './output.js';
import type { Clock, ExecResult, ExecSpec, HostScope, RunningProcess, SpawnSpec } from './ports.js';
import type { ToolName } from './tools.js';

/** One argument: the exact text, a pattern it matches, or a test of one's own. */
type ArgMatch = string | RegExp | ((arg: string) => boolean);

interface Expectation {
  readonly tool: ToolName;
  /** Every argument in order, or a test over all of them; any arguments without it. */
  readonly args?: readonly ArgMatch[] | ((args: readonly string[]) => boolean);
  /** How often it may be used. @default 1 */
  readonly times?: number;
}

interface FakeReply {
  readonly exitCode?: number;
  readonly stdout?: string | Uint8Array;
  readonly stderr?: string;
  /** Virtual time that the program takes. */
  readonly delayMs?: number;
  /** Ends by this signal instead of by itself. */
  readonly signal?: NodeJS.Signals;
  /** What the program does before it ends, such as writing files. */
  readonly effect?: (spec: ExecSpec) => void | Promise<void>;
}

type Replier = FakeReply | ((spec: ExecSpec) => FakeReply | Promise<FakeReply>);
type Spawner = (spec: SpawnSpec) => FakeProcess;

/** A process that runs beside the caller; the test plays its part. */
export interface FakeProcess {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  /** Lets it end. */
  exit(code: number | null, signal?: string): void;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Signals that were sent to it. */
  readonly signals: readonly string[];
  /** What it does on a signal. @default ends by it */
  onSignal?: (signal: string) => void;
}

export function createFakeProcess(): FakeProcess & { signal(name: string): void } {
  const signals: string[] = [];
  let settle: (how: { code: number | null; signal: string | null }) => void = () => undefined;
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => (settle = resolve));
  const process: FakeProcess & { signal(name: string): void } = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    exited,
    signals,
    exit: (code, signal) => {
      process.stdout.end();
      process.stderr.end();
      settle({ code, signal: signal ?? null });
    },
    signal: (name) => {
      signals.push(name);
      if (process.onSignal === undefined || name === 'SIGKILL') process.exit(null, name);
      else process.onSignal(name);
    },
  };
  return process;
}

export interface FakeExec {
  /** Every program that was run, in order, with the text that it got on standard input. */
  readonly calls: readonly (ExecSpec & { readonly stdinText?: string })[];
  readonly spawned: readonly SpawnSpec[];
  expect(expectation: Expectation, reply?: Replier): void;
  expectSpawn(expectation: Expectation, spawner: Spawner): void;
  /** Expectations that were never used, for the end of a test. */
  unused(): readonly string[];
  exec(spec: ExecSpec, scope: HostScope): Promise<ExecResult>;
  spawn(spec: SpawnSpec, scope: HostScope): Promise<RunningProcess>;
}

interface Pending<T> {
  readonly expectation: Expectation;
  readonly reply: T;
  left: number;
}

function matches(expectation: Expectation, tool: ToolName, args: readonly string[]): boolean {
  if (expectation.tool !== tool) return false;
  const wanted = expectation.args;
  if (wanted === undefined) return true;
  if (typeof wanted === 'function') return wanted(args);
  if (wanted.length !== args.length) return false;
  return wanted.every((match, index) => {
    const arg = args[index] ?? '';
    if (typeof match === 'string') return match === arg;
    return match instanceof RegExp ? match.test(arg) : match(arg);
  });
}

async function readStdin(stdin: ExecSpec['stdin']): Promise<string | undefined> {
  if (stdin === undefined) return undefined;
  if (typeof stdin === 'string') return stdin;
  if (stdin instanceof Secret) return stdin.reveal();
  if (stdin instanceof Uint8Array) return Buffer.from(stdin).toString('utf8');
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function describe(tool: string, args: readonly string[]): string {
  return `${tool} ${args.join(' ')}`.slice(0, 400);
}

export function createFakeExec(clock: Clock): FakeExec {
  const calls: (ExecSpec & { stdinText?: string })[] = [];
  const spawned: SpawnSpec[] = [];
  const runs: Pending<Replier>[] = [];
  const spawns: Pending<Spawner>[] = [];
  let pids = 1000;
  const register = async (tool: string, scope: HostScope): Promise<number> => {
    const pid = (pids += 1);
    await scope.spawned?.({ pgid: pid, startTicks: String(pid), bootId: 'boot', tool });
    return pid;
  };
  const take = <T>(from: Pending<T>[], tool: ToolName, args: readonly string[]): T => {
    const found = from.find((pending) => pending.left > 0 && matches(pending.expectation, tool, args));
    if (found === undefined) throw new Error(`unexpected program: ${describe(tool, args)}`);
    found.left -= 1;
    return found.reply;
  };
  const cancelled = (spec: ExecSpec | SpawnSpec, scope: HostScope): DroverError =>
    new DroverError({
      code: 'exec.cancelled',
      message: `${spec.tool} was stopped: cancelled (${spec.purpose})`,
      where: { ...scope.where, tool: spec.tool },
    });
  return {
    calls,
    spawned,
    expect: (expectation, reply = {}) => void runs.push({ expectation, reply, left: expectation.times ?? 1 }),
    expectSpawn: (expectation, reply) => void spawns.push({ expectation, reply, left: expectation.times ?? 1 }),
    unused: () =>
      [...runs, ...spawns].filter((p) => p.left > 0 && p.left !== Infinity).map((p) => String(p.expectation.tool)),
    exec: async (spec, scope) => {
      const signals = [spec.signal, scope.signal].filter((s) => s !== undefined);
      if (signals.some((s) => s.aborted)) throw cancelled(spec, scope);
      const replier = take(runs, spec.tool, spec.args);
      const stdinText = await readStdin(spec.stdin);
      calls.push(stdinText === undefined ? spec : { ...spec, stdinText });
      await register(spec.tool, scope);
      const began = clock.monotonic();
      const reply = typeof replier === 'function' ? await replier(spec) : replier;
      await reply.effect?.(spec);
      const wait = Math.min(reply.delayMs ?? 0, spec.timeoutMs);
      if (wait > 0) {
        await clock.sleep(wait, AbortSignal.any(signals)).catch(() => {
          throw cancelled(spec, scope);
        });
      }
      const where = { ...scope.where, tool: spec.tool };
      if ((reply.delayMs ?? 0) > spec.timeoutMs) {
        const message = `${spec.tool} did not end within ${spec.timeoutMs} ms (${spec.purpose})`;
        throw new DroverError({ code: 'exec.timeout', message, where });
      }
      const stdout = Buffer.from(reply.stdout ?? '');
      const stderr = reply.stderr ?? '';
      if (spec.onStdoutLine !== undefined) feedLines(stdout, spec.onStdoutLine);
      feedLines(Buffer.from(stderr), (line) => {
        scope.log?.('debug', `${spec.tool}: ${line}`);
        spec.onStderrLine?.(line);
      });
      const exitCode = reply.signal === undefined ? (reply.exitCode ?? 0) : -1;
      const limit = spec.captureBytes ?? Number.POSITIVE_INFINITY;
      if (reply.signal !== undefined || !(spec.okExitCodes ?? [0]).includes(exitCode)) {
        const how = reply.signal === undefined ? `ended with exit code ${exitCode}` : `was killed by ${reply.signal}`;
        const tail = (stderr.trim() === '' ? stdout.toString('utf8') : stderr).trim();
        const last = tail.split('\n').at(-1) ?? '';
        throw new DroverError({
          code: 'exec.failed',
          message: `${spec.tool} ${how} (${spec.purpose})${last === '' ? '' : `: ${last}`}`,
          details: { tool: spec.tool, exitCode, signal: reply.signal ?? null, durationMs: 0, tail },
          where,
        });
      }
      return {
        exitCode,
        stdout: stdout.subarray(0, limit).toString('utf8'),
        stdoutBytes: stdout.subarray(0, limit),
        stderr,
        truncated: stdout.length > limit,
        durationMs: clock.monotonic() - began,
      };
    },
    spawn: async (spec, scope) => {
      const spawner = take(spawns, spec.tool, spec.args);
      spawned.push(spec);
      const process = spawner(spec) as FakeProcess & { signal?(name: string): void };
      const pid = await register(spec.tool, scope);
      const send = (name: string): void => process.signal?.(name);
      const stop = async (graceMs = 10_000): Promise<void> => {
        send('SIGTERM');
        const timer = clock.setTimer(graceMs, () => send('SIGKILL'));
        await process.exited;
        timer.cancel();
      };
      for (const signal of [spec.signal, scope.signal])
        signal?.addEventListener('abort', () => void stop(), { once: true });
      const { stdin, stdout, stderr, exited } = process;
      return { pid, stdin, stdout, stderr, exited, stop, kill: send, [Symbol.asyncDispose]: () => stop() };
    },
  };
}

function feedLines(bytes: Buffer, onLine: (line: string) => void): void {
  const lines = lineSplitter(onLine);
  lines.push(bytes);
  lines.end();
}
