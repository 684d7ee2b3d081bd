/** What earlier runs left, for the planner. Reads only. */
import type { Host } from '../host/index.js';
import type { HistoryLine, LastAttempt, PreviousRecord, PreviousRecords, StoredArtefact } from '../model/history.js';
import type { StageName } from '../model/stage.js';
import { statePaths } from './layout.js';
import { verifyOutputs } from './manifest.js';
import type { VerifyLevel } from './run-types.js';
import { findArtefact } from './store.js';

const AT_ONCE = 16;
/** Of a longer history only the end is read. */
const HISTORY_BYTES = 64 * 1024 ** 2;

/** A task about which the planner wants to know what earlier runs left. */
export interface PreviousQuery {
  readonly taskId: string;
  readonly vmKey: string;
  readonly stage: StageName;
}

/** What earlier runs left for these tasks, outputs verified. */
export async function previousRecords(
  host: Host,
  stateDir: string,
  queries: readonly PreviousQuery[],
  verify: VerifyLevel = 'sampled',
  storeDir = stateDir,
): Promise<PreviousRecords> {
  const lasts = await lastAttempts(host, stateDir);
  const records: Record<string, PreviousRecord> = {};
  const look = async ({ taskId, vmKey, stage }: PreviousQuery): Promise<void> => {
    const artefact = await storedArtefact(host, storeDir, vmKey, stage, verify);
    const last = lasts.get(taskId);
    if (artefact === undefined && last === undefined) return;
    records[taskId] = {
      taskId,
      vmKey,
      stage,
      ...(last === undefined ? {} : { last }),
      ...(artefact === undefined ? {} : { artefact }),
    };
  };
  for (let from = 0; from < queries.length; from += AT_ONCE) {
    await Promise.all(queries.slice(from, from + AT_ONCE).map(look));
  }
  return records;
}

async function storedArtefact(
  host: Host,
  storeDir: string,
  vmKey: string,
  stage: StageName,
  verify: VerifyLevel,
): Promise<StoredArtefact | undefined> {
  const found = await findArtefact(host, storeDir, vmKey, stage);
  if (found === undefined) return undefined;
  const { fingerprint, parts, producedBy, endedAt } = found.manifest;
  return {
    fingerprint,
    ...(parts === undefined ? {} : { parts }),
    outputs: await verifyOutputs(host, found.dir, found.manifest, verify),
    run: producedBy.run,
    attempt: producedBy.attempt,
    endedAt,
  };
}

async function lastAttempts(host: Host, stateDir: string): Promise<ReadonlyMap<string, LastAttempt>> {
  const lasts = new Map<string, LastAttempt>();
  for (const line of await readHistory(host, stateDir)) {
    const { state, run, endedAt, errorCode } = line;
    lasts.set(line.task, { state, run, endedAt, ...(errorCode === undefined ? {} : { errorCode }) });
  }
  return lasts;
}

/** The newest lines of the history, oldest first, at most `limit`. */
export async function readHistory(host: Host, stateDir: string, limit = 500_000): Promise<readonly HistoryLine[]> {
  const path = statePaths(stateDir).history;
  const facts = await host.files.stat(path);
  if (facts === undefined) return [];
  const from = Math.max(0, facts.sizeBytes - HISTORY_BYTES);
  await using file = await host.files.open(path);
  const text = (await file.read(from, facts.sizeBytes - from)).toString('utf8');
  const lines = text.split('\n');
  // The first line of a cut file is no whole line.
  if (from > 0) lines.shift();
  const history: HistoryLine[] = [];
  for (const line of lines.slice(-limit - 1)) {
    const parsed = parseLine(line);
    if (parsed !== undefined) history.push(parsed);
  }
  return history.slice(-limit);
}

/** A torn line, as a crash leaves it, costs one estimate and nothing else. */
function parseLine(line: string): HistoryLine | undefined {
  if (line === '') return undefined;
  try {
    const value = JSON.parse(line) as Partial<HistoryLine>;
    return value.v === 1 && typeof value.task === 'string' ? (value as HistoryLine) : undefined;
  } catch {
    return undefined;
  }
}
