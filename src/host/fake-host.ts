/** A machine that exists in a test only: virtual clock, files in memory, scripted programs, seeded randomness. */
import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { DroverError } from '../lib/error.js';
import { Redactor } from '../lib/secret.js';
import { createVirtualClock } from './fake-clock.js';
import type { VirtualClock } from './fake-clock.js';
import { createFakeExec } from './fake-exec.js';
import type { FakeExec } from './fake-exec.js';
import { createFakeFiles } from './fake-files.js';
import type { FakeFiles } from './fake-files.js';
import type { Connection, Host, HostScope, MachineFacts, Random } from './ports.js';
import type { ToolName } from './tools.js';

export interface FakeHostOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** @default '/work' */
  readonly cwd?: string;
  /** Versions of installed tools; every other tool is installed with version `1.0`. Null for a missing one. */
  readonly tools?: Partial<Readonly<Record<ToolName, string | null>>>;
  readonly facts?: Partial<MachineFacts>;
  readonly seed?: string;
  /** Servers by socket path: gets the two ends of a new connection. */
  readonly servers?: Readonly<Record<string, (fromClient: PassThrough, toClient: PassThrough) => void>>;
  readonly clock?: VirtualClock;
  readonly files?: FakeFiles;
}

export interface FakeHost extends Host {
  readonly files: FakeFiles;
  readonly clock: VirtualClock;
  readonly programs: FakeExec;
  /** Identities of processes that are alive, as `pid:startTicks`; this process is one of them. */
  readonly alive: Set<string>;
  /** Signals that were sent to groups. */
  readonly signals: readonly { readonly pgid: number; readonly signal: string }[];
  /** What was logged by scopes without a log of their own. */
  readonly logs: readonly string[];
}

function seededRandom(seed: string): Random {
  let count = 0;
  const bytes = (length: number): Buffer => {
    const blocks: Buffer[] = [];
    for (let have = 0; have < length; have += 32) {
      blocks.push(
        createHash('sha256')
          .update(`${seed}:${(count += 1)}`)
          .digest(),
      );
    }
    return Buffer.concat(blocks).subarray(0, length);
  };
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  return { bytes, base32: (length) => Array.from(bytes(length), (byte) => alphabet[byte % 32]).join('') };
}

export function createFakeHost(options: FakeHostOptions = {}): FakeHost {
  const clock = options.clock ?? createVirtualClock();
  const files = options.files ?? createFakeFiles(() => clock.now());
  const programs = createFakeExec(clock);
  const redactor = new Redactor();
  const random = seededRandom(options.seed ?? 'seed');
  const machine: MachineFacts = {
    hostname: 'testhost',
    user: 'tester',
    uid: 0,
    pid: 4242,
    startTicks: '77',
    bootId: 'boot',
    cpus: 8,
    totalMemoryBytes: 16 * 1024 ** 3,
    availableMemoryBytes: 8 * 1024 ** 3,
    ...options.facts,
  };
  const alive = new Set([`${machine.pid}:${machine.startTicks}`]);
  const signals: { pgid: number; signal: string }[] = [];
  const logs: string[] = [];
  const lives = (pid: number, startTicks: string, bootId: string): boolean =>
    bootId === machine.bootId && alive.has(`${pid}:${startTicks}`);
  const missing = (tool: ToolName): boolean => options.tools?.[tool] === null;
  const resolveTool = async (tool: ToolName): Promise<string> => {
    if (missing(tool)) throw new DroverError({ code: 'exec.missing-tool', message: `${tool} was not found` });
    return `/usr/bin/${tool}`;
  };
  const connectUnix = async (path: string): Promise<Connection> => {
    const server = options.servers?.[path];
    if (server === undefined) {
      throw new DroverError({ code: 'file.io', message: `cannot connect to ${path}`, retryable: true });
    }
    const toServer = new PassThrough();
    const toClient = new PassThrough();
    server(toServer, toClient);
    const close = (): void => {
      toServer.destroy();
      toClient.destroy();
    };
    return { input: toClient, output: toServer, close, [Symbol.asyncDispose]: async () => close() };
  };
  const base = {
    files,
    clock,
    programs,
    random,
    redactor,
    alive,
    signals,
    logs,
    cwd: options.cwd ?? '/work',
    env: (name: string): string | undefined => options.env?.[name],
    facts: async (): Promise<MachineFacts> => machine,
    resolveTool,
    toolVersion: async (tool: ToolName): Promise<string | undefined> =>
      missing(tool) ? undefined : (options.tools?.[tool] ?? '1.0'),
    connectUnix,
    isAlive: async (who: { pid: number; startTicks: string; bootId: string }): Promise<boolean> =>
      lives(who.pid, who.startTicks, who.bootId),
    isGroupAlive: async (group: { pgid: number; startTicks: string; bootId: string }): Promise<boolean> =>
      lives(group.pgid, group.startTicks, group.bootId),
    signalGroup: async (
      group: { pgid: number; startTicks: string; bootId: string },
      signal: NodeJS.Signals,
    ): Promise<boolean> => {
      if (!lives(group.pgid, group.startTicks, group.bootId)) return false;
      signals.push({ pgid: group.pgid, signal });
      if (signal === 'SIGKILL') alive.delete(`${group.pgid}:${group.startTicks}`);
      return true;
    },
  };
  const scoped = (scope: HostScope): FakeHost => ({
    ...base,
    exec: async (spec) => {
      await resolveTool(spec.tool);
      return programs.exec(spec, { log: (level, message) => void logs.push(`${level} ${message}`), ...scope });
    },
    spawn: async (spec) => {
      await resolveTool(spec.tool);
      return programs.spawn(spec, scope);
    },
    within: (inner) => scoped({ ...scope, ...inner }),
  });
  return scoped({});
}
