import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { availableParallelism, hostname, totalmem, userInfo } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { DroverError } from '../lib/error.js';
import { Redactor } from '../lib/secret.js';
import { currentBootId, isGroupAlive, isSameProcess, signalGroup, startTicksOf } from './identity.js';
import type { Clock, Connection, Host, HostScope, MachineFacts, Random } from './ports.js';
import { execTool, spawnTool } from './processes.js';
import type { ProcessDeps } from './processes.js';
import { createFiles } from './real-files.js';
import { TOOLS } from './tools.js';
import type { ToolName } from './tools.js';

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';

export interface HostOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly redactor?: Redactor;
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

/** One cached lookup per tool; a miss is looked up again, a hit is for the life of the process. */
function toolResolver(env: NodeJS.ProcessEnv): (tool: ToolName) => Promise<string> {
  const found = new Map<ToolName, string>();
  return async (tool) => {
    const known = found.get(tool);
    if (known !== undefined) return known;
    const facts = TOOLS[tool];
    const override = env[`DROVER_BIN_${tool.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`];
    const fallback: readonly string[] = 'fallbackDirs' in facts ? (facts.fallbackDirs ?? []) : [];
    const dirs = [...(env['PATH'] ?? '').split(delimiter), ...fallback].filter((dir) => isAbsolute(dir));
    for (const path of override === undefined ? dirs.map((dir) => join(dir, facts.command)) : [override]) {
      try {
        await access(path, constants.X_OK);
        if ((await stat(path)).isFile()) {
          found.set(tool, path);
          return path;
        }
      } catch {
        // Not here: the next folder is looked at, and the error below names them all.
      }
    }
    throw new DroverError({
      code: 'exec.missing-tool',
      message: `${facts.command} was not found (searched ${override ?? `${dirs.length} folders of PATH`}); it serves ${facts.serves}`,
      hint: `Debian, Ubuntu: apt install ${facts.apt}. Fedora, RHEL: dnf install ${facts.dnf}. SUSE: zypper install ${facts.zypper}.`,
      details: { tool },
    });
  };
}

async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kib = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  return kib === undefined ? totalmem() / 2 : Number(kib) * 1024;
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
  const resolve = toolResolver(env);
  const versions = new Map<ToolName, Promise<string | undefined>>();
  let death: Promise<readonly string[]> | undefined;
  const deathPrefix = (): Promise<readonly string[]> => {
    death ??= resolve('setpriv').then(
      (path) => [path, '--pdeathsig', 'KILL', '--'],
      () => [],
    );
    return death;
  };

  const scoped = (scope: HostScope): Host => {
    const deps: ProcessDeps = { resolve, deathPrefix, env, redactor, scope, monotonic: () => clock.monotonic() };
    const host: Host = {
      files,
      clock,
      random,
      redactor,
      cwd: options.cwd ?? process.cwd(),
      env: (name) => env[name],
      facts: async (): Promise<MachineFacts> => ({
        hostname: hostname(),
        user: userInfo().username,
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
      toolVersion: (tool) => {
        const known = versions.get(tool);
        if (known !== undefined) return known;
        const probe = probeVersion(host, tool);
        versions.set(tool, probe);
        return probe;
      },
      connectUnix,
      isAlive: isSameProcess,
      isGroupAlive,
      signalGroup,
      within: (inner) => scoped({ ...scope, ...inner }),
    };
    return host;
  };
  return scoped({});
}

async function probeVersion(host: Host, tool: ToolName): Promise<string | undefined> {
  try {
    await host.resolveTool(tool);
  } catch {
    return undefined;
  }
  const args = TOOLS[tool].versionArgs;
  if (args.length === 0) return 'installed';
  const result = await host.exec({
    tool,
    args,
    purpose: 'ask for its version',
    mutates: false,
    timeoutMs: 20_000,
    okExitCodes: Array.from({ length: 128 }, (_, code) => code),
  });
  const text = `${result.stdout}\n${result.stderr}`;
  return (text.split('\n').find((line) => /\d+\.\d+/.test(line)) ?? text.split('\n')[0] ?? '').trim().slice(0, 120);
}
