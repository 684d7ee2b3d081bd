/** Starts a program that runs beside the caller. */
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { DroverError } from '../lib/error.js';
import { onAbort, startChild } from './child.js';
import type { ChildStreams, ProcessDeps } from './child.js';
import type { RunningProcess, SpawnSpec } from './ports.js';

const GRACE_MS = 10_000;
/** What is kept of standard error while nobody reads it; more is thrown away so that the child never waits. */
const UNREAD_BYTES = 1024 ** 2;

export async function spawnTool(spec: SpawnSpec, deps: ProcessDeps): Promise<RunningProcess> {
  const prefix = spec.dieWithParent === false ? [] : await deps.deathPrefix();
  // Streams of our own, so that nothing is lost before the caller listens.
  const stdout = new PassThrough();
  const stderr = spec.mergeStderr === true ? stdout : new PassThrough();
  const child = await startChild(spec, deps, prefix, 'pipe', (streams) => connect(streams, stdout, stderr));
  const { pid, exited } = child;
  let isOver = false;
  void exited.then(() => (isOver = true));
  let stopping: Promise<void> | undefined;
  const stop = (graceMs = GRACE_MS): Promise<void> => {
    stopping ??= (async () => {
      if (!isOver) child.signal('SIGTERM');
      const timer = setTimeout(() => child.signal('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
      // Whoever is left of the group goes with it.
      child.signal('SIGKILL');
    })();
    return stopping;
  };
  const forget = onAbort([spec.signal, deps.scope.signal], () => void stop());
  void exited.then(forget);
  child.stdin?.on('error', () => undefined);
  if (child.stdin === null) {
    throw new DroverError({ code: 'internal.bug', message: 'a started process has no standard input' });
  }
  return {
    pid,
    stdin: child.stdin,
    stdout,
    stderr,
    exited,
    stop,
    kill: (signal) => child.signal(signal),
    [Symbol.asyncDispose]: () => stop(),
  };
}

function connect(streams: ChildStreams, stdout: PassThrough, stderr: PassThrough): void {
  if (stderr === stdout) {
    const sources = [streams.stdout, streams.stderr].filter((stream): stream is Readable => stream !== null);
    let open = sources.length;
    for (const source of sources) {
      source.pipe(stdout, { end: false });
      source.once('close', () => {
        open -= 1;
        if (open === 0) stdout.end();
      });
    }
    return;
  }
  streams.stdout?.pipe(stdout);
  streams.stdout?.once('close', () => stdout.end());
  streams.stderr?.on('data', (chunk: Buffer) => {
    if (stderr.readableLength + stderr.writableLength < UNREAD_BYTES) stderr.write(chunk);
  });
  streams.stderr?.once('close', () => stderr.end());
}
