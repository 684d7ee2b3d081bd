/** Checks and repairs the files of runs. */
import type { Host } from '../host/index.js';
import { asDroverError } from '../lib/error.js';
import { indexGraph } from './graph-index.js';
import { RunLedger } from './ledger.js';
import { eventsAfterRecord } from './event-stream.js';
import { MAX_RECORDS_BYTES, runPaths } from './layout.js';
import type { RunPaths } from './layout.js';
import { takeLocks } from './locks.js';
import { readJournal } from './recovery.js';
import { replayRun } from './recover-run.js';
import { readPlan, readRunFile, reopenRunFile, runIds } from './run-file.js';

export interface StateFinding {
  readonly runId: string;
  readonly path: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** Reads every record of one run's or all runs' journals and compares snapshot and journal. Changes nothing. */
export async function verifyState(host: Host, stateDir: string, runId?: string): Promise<readonly StateFinding[]> {
  const findings: StateFinding[] = [];
  for (const id of runId === undefined ? await runIds(host, stateDir) : [runId]) {
    findings.push(...(await verifyRun(host, stateDir, id)));
  }
  return findings;
}

async function verifyRun(host: Host, stateDir: string, runId: string): Promise<readonly StateFinding[]> {
  const paths = runPaths(stateDir, runId);
  const finding = (severity: StateFinding['severity'], path: string, message: string): StateFinding => ({
    runId,
    path,
    severity,
    message,
  });
  if ((await readRunFile(host, paths)) === undefined) {
    return [finding('warning', paths.runFile, 'missing or unreadable: the run never began, or its folder was damaged')];
  }
  const findings: StateFinding[] = [];
  try {
    const scan = await readJournal(host, paths.journal);
    if (scan.damage !== undefined) {
      const { line, what } = scan.damage;
      return [finding('error', paths.journal, `line ${line}: ${what}, and good records follow`)];
    }
    const torn = scan.totalBytes - scan.goodBytes;
    if (torn > 0) findings.push(finding('warning', paths.journal, `the last record is torn (${torn} bytes)`));
    const index = indexGraph(await readPlan(host, paths));
    const whole = new RunLedger(index);
    for (const record of scan.records) whole.apply(record);
    const short = await replayRun(host, paths, index);
    const same = JSON.stringify(whole.toSnapshot()) === JSON.stringify(short.ledger.toSnapshot());
    if (!same) findings.push(finding('error', paths.state, 'the snapshot tells another story than the journal'));
  } catch (cause) {
    const { message } = asDroverError(cause);
    findings.push(finding('error', paths.dir, message));
  }
  return findings;
}

export interface RepairResult {
  readonly runId: string;
  /** The journal as it was. */
  readonly copy: string;
  readonly recordsKept: number;
  readonly bytesCut: number;
}

/**
 * Cuts a damaged journal before its first bad record and keeps a copy of what it was. Undefined when nothing is wrong.
 * Throws `lock.held` while the run is going on.
 */
export async function repairState(host: Host, stateDir: string, runId: string): Promise<RepairResult | undefined> {
  const paths = runPaths(stateDir, runId);
  const locks = await takeLocks({ host, stateDir, runId, vms: [], breakLock: false, onLost: () => undefined });
  try {
    const scan = await readJournal(host, paths.journal);
    if (scan.goodBytes === scan.totalBytes && scan.damage === undefined) return undefined;
    const stamp = new Date(host.clock.now()).toISOString().replaceAll(/[-:.]/g, '');
    const copy = await cutAt(host, paths.journal, scan.goodBytes, stamp);
    // The snapshot may hold what was cut off.
    await host.files.remove(paths.state);
    await forgetRecordsAfter(host, paths, scan.lastSeq, stamp);
    return {
      runId,
      copy,
      recordsKept: scan.records.length,
      bytesCut: scan.totalBytes - scan.goodBytes,
    };
  } finally {
    await locks.release();
  }
}

/** Cuts a file and keeps a copy of what it was, whose path it returns. */
async function cutAt(host: Host, path: string, bytes: number, stamp: string): Promise<string> {
  const copy = `${path}.damaged-${stamp}`;
  await host.files.writeAtomic(copy, await host.files.read(path, MAX_RECORDS_BYTES));
  await host.files.truncate(path, bytes);
  await host.files.syncFile(path);
  return copy;
}

/** What tells of records that are gone must go with them: status and report are drawn from the events. */
async function forgetRecordsAfter(host: Host, paths: RunPaths, lastSeq: number, stamp: string): Promise<void> {
  const cut = await eventsAfterRecord(host, paths.events, lastSeq);
  if (cut !== undefined) await cutAt(host, paths.events, cut, stamp);
  const file = await readRunFile(host, paths);
  if (file !== undefined) await reopenRunFile(host, paths, file);
}
