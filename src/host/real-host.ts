import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { availableParallelism, hostname, totalmem, userInfo } from 'node:os';
import { DroverError } from '../lib/error.js';
import { Redactor } from '../lib/secret.js';
import { currentBootId, isGroupAlive, isSameProcess, signalGroup, startTicksOf } from './identity.js';
import type { Clock, Connection, Host, HostScope, MachineFacts, Random } from './ports.js';
import type { ProcessDeps } from './child.js';
import { execTool } from './exec-tool.js';
import { createFiles } from './real-files.js';
import { spawnTool } from './spawn-tool.js';
import { createToolResolver } from './tool-resolver.js';
import { probeVersion } from './tool-version.js';
import type { ToolName } from './tools.js';

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';

export interface HostOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly redactor?: Redactor;
  /** Gets what the host itself has to say, such as a folder of PATH that is not used. */
  readonly log?: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;
}

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, ms);
      signal?.addEventListener('abort', stop, { once: true });
    }),
  setTimer: (ms, run) => {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

const random: Random = {
  bytes: (count) => randomBytes(count),
  base32: (count) => Array.from(randomBytes(count), (byte) => BASE32[byte % 32]).join(''),
};

async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kib = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  return kib === undefined ? totalmem() / 2 : Number(kib) * 1024;
}

/** Whom the system says we are; a container may run under a number that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid${process.getuid?.() ?? 'unknown'}`;
  }
}

/** A scope within a scope: either signal ends what is done, and what is known about the place adds up. */
function narrow(outer: HostScope, inner: HostScope): HostScope {
  const signals = [outer.signal, inner.signal].filter((signal) => signal !== undefined);
  return {
    ...outer,
    ...inner,
    ...(signals.length === 2 ? { signal: AbortSignal.any(signals) } : {}),
    where: { ...outer.where, ...inner.where },
  };
}

function connectUnix(path: string, timeoutMs: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
    socket.once('error', (cause) => {
      clearTimeout(timer);
      reject(new DroverError({ code: 'file.io', message: `cannot connect to ${path}`, retryable: true, cause }));
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      socket.on('error', () => undefined);
      const close = (): void => void socket.destroy();
      resolve({ input: socket, output: socket, close, [Symbol.asyncDispose]: async () => close() });
    });
  });
}

/** The real machine. One per process; tasks act through `within`. */
export function createHost(options: HostOptions = {}): Host {
  const env = options.env ?? process.env;
  const redactor = options.redactor ?? new Redactor();
  const files = createFiles();
  const isRoot = process.getuid?.() === 0;
  const tools = createToolResolver({
    env,
    isRoot,
    monotonic: () => clock.monotonic(),
    log: (level, message) => options.log?.(level, message),
  });
  const resolve = (tool: ToolName): Promise<string> => tools.resolve(tool);
  const versions = new Map<ToolName, { readonly identity: string; readonly version: Promise<string> }>();
  let death: Promise<readonly string[]> | undefined;
  const deathPrefix = (): Promise<readonly string[]> => {
    death ??= findDeathPrefix();
    return death;
  };

  const findDeathPrefix = async (): Promise<readonly string[]> => {
    try {
      const prefix = [await resolve('setpriv'), '--pdeathsig', 'KILL', '--'];
      // Older versions do not know the option, and then nothing at all could be started.
      const deps: ProcessDeps = { ...base, deathPrefix: async () => [], scope: {} };
      const args = [...prefix.slice(1), prefix[0] ?? '', '--version'];
      await execTool(
        { tool: 'setpriv', args, purpose: 'see what it can do', mutates: false, timeoutMs: 10_000 },
        deps,
        undefined,
      );
      return prefix;
    } catch {
      options.log?.('debug', 'children will not die with Drover: setpriv cannot do it here');
      return [];
    }
  };
  const base = { resolve, deathPrefix, env, redactor, monotonic: () => clock.monotonic() };

  const scoped = (scope: HostScope): Host => {
    const deps: ProcessDeps = { ...base, scope };
    const host: Host = {
      files,
      clock,
      random,
      redactor,
      cwd: options.cwd ?? process.cwd(),
      env: (name) => env[name],
      facts: async (): Promise<MachineFacts> => ({
        hostname: hostname(),
        user: userName(),
        uid: process.getuid?.() ?? -1,
        pid: process.pid,
        startTicks: (await startTicksOf(process.pid)) ?? '0',
        bootId: await currentBootId(),
        cpus: availableParallelism(),
        totalMemoryBytes: totalmem(),
        availableMemoryBytes: await availableMemory(),
      }),
      exec: async (spec) => {
        const prlimit = spec.limits === undefined ? undefined : await resolve('prlimit').catch(() => undefined);
        return execTool(spec, deps, prlimit);
      },
      spawn: (spec) => spawnTool(spec, deps),
      resolveTool: resolve,
      toolVersion: async (tool) => {
        const identity = await tools.identity(tool).catch(() => undefined);
        if (identity === undefined) return undefined;
        const known = versions.get(tool);
        if (known?.identity === identity) return known.version;
        const version = probeVersion(scoped({}), tool);
        versions.set(tool, { identity, version });
        return version;
      },
      connectUnix,
      isAlive: isSameProcess,
      isGroupAlive,
      signalGroup,
      within: (inner) => scoped(narrow(scope, inner)),
    };
    return host;
  };
  return scoped({});
}
