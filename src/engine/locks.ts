/**
 * Locks. A run locks itself, each of its machines in the state folder, and each machine's place for products, so that two
 * state folders cannot write one product. Locks of machines are taken all or none, in sorted order.
 */
import { basename, dirname, join } from 'node:path';
import type { Host, MachineFacts } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { PlannedVm } from '../model/graph.js';
import { DIR_MODE, runPaths, statePaths, vmHash } from './layout.js';

const HEARTBEAT_MS = 15_000;
const SILENT_MS = 60_000;
/** The lock of the state folder is held for moments: waiting beats failing. */
const GUARD_WAIT_MS = 10_000;
const GUARD_POLL_MS = 50;
/** A lock file without readable content is being written, or its writer died in between. */
const UNREADABLE_MS = 5_000;
const AT_ONCE = 16;

/** What a lock file says about its holder. */
export interface LockHolder {
  readonly runId: string;
  readonly host: string;
  readonly user: string;
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
  readonly ts: string;
}

export interface RunLocks {
  /** Gives all locks back. */
  release(): Promise<void>;
}

export interface LockRequest {
  readonly host: Host;
  readonly stateDir: string;
  readonly runId: string;
  readonly vms: readonly PlannedVm[];
  readonly breakLock: boolean;
  /** Called once when a lock turns out to be gone or somebody else's. */
  readonly onLost: (error: DroverError) => void;
}

/** Where the product of a machine is locked: beside its folder, which may not exist yet. */
function productLock(vm: PlannedVm): string {
  return join(dirname(vm.outDir), '.drover-locks', basename(vm.outDir));
}

function isHolder(value: unknown): value is LockHolder {
  const holder = value as Partial<LockHolder> | null;
  return typeof holder === 'object' && typeof holder?.pid === 'number' && typeof holder.startTicks === 'string';
}

/** Who holds a lock file, how old its last sign of life is, or undefined when there is no such file. */
async function readHolder(
  host: Host,
  path: string,
): Promise<{ readonly holder: LockHolder | undefined; readonly text: string; readonly ageMs: number } | undefined> {
  const facts = await host.files.stat(path);
  if (facts === undefined) return undefined;
  const ageMs = host.clock.now() - Number(BigInt(facts.mtimeNs) / 1_000_000n);
  let text = '';
  try {
    text = await host.files.readText(path, 64 * 1024);
    const value = JSON.parse(text) as unknown;
    return { holder: isHolder(value) ? value : undefined, text, ageMs };
  } catch (cause) {
    if (cause instanceof DroverError && cause.code === 'file.not-found') return undefined;
    return { holder: undefined, text, ageMs };
  }
}

/** Whether the process behind a lock is alive; undefined when it ran on another machine and cannot be asked. */
async function isHolderAlive(host: Host, facts: MachineFacts, holder: LockHolder): Promise<boolean | undefined> {
  return holder.host === facts.hostname ? host.isAlive(holder) : undefined;
}

/** The living holder of a run's lock; undefined when nobody works on the run. */
export async function runHolder(host: Host, lockPath: string): Promise<LockHolder | undefined> {
  const found = await readHolder(host, lockPath);
  if (found?.holder === undefined) return undefined;
  const alive = await isHolderAlive(host, await host.facts(), found.holder);
  return (alive ?? found.ageMs < SILENT_MS) ? found.holder : undefined;
}

/** The machines of a plan that another run holds now, by vmKey: what `takeLocks` would refuse. Reads only. */
export async function lockedMachines(
  host: Host,
  stateDir: string,
  vms: readonly PlannedVm[],
): Promise<Readonly<Record<string, LockHolder>>> {
  const facts = await host.facts();
  const held: Record<string, LockHolder> = {};
  await inParts(vms, AT_ONCE, async (vm) => {
    for (const path of [join(statePaths(stateDir).vmLocks, vmHash(vm.vmKey)), productLock(vm)]) {
      const holder = (await readHolder(host, path))?.holder;
      // A holder on another machine cannot be asked: its lock stands until somebody breaks it.
      if (holder !== undefined && (await isHolderAlive(host, facts, holder)) !== false) held[vm.vmKey] ??= holder;
    }
  });
  return held;
}

function heldError(path: string, holder: LockHolder | undefined, isForeign: boolean): DroverError {
  const who =
    holder === undefined
      ? 'by a process that has not said who it is'
      : `by run ${holder.runId} of ${holder.user} on ${holder.host} (pid ${holder.pid})`;
  return new DroverError({
    code: 'lock.held',
    message: `${path} is held ${who}`,
    ...(isForeign
      ? { hint: 'It ran on another machine. When you are sure that it is gone there, use --break-lock.' }
      : {}),
    details: { path, ...(holder === undefined ? {} : { run: holder.runId, host: holder.host, user: holder.user }) },
  });
}

/** Takes one lock, breaking it when its holder is gone. Throws `lock.held`. */
async function takeOne(host: Host, facts: MachineFacts, path: string, text: string, breakLock: boolean): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    if (await host.files.createNew(path, text)) return;
    const found = await readHolder(host, path);
    if (found === undefined) continue;
    const alive = found.holder === undefined ? undefined : await isHolderAlive(host, facts, found.holder);
    const isForeign = found.holder !== undefined && alive === undefined;
    const isStale =
      found.holder === undefined
        ? found.ageMs > UNREADABLE_MS
        : isForeign
          ? breakLock && found.ageMs > SILENT_MS
          : alive === false;
    if (!isStale || turn >= 8) throw heldError(path, found.holder, isForeign);
    await breakStale(host, path, found.text);
  }
}

