/**
 * The exec door. Every child has its own process group, an allow-listed environment, no shell, a deadline, and is
 * registered with the task that started it before the caller gets to wait for it.
 */
import { PassThrough, Readable } from 'node:stream';
import { execa } from 'execa';
import type { ResultPromise } from 'execa';
import { DroverError } from '../lib/error.js';
import { Secret } from '../lib/secret.js';
import type { Redactor } from '../lib/secret.js';
import { currentBootId, startTicksOf } from './identity.js';
import { Capture, lineSplitter } from './output.js';
import type { ExecResult, ExecSpec, HostScope, RunningProcess, SpawnSpec } from './ports.js';
import type { ToolName } from './tools.js';

const GRACE_MS = 10_000;
const DRAIN_MS = 500;
const TAIL_BYTES = 64 * 1024;
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'XDG_RUNTIME_DIR', 'XDG_CACHE_HOME', 'USER', 'LOGNAME'];

export interface ProcessDeps {
  resolve(tool: ToolName): Promise<string>;
  /** Prefix that makes a child die with Drover, or nothing where the system cannot do it. */
  deathPrefix(): Promise<readonly string[]>;
  readonly env: NodeJS.ProcessEnv;
  readonly redactor: Redactor;
  readonly scope: HostScope;
  monotonic(): number;
}

function reveal(value: string | Secret): string {
  return value instanceof Secret ? value.reveal() : value;
}

function childEnv(
  deps: ProcessDeps,
  extra: Readonly<Record<string, string | Secret>> | undefined,
): Record<string, string> {
  const env: Record<string, string> = { LC_ALL: 'C.UTF-8' };
  for (const [name, value] of Object.entries(deps.env)) {
    if (value !== undefined && (PASSED_ON.includes(name) || name.startsWith('LIBGUESTFS_'))) env[name] = value;
  }
  for (const [name, value] of Object.entries(extra ?? {})) env[name] = reveal(value);
  return env;
}

function limitPrefix(prlimit: string | undefined, limits: ExecSpec['limits']): string[] {
  if (prlimit === undefined || limits === undefined) return [];
  const args = [prlimit];
  if (limits.addressSpaceBytes !== undefined) args.push(`--as=${limits.addressSpaceBytes}`);
  if (limits.cpuSeconds !== undefined) args.push(`--cpu=${limits.cpuSeconds}`);
  return args.length > 1 ? [...args, '--'] : [];
}

function checkArguments(tool: ToolName, args: readonly string[]): void {
  for (const arg of args) {
    if (arg.includes('\0')) {
      throw new DroverError({ code: 'exec.unsafe-argument', message: `an argument for ${tool} holds a NUL character` });
    }
  }
}

