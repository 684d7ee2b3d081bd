/**
 * Locks. A run locks itself, each of its machines in the state folder, and each machine's place for products, so that two
 * state folders cannot write one product. Locks of machines are taken all or none, in sorted order.
 */
import { basename, dirname, join } from 'node:path';
import type { Host, MachineFacts } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { PlannedVm } from '../model/graph.js';
import { DIR_MODE, runPaths, statePaths, vmHash } from './layout.js';
import { isHolderAlive, LockFiles, readLock, SILENT_MS } from './lock-file.js';
import type { LockHolder } from './lock-file.js';

const HEARTBEAT_MS = 15_000;
/** The lock of the state folder is held for moments: waiting beats failing. */
const GUARD_WAIT_MS = 10_000;
const GUARD_POLL_MS = 50;
const AT_ONCE = 16;
const PRODUCT_LOCKS = '.drover-locks';

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
  return join(dirname(vm.outDir), PRODUCT_LOCKS, basename(vm.outDir));
}

/** The living holder of a run's lock; undefined when nobody works on the run. */
export async function runHolder(host: Host, lockPath: string): Promise<LockHolder | undefined> {
  const found = await readLock(host, lockPath);
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
  const namesIn = new Map<string, Promise<ReadonlySet<string>>>();
  const isThere = async (path: string): Promise<boolean> => {
    const dir = dirname(path);
    const names =
      namesIn.get(dir) ??
      host.files.list(dir).then(
        (list) => new Set(list),
        () => new Set<string>(),
      );
    namesIn.set(dir, names);
    return (await names).has(basename(path));
  };
  await inParts(vms, async (vm) => {
    for (const path of [join(statePaths(stateDir).vmLocks, vmHash(vm.vmKey)), productLock(vm)]) {
      const holder = (await isThere(path)) ? (await readLock(host, path))?.holder : undefined;
      // A holder on another machine cannot be asked: its lock stands until somebody breaks it.
      if (holder !== undefined && (await isHolderAlive(host, facts, holder)) !== false) held[vm.vmKey] ??= holder;
    }
  });
  return held;
}

/** Acts on items, some at once; every act has ended when it returns or throws. */
async function inParts<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const ends = await Promise.allSettled(items.slice(from, from + AT_ONCE).map(act));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

/** Takes locks that lie in few folders: the first of each folder alone, because the others become links to it. */
async function takeAll(paths: readonly string[], take: (path: string) => Promise<void>): Promise<void> {
  const seen = new Set<string>();
  const first = paths.filter((path) => !seen.has(dirname(path)) && seen.add(dirname(path)));
  const isFirst = new Set(first);
  await inParts(first, take);
  await inParts(
    paths.filter((path) => !isFirst.has(path)),
    take,
  );
}

async function takeProductLock(host: Host, locks: LockFiles, path: string): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    try {
      return await locks.take(path);
    } catch (cause) {
      // Not made yet, or another run has just removed the empty folder.
      if (turn >= 4 || !(cause instanceof DroverError) || cause.code !== 'file.not-found') throw cause;
    }
    // The folder for products is the user's: it gets ordinary rights. The folder for locks is ours.
    await host.files.makeDir(dirname(dirname(path)), 0o755);
    await host.files.makeDir(dirname(path), DIR_MODE);
  }
}

/** Takes the lock of the state folder, waiting for moments. */
async function takeGuard(host: Host, facts: MachineFacts, path: string, holder: LockHolder): Promise<LockFiles> {
  const guard = new LockFiles(host, facts, holder, true);
  const deadline = host.clock.monotonic() + GUARD_WAIT_MS;
  for (;;) {
    try {
      await guard.take(path);
      return guard;
    } catch (cause) {
      if (!(cause instanceof DroverError) || cause.code !== 'lock.held') throw cause;
      if (host.clock.monotonic() > deadline) throw cause;
      await host.clock.sleep(GUARD_POLL_MS);
    }
  }
}

/** Gives back what is held, and removes folders for locks beside products that are empty then. */
async function giveAllBack(host: Host, locks: LockFiles): Promise<void> {
  const { paths } = locks;
  await inParts(paths, (path) => locks.giveBack(path));
  await locks.close();
  const dirs = new Set(paths.map((path) => dirname(path)).filter((dir) => basename(dir) === PRODUCT_LOCKS));
  for (const dir of dirs) await host.files.removeEmptyDir(dir);
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
  const state = statePaths(stateDir);
  await host.files.makeDir(state.vmLocks, DIR_MODE);
  const guard = await takeGuard(host, facts, state.lock, holder);
  const locks = new LockFiles(host, facts, holder, request.breakLock);
  try {
    await locks.take(runPaths(stateDir, runId).lock);
    const sorted = [...vms].sort((a, b) => (a.vmKey < b.vmKey ? -1 : 1));
    await takeAll(
      sorted.map((vm) => join(state.vmLocks, vmHash(vm.vmKey))),
      (path) => locks.take(path),
    );
    await takeAll([...new Set(sorted.map(productLock))].sort(), (path) => takeProductLock(host, locks, path));
  } catch (cause) {
    await giveAllBack(host, locks);
    throw cause;
  } finally {
    await giveAllBack(host, guard);
  }
  const beat = startHeartbeat(host, locks, request.onLost);
  return {
    release: async () => {
      await beat.stop();
      await giveAllBack(host, locks);
    },
  };
}

function startHeartbeat(host: Host, locks: LockFiles, onLost: (error: DroverError) => void): { stop(): Promise<void> } {
  let isStopped = false;
  let beating: Promise<void> = Promise.resolve();
  let timer: { cancel(): void } | undefined;
  const beat = async (): Promise<void> => {
    await locks.touch();
    for (const path of locks.paths) {
      if (isStopped) return;
      if (await locks.isHeld(path)) continue;
      isStopped = true;
      const found = await readLock(host, path);
      return onLost(
        new DroverError({
          code: 'engine.lock-lost',
          message: `the lock ${path} is no longer held by this run`,
          details: { path, ...(found?.holder === undefined ? {} : { run: found.holder.runId }) },
        }),
      );
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