/** Moves a stale lock away, and back when it turns out that somebody else has just replaced it. */
async function breakStale(host: Host, path: string, expected: string): Promise<void> {
  const aside = `${path}.stale-${host.random.base32(8)}`;
  try {
    await host.files.rename(path, aside);
    const text = await host.files.readText(aside, 64 * 1024);
    if (text !== expected) await host.files.createNew(path, text);
    await host.files.remove(aside);
  } catch (cause) {
    if (!(cause instanceof DroverError) || cause.code !== 'file.not-found') throw cause;
  }
}

/** Acts on items, some at once; every act has ended when it returns or throws. */
async function inParts<T>(items: readonly T[], size: number, act: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += size) {
    const ends = await Promise.allSettled(items.slice(from, from + size).map(act));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

async function takeProductLock(host: Host, path: string, take: (path: string) => Promise<void>): Promise<void> {
  const dir = dirname(path);
  for (let turn = 0; ; turn += 1) {
    // The folder for products is the user's: it gets ordinary rights. The folder for locks is ours.
    await host.files.makeDir(dirname(dir), 0o755);
    await host.files.makeDir(dir, DIR_MODE);
    try {
      return await take(path);
    } catch (cause) {
      // Another run has just removed the empty folder.
      if (turn >= 4 || !(cause instanceof DroverError) || cause.code !== 'file.not-found') throw cause;
    }
  }
}

/** Takes the lock of the state folder, waiting for moments. */
async function takeGuard(host: Host, facts: MachineFacts, path: string, text: string): Promise<void> {
  const deadline = host.clock.monotonic() + GUARD_WAIT_MS;
  for (;;) {
    try {
      return await takeOne(host, facts, path, text, true);
    } catch (cause) {
      if (!(cause instanceof DroverError) || cause.code !== 'lock.held') throw cause;
      if (host.clock.monotonic() > deadline) throw cause;
      await host.clock.sleep(GUARD_POLL_MS);
    }
  }
}

/** Takes all locks of a run or none. Throws `lock.held` naming the run that holds one of them. */
export async function takeLocks(request: LockRequest): Promise<RunLocks> {
  const { host, stateDir, runId, vms } = request;
  const facts = await host.facts();
  const holder: LockHolder = {
    runId,
    host: facts.hostname,
    user: facts.user,
    pid: facts.pid,
    startTicks: facts.startTicks,
    bootId: facts.bootId,
    ts: new Date(host.clock.now()).toISOString(),
  };
  const text = `${JSON.stringify(holder)}\n`;
  const state = statePaths(stateDir);
  const taken: string[] = [];
  const giveBack = (): Promise<void> => inParts(taken, AT_ONCE, (path) => releaseOne(host, path, text));
  const take = async (path: string): Promise<void> => {
    await takeOne(host, facts, path, text, request.breakLock);
    taken.push(path);
  };
  await host.files.makeDir(state.vmLocks, DIR_MODE);
  await takeGuard(host, facts, state.lock, text);
  try {
    await take(runPaths(stateDir, runId).lock);
    const sorted = [...vms].sort((a, b) => (a.vmKey < b.vmKey ? -1 : 1));
    await inParts(sorted, AT_ONCE, (vm) => take(join(state.vmLocks, vmHash(vm.vmKey))));
    const products = [...new Set(sorted.map(productLock))].sort();
    await inParts(products, AT_ONCE, (path) => takeProductLock(host, path, take));
  } catch (cause) {
    await giveBack();
    throw cause;
  } finally {
    await releaseOne(host, state.lock, text);
  }
  const beat = startHeartbeat(host, taken, text, request.onLost);
  return {
    release: async () => {
      await beat.stop();
      await giveBack();
    },
  };
}

/** Removes a lock file if it is still ours, and the folder for locks beside products when it is empty then. */
async function releaseOne(host: Host, path: string, text: string): Promise<void> {
  const found = await readHolder(host, path);
  if (found?.text === text) await host.files.remove(path);
  if (basename(dirname(path)) === '.drover-locks') await host.files.removeEmptyDir(dirname(path));
}

function startHeartbeat(
  host: Host,
  paths: readonly string[],
  text: string,
  onLost: (error: DroverError) => void,
): { stop(): Promise<void> } {
  let isStopped = false;
  let beating: Promise<void> = Promise.resolve();
  let timer: { cancel(): void } | undefined;
  const beat = async (): Promise<void> => {
    for (const path of paths) {
      if (isStopped) return;
      const found = await readHolder(host, path);
      if (found?.text !== text) {
        isStopped = true;
        return onLost(
          new DroverError({
            code: 'engine.lock-lost',
            message: `the lock ${path} is no longer held by this run`,
            details: { path, ...(found?.holder === undefined ? {} : { run: found.holder.runId }) },
          }),
        );
      }
      await host.files.touch(path);
    }
  };
  const arm = (): void => {
    timer = host.clock.setTimer(HEARTBEAT_MS, () => {
      // A file system that fails for a moment is no lost lock: the next beat tells.
      beating = beat()
        .catch(() => undefined)
        .finally(() => {
          if (!isStopped) arm();
        });
    });
  };
  arm();
  return {
    stop: async () => {
      isStopped = true;
      timer?.cancel();
      await beating;
      timer?.cancel();
    },
  };
}
