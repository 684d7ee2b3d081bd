/** Runs a program to its end. */
import { finished, Readable } from 'node:stream';
import type { Writable } from 'node:stream';
import { DroverError } from '../lib/error.js';
import { Secret } from '../lib/secret.js';
import { onAbort, ORPHAN_MS, startChild } from './child.js';
import type { Child, Exit, ProcessDeps } from './child.js';
import { Capture, lineSplitter } from './output.js';
import type { ExecResult, ExecSpec } from './ports.js';

const GRACE_MS = 10_000;
/** After the group was killed its pipes end at once, unless a process has left the group: it is not waited for. */
const DRAIN_MS = 2_000;
const TAIL_BYTES = 64 * 1024;

function limitPrefix(prlimit: string | undefined, limits: ExecSpec['limits']): string[] {
  if (prlimit === undefined || limits === undefined) return [];
  const args = [prlimit];
  if (limits.addressSpaceBytes !== undefined) args.push(`--as=${limits.addressSpaceBytes}`);
  if (limits.cpuSeconds !== undefined) args.push(`--cpu=${limits.cpuSeconds}`);
  return args.length > 1 ? [...args, '--'] : [];
}

function closed(stream: Readable | null): Promise<void> {
  return stream === null ? Promise.resolve() : new Promise((resolve) => stream.once('close', () => resolve()));
}

/** Waits for something, but not longer than so many milliseconds. No timer is left behind: it would keep us alive. */
async function atMost(ms: number, wait: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([wait, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

/** Writes everything to standard input. Resolves when it is over in either way; tells of a source that failed. */
async function feed(
  sink: Writable | null,
  stdin: NonNullable<ExecSpec['stdin']>,
  onFailure: (cause: unknown) => void,
): Promise<void> {
  if (sink === null) return;
  const data = stdin instanceof Secret ? stdin.reveal() : stdin;
  const source =
    typeof data === 'string' || data instanceof Uint8Array ? Readable.from([Buffer.from(data)]) : Readable.from(data);
  await new Promise<void>((resolve) => {
    // A child that ends without reading everything is judged by its exit code, not by the broken pipe. It may be gone, and
    // its pipe closed, before this line: `finished` tells of that too, where listening for `close` would wait for ever.
    finished(sink, () => resolve());
    source.on('error', (cause) => {
      onFailure(cause);
      sink.destroy();
    });
    source.pipe(sink);
  });
  source.destroy();
}

type Ending = 'timeout' | 'cancelled' | 'broken';

/** Throws `exec.failed`, `exec.timeout`, `exec.cancelled`, `exec.missing-tool`, or what the caller's own functions threw. */
export async function execTool(spec: ExecSpec, deps: ProcessDeps, prlimit: string | undefined): Promise<ExecResult> {
  const signals = [spec.signal, deps.scope.signal];
  const where = { ...deps.scope.where, tool: spec.tool };
  if (signals.some((s) => s?.aborted === true)) {
    const message = `${spec.tool} was not started: cancelled (${spec.purpose})`;
    throw new DroverError({ code: 'exec.cancelled', message, where });
  }
  const began = deps.monotonic();
  const prefix = [
    ...(spec.dieWithParent === false ? [] : await deps.deathPrefix()),
    ...limitPrefix(prlimit, spec.limits),
  ];
  const stdout = new Capture(spec.captureBytes ?? TAIL_BYTES, spec.captureBytes === undefined);
  const stderr = new Capture(TAIL_BYTES, true);

  const running: { child?: Child } = {};
  let ended: Ending | undefined;
  let broken: { readonly cause: unknown } | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const end = (why: Ending): void => {
    if (ended !== undefined) return;
    ended = why;
    running.child?.signal('SIGTERM');
    killTimer = setTimeout(() => running.child?.signal('SIGKILL'), spec.graceMs ?? GRACE_MS);
  };
  const breakOff = (cause: unknown): void => {
    broken ??= { cause };
    end('broken');
  };
  /** What the caller does with a line is the caller's: a throw ends the program and comes out of this function. */
  const guarded =
    (act: (line: string) => void) =>
    (line: string): void => {
      if (broken !== undefined) return;
      try {
        act(line);
      } catch (cause) {
        breakOff(cause);
      }
    };
  const outLines = lineSplitter(guarded((line) => spec.onStdoutLine?.(line)));
  const errLines = lineSplitter(
    guarded((line) => {
      deps.scope.log?.('debug', `${spec.tool}: ${line}`);
      spec.onStderrLine?.(line);
    }),
  );
  let drained: Promise<unknown> = Promise.resolve();
  const child = await startChild(spec, deps, prefix, spec.stdin === undefined ? 'ignore' : 'pipe', (streams) => {
    streams.stdout?.on('data', (chunk: Buffer) => {
      stdout.push(chunk);
      if (spec.onStdoutLine !== undefined) outLines.push(chunk);
    });
    streams.stderr?.on('data', (chunk: Buffer) => {
      stderr.push(chunk);
      errLines.push(chunk);
    });
    drained = Promise.all([closed(streams.stdout), closed(streams.stderr)]);
  });
  running.child = child;
  if (ended !== undefined) child.signal('SIGTERM');
  const deadline = setTimeout(() => end('timeout'), spec.timeoutMs);
  const forget = onAbort(signals, () => end('cancelled'));
  const fed = spec.stdin === undefined ? undefined : feed(child.stdin, spec.stdin, breakOff);
  let exit: Exit;
  try {
    exit = await child.exited;
  } finally {
    clearTimeout(deadline);
    clearTimeout(killTimer);
    forget();
  }
  // Grandchildren may hold the pipes for ever: they get a moment, then the group is killed and the pipes end.
  await atMost(ORPHAN_MS, drained);
  child.signal('SIGKILL');
  await atMost(DRAIN_MS, drained);
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
  if (broken !== undefined) throw broken.cause;
  judge(spec, deps, result, exit, ended, where);
  return result;
}

/** Throws unless the program ended well. */
function judge(
  spec: ExecSpec,
  deps: ProcessDeps,
  result: ExecResult,
  exit: Exit,
  ended: Ending | undefined,
  where: Readonly<Record<string, string>>,
): void {
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
    const message = `${spec.tool} did not end within ${spec.timeoutMs} ms (${spec.purpose})`;
    throw new DroverError({ code: 'exec.timeout', message, details, where });
  }
  if (ended === 'cancelled') {
    const message = `${spec.tool} was stopped: cancelled (${spec.purpose})`;
    throw new DroverError({ code: 'exec.cancelled', message, details, where });
  }
  if (exit.code !== null && (spec.okExitCodes ?? [0]).includes(exit.code)) return;
  const how = exit.code === null ? `was killed by ${exit.signal ?? 'a signal'}` : `ended with exit code ${exit.code}`;
  const last = tail.split('\n').at(-1) ?? '';
  const message = `${spec.tool} ${how} (${spec.purpose})${last === '' ? '' : `: ${last}`}`;
  throw new DroverError({ code: 'exec.failed', message, details, where });
}