/** Signals the whole group; a group that is gone is what was wanted. */
function signalGroupOf(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

type Child = ResultPromise<{ buffer: false; reject: false; detached: true }>;

interface Started {
  readonly child: Child;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/**
 * Starts a child. `attach` is called before anything is awaited: execa throws away what nobody listens to by the next
 * turn of the event loop.
 */
async function start(
  spec: SpawnSpec | ExecSpec,
  deps: ProcessDeps,
  prefix: readonly string[],
  stdin: 'pipe' | 'ignore',
  attach: (child: Child) => void,
): Promise<Started> {
  checkArguments(spec.tool, spec.args);
  const path = await deps.resolve(spec.tool);
  const argv = [...prefix, path, ...spec.args];
  const child = execa(argv[0] ?? path, argv.slice(1), {
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    extendEnv: false,
    env: childEnv(deps, spec.env),
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    stdin,
    stdout: 'pipe',
    stderr: 'pipe',
  }) as unknown as Child;
  attach(child);
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  // With reject: false the promise settles quietly; the exit event is what is waited for.
  void child.catch(() => undefined);
  if (child.pid === undefined) {
    await exited;
    throw new DroverError({
      code: 'exec.failed',
      message: `${spec.tool} could not be started (${spec.purpose})`,
      where: { ...deps.scope.where, tool: spec.tool },
    });
  }
  const startTicks = (await startTicksOf(child.pid)) ?? '0';
  deps.scope.log?.('debug', `started ${spec.tool} (pid ${child.pid}): ${spec.purpose}`);
  await deps.scope.spawned?.({ pgid: child.pid, startTicks, bootId: await currentBootId(), tool: spec.tool });
  return { child, exited };
}

/** Runs `act` when any signal aborts, at once if one has already; the returned function forgets it. */
function onAbort(signals: readonly (AbortSignal | undefined)[], act: () => void): () => void {
  const live = signals.filter((s) => s !== undefined);
  for (const signal of live) {
    if (signal.aborted) {
      act();
      return () => undefined;
    }
    signal.addEventListener('abort', act, { once: true });
  }
  return () => {
    for (const signal of live) signal.removeEventListener('abort', act);
  };
}

function closed(stream: Readable | null): Promise<void> {
  return stream === null ? Promise.resolve() : new Promise((resolve) => stream.once('close', () => resolve()));
}

async function feed(child: Child, stdin: NonNullable<ExecSpec['stdin']>): Promise<void> {
  const data = stdin instanceof Secret ? stdin.reveal() : stdin;
  const source =
    typeof data === 'string' || data instanceof Uint8Array ? Readable.from([Buffer.from(data)]) : Readable.from(data);
  const sink = child.stdin;
  if (sink === null) return;
  await new Promise<void>((resolve) => {
    // A child that ends without reading everything is judged by its exit code, not by the broken pipe.
    sink.on('error', () => resolve());
    sink.on('close', () => resolve());
    source.on('error', () => sink.destroy());
    source.pipe(sink);
  });
}

/** Runs a program to its end. Throws ExecError codes `exec.failed`, `exec.timeout`, `exec.cancelled`, `exec.missing-tool`. */
export async function execTool(spec: ExecSpec, deps: ProcessDeps, prlimit: string | undefined): Promise<ExecResult> {
  const signals = [spec.signal, deps.scope.signal];
  const where = { ...deps.scope.where, tool: spec.tool };
  if (signals.some((s) => s?.aborted === true)) {
    throw new DroverError({
      code: 'exec.cancelled',
      message: `${spec.tool} was not started: cancelled (${spec.purpose})`,
      where,
    });
  }
  const began = deps.monotonic();
  const prefix = [
    ...(spec.dieWithParent === false ? [] : await deps.deathPrefix()),
    ...limitPrefix(prlimit, spec.limits),
  ];
  const stdout = new Capture(spec.captureBytes ?? TAIL_BYTES, spec.captureBytes === undefined);
  const stderr = new Capture(TAIL_BYTES, true);
  const outLines = lineSplitter((line) => spec.onStdoutLine?.(line));
  const errLines = lineSplitter((line) => {
    deps.scope.log?.('debug', `${spec.tool}: ${line}`);
    spec.onStderrLine?.(line);
  });
  let drained: Promise<unknown> = Promise.resolve();
  const { child, exited } = await start(spec, deps, prefix, spec.stdin === undefined ? 'ignore' : 'pipe', (started) => {
    started.stdout?.on('data', (chunk: Buffer) => {
      stdout.push(chunk);
      if (spec.onStdoutLine !== undefined) outLines.push(chunk);
    });
    started.stderr?.on('data', (chunk: Buffer) => {
      stderr.push(chunk);
      errLines.push(chunk);
    });
    drained = Promise.all([closed(started.stdout), closed(started.stderr)]);
  });

  let ended: 'timeout' | 'cancelled' | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const end = (why: 'timeout' | 'cancelled'): void => {
    if (ended !== undefined) return;
    ended = why;
    signalGroupOf(child.pid, 'SIGTERM');
    killTimer = setTimeout(() => signalGroupOf(child.pid, 'SIGKILL'), GRACE_MS);
  };
  const deadline = setTimeout(() => end('timeout'), spec.timeoutMs);
  const forget = onAbort(signals, () => end('cancelled'));
  const fed = spec.stdin === undefined ? undefined : feed(child, spec.stdin);
  let exit: { readonly code: number | null; readonly signal: string | null };
  try {
    exit = await exited;
    // Grandchildren may hold the pipes for ever: give them a moment, then end the group.
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, DRAIN_MS))]);
  } finally {
    clearTimeout(deadline);
    clearTimeout(killTimer);
    forget();
  }
  signalGroupOf(child.pid, 'SIGKILL');
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.stdin?.destroy();
  await fed;
  outLines.end();
  errLines.end();
  const result: ExecResult = {
    exitCode: exit.code ?? -1,
    stdoutBytes: stdout.bytes(),
    stdout: stdout.bytes().toString('utf8'),
    stderr: stderr.bytes().toString('utf8'),
    truncated: stdout.truncated,
    durationMs: deps.monotonic() - began,
  };
  const tail = deps.redactor
    .redact(result.stderr.trim() === '' ? result.stdout : result.stderr)
    .trim()
    .slice(-4096);
  const details = {
    tool: spec.tool,
    exitCode: exit.code,
    signal: exit.signal,
    durationMs: Math.round(result.durationMs),
    tail,
  };
  if (ended === 'timeout') {
    throw new DroverError({
      code: 'exec.timeout',
      message: `${spec.tool} did not end within ${spec.timeoutMs} ms (${spec.purpose})`,
      details,
      where,
    });
  }
  if (ended === 'cancelled') {
    throw new DroverError({
      code: 'exec.cancelled',
      message: `${spec.tool} was stopped: cancelled (${spec.purpose})`,
      details,
      where,
    });
  }
  if (exit.code === null || !(spec.okExitCodes ?? [0]).includes(exit.code)) {
    const how = exit.code === null ? `was killed by ${exit.signal ?? 'a signal'}` : `ended with exit code ${exit.code}`;
    const last = tail.split('\n').at(-1) ?? '';
    throw new DroverError({
      code: 'exec.failed',
      message: `${spec.tool} ${how} (${spec.purpose})${last === '' ? '' : `: ${last}`}`,
      details,
      where,
    });
  }
  return result;
}

