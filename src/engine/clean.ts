/** Frees space in the state folder. */
import { join } from 'node:path';
import type { Host } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { PlannedVm, TaskGraph } from '../model/graph.js';
import { runPaths, vmHash, vmStoreDir } from './layout.js';
import type { RunPaths } from './layout.js';
import { takeLocks } from './locks.js';
import { readPlan, readRunFile, runIds } from './run-file.js';
import type { RunFile } from './run-file.js';
import { dropVmIntermediates, treeBytes } from './store.js';

export interface CleanRequest {
  readonly host: Host;
  readonly stateDir: string;
  /** One run, or every run that is over. */
  readonly runId?: string;
  /** `intermediates`: what no later run needs to count its work as done. `all`: run folders and the store of their machines too. */
  readonly what: 'intermediates' | 'all';
  /** Only runs that ended longer ago than this. */
  readonly olderThanMs?: number;
  readonly dryRun?: boolean;
}

export interface CleanResult {
  readonly removed: readonly { readonly path: string; readonly bytes: number }[];
  /** What was left alone, and why. */
  readonly kept: readonly { readonly path: string; readonly why: string }[];
  readonly bytes: number;
}

interface Candidate {
  readonly runId: string;
  readonly paths: RunPaths;
  readonly file: RunFile;
  readonly graph: TaskGraph;
}

/** A run that ended well, or that nobody will go on with because somebody asked for its removal by name. */
function isFinished(file: RunFile): boolean {
  return file.outcome === 'succeeded' || file.outcome === 'partial';
}

/**
 * Never touches products, nor anything that an unfinished run refers to: failed, halted and cancelled runs count as
 * unfinished unless the run is named. Throws `lock.held` when a named run is going on.
 */
export async function cleanState(request: CleanRequest): Promise<CleanResult> {
  const { host, stateDir, runId } = request;
  const removed: { path: string; bytes: number }[] = [];
  const kept: { path: string; why: string }[] = [];
  const candidates: Candidate[] = [];
  /** Machines that unfinished runs refer to, with the run. */
  const needed = new Map<string, string>();
  /** Runs that refer to each machine. */
  const users = new Map<string, string[]>();
  for (const id of await runIds(host, stateDir)) {
    const paths = runPaths(stateDir, id);
    const file = await readRunFile(host, paths);
    if (file === undefined) {
      if (runId === undefined || runId === id) await removeShell(request, paths, removed);
      continue;
    }
    const graph = await readPlan(host, paths).catch(() => undefined);
    if (graph === undefined) {
      kept.push({ path: paths.dir, why: 'its plan cannot be read' });
      continue;
    }
    for (const vm of graph.vms) users.set(vm.vmKey, [...(users.get(vm.vmKey) ?? []), id]);
    const isNamed = runId === id;
    if (!isNamed && !isFinished(file)) for (const vm of graph.vms) needed.set(vm.vmKey, id);
    if (runId !== undefined && !isNamed) continue;
    if (!isNamed && !isFinished(file))
      kept.push({ path: paths.dir, why: `it ended as ${file.outcome ?? 'unfinished'}` });
    else if (isTooYoung(request, file)) kept.push({ path: paths.dir, why: 'it is too young' });
    else candidates.push({ runId: id, paths, file, graph });
  }
  if (runId !== undefined && candidates.length === 0 && kept.length === 0 && removed.length === 0) {
    throw new DroverError({ code: 'cli.no-run', message: `there is no run ${runId} in ${stateDir}` });
  }
  const going = new Set(candidates.map((candidate) => candidate.runId));
  for (const candidate of candidates) {
    if (request.what === 'all') {
      // The store is what lets a later run of the machine find its work done.
      for (const { vmKey } of candidate.graph.vms) {
        const other = users.get(vmKey)?.find((id) => !going.has(id));
        if (other !== undefined && !needed.has(vmKey)) needed.set(vmKey, other);
      }
    }
    await cleanRun(request, candidate, needed, removed, kept);
  }
  return { removed, kept, bytes: removed.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function isTooYoung(request: CleanRequest, file: RunFile): boolean {
  if (request.olderThanMs === undefined) return false;
  const ended = Date.parse(file.endedAt ?? file.startedAt);
  return request.host.clock.now() - ended < request.olderThanMs;
}

/** A folder in which no run ever began: its process died while taking the locks. */
async function removeShell(
  request: CleanRequest,
  paths: RunPaths,
  removed: { path: string; bytes: number }[],
): Promise<void> {
  const { host } = request;
  const facts = await host.files.stat(paths.dir);
  const ageMs = host.clock.now() - Number(BigInt(facts?.mtimeNs ?? '0') / 1_000_000n);
  if (request.what !== 'all' || ageMs < 60_000) return;
  removed.push({ path: paths.dir, bytes: await treeBytes(host, paths.dir) });
  if (request.dryRun !== true) await host.files.removeTree(paths.dir);
}

async function cleanRun(
  request: CleanRequest,
  { runId, paths, file, graph }: Candidate,
  needed: ReadonlyMap<string, string>,
  removed: { path: string; bytes: number }[],
  kept: { path: string; why: string }[],
): Promise<void> {
  const { host, stateDir, what } = request;
  const isDryRun = request.dryRun === true;
  const free: PlannedVm[] = [];
  for (const vm of graph.vms) {
    const by = needed.get(vm.vmKey);
    if (by === undefined) free.push(vm);
    else kept.push({ path: join('artefacts', vmHash(vm.vmKey)), why: `run ${by} refers to it` });
  }
  const locks = isDryRun
    ? undefined
    : await takeLocks({ host, stateDir, runId, vms: free, breakLock: false, onLost: () => undefined });
  try {
    for (const vm of free) {
      if (what === 'intermediates') {
        const dropped = await dropVmIntermediates(host, file.storeDir, vm.vmKey, isDryRun);
        if (dropped.paths.length > 0) {
          removed.push({ path: vmStoreDir(file.storeDir, vm.vmKey), bytes: dropped.bytes });
        }
        continue;
      }
      const store = vmStoreDir(file.storeDir, vm.vmKey);
      if ((await host.files.stat(store)) === undefined) continue;
      removed.push({ path: store, bytes: await treeBytes(host, store) });
      if (!isDryRun) await host.files.removeTree(store);
    }
    if (what !== 'all') return;
    removed.push({ path: paths.dir, bytes: await treeBytes(host, paths.dir) });
  } finally {
    await locks?.release();
  }
  if (!isDryRun) await host.files.removeTree(paths.dir);
}
