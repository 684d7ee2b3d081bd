/** Brings back what a run's files say: the ledger, and where journal and events go on. */
import type { Host } from '../host/index.js';
import type { GraphIndex } from './graph-index.js';
import { RunLedger } from './ledger.js';
import type { EventBody, LedgerSnapshot } from './ledger.js';
import type { RunPaths } from './layout.js';
import { cutTornEnd, readJournal, refuseDamage } from './recovery.js';
import type { JournalScan } from './recovery.js';

/** state.json: the ledger as it was after a record, so that recovery need not begin at the first one. */
export interface StateFile {
  readonly v: 1;
  readonly planHash: string;
  /** Byte of the journal after the last record that is in it. */
  readonly offset: number;
  readonly ledger: LedgerSnapshot;
}

export interface RecoveredRun {
  readonly ledger: RunLedger;
  readonly nextSeq: number;
  /** Bytes of the journal. */
  readonly offset: number;
  readonly notices: readonly string[];
}

/** An event that a record stands for and that was not written before the crash. */
export interface MissingEvent {
  readonly body: EventBody;
  readonly record: number;
  readonly ts: string;
}

async function readState(host: Host, paths: RunPaths, planHash: string): Promise<StateFile | undefined> {
  if ((await host.files.stat(paths.state)) === undefined) return undefined;
  try {
    const state = JSON.parse(await host.files.readText(paths.state, 1024 ** 3)) as StateFile;
    return state.v === 1 && state.planHash === planHash ? state : undefined;
  } catch {
    // A snapshot only saves time. Without it the journal is read from its first record.
    return undefined;
  }
}

/**
 * Reads the journal of a run without changing anything.
 * @param beforeSeq do not use a snapshot that holds this record or later ones: their events are wanted
 */
export async function replayRun(
  host: Host,
  paths: RunPaths,
  index: GraphIndex,
  beforeSeq = Number.POSITIVE_INFINITY,
): Promise<RecoveredRun & { readonly scan: JournalScan; readonly missing: readonly MissingEvent[] }> {
  const state = await readState(host, paths, index.graph.planHash);
  let ledger = new RunLedger(index);
  let scan: JournalScan | undefined;
  if (state !== undefined && state.ledger.seq < beforeSeq) {
    const tail = await readJournal(host, paths.journal, state.ledger.seq + 1, state.offset);
    // A snapshot that is ahead of its journal, or beside it, is of no use.
    const fits = tail.damage === undefined && tail.goodBytes >= state.offset;
    if (fits) {
      scan = tail;
      ledger = RunLedger.restore(index, state.ledger);
    }
  }
  scan ??= await readJournal(host, paths.journal);
  refuseDamage(paths.journal, scan);
  const missing: MissingEvent[] = [];
  for (const record of scan.records) {
    const bodies = ledger.apply(record);
    if (record.seq >= beforeSeq) for (const body of bodies) missing.push({ body, record: record.seq, ts: record.ts });
  }
  return { ledger, nextSeq: scan.lastSeq + 1, offset: scan.goodBytes, notices: [], scan, missing };
}

/** Brings a run back for going on with it: cuts a torn end and finds the events that are missing. */
export async function recoverRun(
  host: Host,
  paths: RunPaths,
  index: GraphIndex,
): Promise<RecoveredRun & { readonly missing: readonly MissingEvent[]; readonly nextEventSeq: number }> {
  const tail = await eventsTail(host, paths.events);
  const replayed = await replayRun(host, paths, index, tail.firstMissing);
  const notices: string[] = [];
  const cut = await cutTornEnd(host, paths.journal, replayed.scan);
  if (cut !== undefined) notices.push(cut);
  if (tail.keepBytes !== undefined) await host.files.truncate(paths.events, tail.keepBytes);
  return { ...replayed, notices, nextEventSeq: tail.nextSeq };
}

interface EventsTail {
  /** Where the events file is to be cut; undefined when it does not exist. */
  readonly keepBytes: number | undefined;
  readonly nextSeq: number;
  /** The first record whose events may be missing. */
  readonly firstMissing: number;
}

/**
 * Looks at the end of an events file. The events of the last record that is found there may be incomplete, so they are
 * cut off and made again; whatever followed was of no record.
 */
async function eventsTail(host: Host, path: string): Promise<EventsTail> {
  const facts = await host.files.stat(path);
  if (facts === undefined) return { keepBytes: undefined, nextSeq: 1, firstMissing: 0 };
  await using file = await host.files.open(path);
  for (let window = 256 * 1024; ; window *= 4) {
    const from = Math.max(0, facts.sizeBytes - window);
    const bytes = await file.read(from, facts.sizeBytes - from);
    const found = lastRecordIn(bytes, from);
    if (found !== undefined) return found;
    if (from === 0) return { keepBytes: 0, nextSeq: 1, firstMissing: 0 };
  }
}

function lastRecordIn(bytes: Buffer, from: number): EventsTail | undefined {
  let best: { offset: number; end: number; seq: number; j: number; isWhole: boolean } | undefined;
  // The first line of a window that does not begin the file may be cut.
  let offset = from === 0 ? 0 : bytes.indexOf(0x0a) + 1;
  // The first record of such a window may have begun before it: it does not count as found.
  let skipped: number | undefined;
  while (offset < bytes.length) {
    const end = bytes.indexOf(0x0a, offset);
    if (end < 0) break;
    const event = parse(bytes.toString('utf8', offset, end));
    if (event === undefined) break;
    if (event.j !== undefined) {
      if (from !== 0) skipped ??= event.j;
      if (event.j !== skipped && event.j !== best?.j) {
        best = { offset: from + offset, end: from + end + 1, seq: event.seq, j: event.j, isWhole: event.isEnd };
      }
    }
    offset = end + 1;
  }
  if (best === undefined) return undefined;
  // The end of a run is one event: what was written of it is all of it.
  if (best.isWhole) return { keepBytes: best.end, nextSeq: best.seq + 1, firstMissing: best.j + 1 };
  return { keepBytes: best.offset, nextSeq: best.seq, firstMissing: best.j };
}

function parse(
  line: string,
): { readonly seq: number; readonly j: number | undefined; readonly isEnd: boolean } | undefined {
  try {
    const value = JSON.parse(line) as { seq?: unknown; j?: unknown; type?: unknown };
    if (typeof value.seq !== 'number') return undefined;
    return { seq: value.seq, j: typeof value.j === 'number' ? value.j : undefined, isEnd: value.type === 'run.end' };
  } catch {
    return undefined;
  }
}