/** Starts a program that runs beside the caller. */
export async function spawnTool(spec: SpawnSpec, deps: ProcessDeps): Promise<RunningProcess> {
  const prefix = spec.dieWithParent === false ? [] : await deps.deathPrefix();
  // Streams of our own, so that nothing is lost before the caller listens.
  const stdout = new PassThrough();
  const stderr = spec.mergeStderr === true ? stdout : new PassThrough();
  const { child, exited } = await start(spec, deps, prefix, 'pipe', (started) => {
    const sources = [started.stdout, started.stderr];
    let open = sources.length;
    for (const [index, source] of sources.entries()) {
      const sink = index === 0 ? stdout : stderr;
      source?.pipe(sink, { end: sink !== stdout || stderr !== stdout });
      source?.once('close', () => {
        open -= 1;
        if (open === 0) stdout.end();
      });
    }
  });
  const pid = child.pid ?? 0;
  let stopping: Promise<void> | undefined;
  const stop = (graceMs = GRACE_MS): Promise<void> => {
    stopping ??= (async () => {
      signalGroupOf(pid, 'SIGTERM');
      const timer = setTimeout(() => signalGroupOf(pid, 'SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
      signalGroupOf(pid, 'SIGKILL');
    })();
    return stopping;
  };
  const forget = onAbort([spec.signal, deps.scope.signal], () => void stop());
  void exited.then(forget);
  child.stdin?.on('error', () => undefined);
  return {
    pid,
    stdin: child.stdin ?? failStream('stdin'),
    stdout,
    stderr,
    exited,
    stop,
    kill: (signal) => signalGroupOf(pid, signal),
    [Symbol.asyncDispose]: () => stop(),
  };
}

function failStream(name: string): never {
  throw new DroverError({ code: 'internal.bug', message: `a started process has no ${name}` });
}
