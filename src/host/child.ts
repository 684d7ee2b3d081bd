/** Starting a child: its own process group, an allow-listed environment, registered before anybody waits for it. */
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { DroverError } from '../lib/error.js';
import { Secret } from '../lib/secret.js';
import type { Redactor } from '../lib/secret.js';
import { currentBootId, startTicksOf } from './identity.js';
import type { HostScope, SpawnSpec } from './ports.js';
import type { ToolName } from './tools.js';

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

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A started child, seen by the doors of this room only. */
export interface Child {
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  /** Signals the group as long as it can only be this one. */
  signal(name: NodeJS.Signals): void;
}

/** The streams of a child that has just been started. */
export interface ChildStreams {
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
}

function childEnv(
  env: NodeJS.ProcessEnv,
  extra: Readonly<Record<string, string | Secret>> | undefined,
): Record<string, string> {
  const passed: Record<string, string> = { LC_ALL: 'C.UTF-8' };
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (PASSED_ON.includes(name) || name.startsWith('LIBGUESTFS_'))) passed[name] = value;
  }
  for (const [name, value] of Object.entries(extra ?? {})) {
    passed[name] = value instanceof Secret ? value.reveal() : value;
  }
  return passed;
}

function checkArguments(tool: ToolName, args: readonly string[]): void {
  for (const arg of args) {
    if (arg.includes('\0')) {
      throw new DroverError({ code: 'exec.unsafe-argument', message: `an argument for ${tool} holds a NUL character` });
    }
  }
}

/**
 * Starts a child. `attach` is called before anything is awaited: execa throws away what nobody listens to by the next
 * turn of the event loop.
 */
export async function startChild(
  spec: SpawnSpec,
  deps: ProcessDeps,
  prefix: readonly string[],
  stdin: 'pipe' | 'ignore',
  attach: (streams: ChildStreams) => void,
): Promise<Child> {
  checkArguments(spec.tool, spec.args);
  const path = await deps.resolve(spec.tool);
  const argv = [...prefix, path, ...spec.args];
  const child = execa(argv[0] ?? path, argv.slice(1), {
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    extendEnv: false,
    env: childEnv(deps.env, spec.env),
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    stdin,
    stdout: 'pipe',
    stderr: 'pipe',
  });
  attach({ stdout: child.stdout, stderr: child.stderr });
  let isGone = false;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  // With reject: false the promise settles quietly; the exit event is what is waited for.
  void child.catch(() => undefined);
  const { pid } = child;
  if (pid === undefined) {
    await exited;
    throw new DroverError({
      code: 'exec.failed',
      message: `${spec.tool} could not be started (${spec.purpose})`,
      where: { ...deps.scope.where, tool: spec.tool },
    });
  }
  const signal = (name: NodeJS.Signals): void => {
    if (!isGone) killGroup(pid, name);
  };
  void exited.then(() => {
    // Whoever is left in the group when its leader is gone gets a moment to close its pipes; after that the number may
    // belong to somebody else and is not touched again.
    setTimeout(() => {
      signal('SIGKILL');
      isGone = true;
    }, ORPHAN_MS).unref();
  });
  try {
    const startTicks = (await startTicksOf(pid)) ?? '0';
    deps.scope.log?.('debug', `started ${spec.tool} (pid ${pid}): ${spec.purpose}`);
    await deps.scope.spawned?.({ pgid: pid, startTicks, bootId: await currentBootId(), tool: spec.tool });
  } catch (cause) {
    // A child that is not on record must not run.
    signal('SIGKILL');
    throw cause;
  }
  return { pid, stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exited, signal };
}

/** How long grandchildren may live on after the program itself has ended. */
export const ORPHAN_MS = 500;

/** Signals a whole group; a group that is gone is what was wanted. */
function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Runs `act` when any signal aborts, at once if one has already; the returned function forgets it. */
export function onAbort(signals: readonly (AbortSignal | undefined)[], act: () => void): () => void {
  const live = signals.filter((s) => s !== undefined);
  if (live.some((signal) => signal.aborted)) {
    act();
    return () => undefined;
  }
  for (const signal of live) signal.addEventListener('abort', act, { once: true });
  return () => {
    for (const signal of live) signal.removeEventListener('abort', act);
  };
}
