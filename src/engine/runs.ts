/** Runs as their folders tell them; works beside a run that is going on. */
import type { Host } from '../host/index.js';
import type { RunEvent } from '../model/event.js';
import { readEventsFile } from './event-stream.js';
import { indexGraph } from './graph-index.js';
import { pathsOfRunDir, runPaths } from './layout.js';
import type { RunPaths } from './layout.js';
import { runHolder } from './locks.js';
import { replayRun } from './recover-run.js';
import { findRun, readPlan, readRunFile, runIds } from './run-file.js';
import type { RunFile } from './run-file.js';
import type { RunSummary, RunView, WaitingTask } from './run-types.js';

async function summaryOf(host: Host, paths: RunPaths, file: RunFile): Promise<RunSummary> {
  const { v: _v, storeDir: _storeDir, ...rest } = file;
  const isActive = (await runHolder(host, paths.lock)) !== undefined;
  return { ...rest, dir: paths.dir, active: isActive };
}

/** All runs of a state folder, oldest first; an empty list when there is no such folder. */
export async function listRuns(host: Host, stateDir: string): Promise<readonly RunSummary[]> {
  const runs: RunSummary[] = [];
  for (const id of await runIds(host, stateDir)) {
    const paths = runPaths(stateDir, id);
    const file = await readRunFile(host, paths);
    if (file !== undefined) runs.push(await summaryOf(host, paths, file));
  }
  return runs;
}

interface WaitingFile {
  readonly waiting: readonly WaitingTask[];
  readonly pools: RunView['pools'];
}

async function readWaiting(host: Host, path: string): Promise<WaitingFile> {
  const nothing: WaitingFile = { waiting: [], pools: {} };
  if ((await host.files.stat(path)) === undefined) return nothing;
  try {
    return JSON.parse(await host.files.readText(path, 256 * 1024 ** 2)) as WaitingFile;
  } catch {
    // The run ended and removed it between the two looks.
    return nothing;
  }
}

/**
 * A run as its journal tells it; the newest one without an id or with `last`. A prefix of an id will do. Throws
 * `cli.no-run`, `engine.journal-damaged`.
 */
export async function readRun(host: Host, stateDir: string, runId?: string): Promise<RunView> {
  const { paths, file } = await findRun(host, stateDir, runId);
  const graph = await readPlan(host, paths);
  const summary = await summaryOf(host, paths, file);
  const { ledger, scan } = await replayRun(host, paths, indexGraph(graph));
  const torn = scan.totalBytes - scan.goodBytes;
  // While it is being written the last record may be half there.
  const notices = torn > 0 && !summary.active ? [`the last record of the journal is torn (${torn} bytes)`] : [];
  const { waiting, pools } = summary.active ? await readWaiting(host, paths.waiting) : { waiting: [], pools: {} };
  const { endedAt, outcome: _outcome, exitCode: _exitCode, ...rest } = summary;
  const end = ledger.end === undefined ? {} : { ...ledger.end, ...(endedAt === undefined ? {} : { endedAt }) };
  return { ...rest, ...end, graph, status: ledger.byId(), waiting, pools, notices };
}

/** The events of a run in order, from after a sequence number. A torn last line is left out. */
export async function readEvents(host: Host, runDir: string, afterSeq = 0): Promise<readonly RunEvent[]> {
  return (await readEventsFile(host, pathsOfRunDir(runDir).events, afterSeq)).events;
}
