/** Reading a journal back: what is whole counts, a torn end is cut off, damage before the end is refused. */
import type { Host } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import { MAX_RECORDS_BYTES } from './layout.js';
import { decodeLine, isWholeLine, JOURNAL_VERSION } from './record.js';
import type { JournalRecord } from './record.js';

const LF = 0x0a;

interface JournalDamage {
  /** Counts from 1. */
  readonly line: number;
  /** Byte where the bad record begins. */
  readonly offset: number;
  readonly what: string;
}

export interface JournalScan {
  /** Records from `fromSeq` on. */
  readonly records: readonly JournalRecord[];
  readonly lastSeq: number;
  /** Where the whole part ends. */
  readonly goodBytes: number;
  readonly totalBytes: number;
  /** Set when good records follow a bad one. */
  readonly damage?: JournalDamage;
}

function versionGuard(record: JournalRecord): void {
  if (record.type === 'run.start' && record.v > JOURNAL_VERSION) {
    throw new DroverError({
      code: 'engine.journal-version',
      message: `the journal has format ${record.v}; this version of Drover reads up to ${JOURNAL_VERSION}`,
    });
  }
}

/** The first line tells the format, also when records are only wanted from further on. */
function guardFormat(bytes: Uint8Array): void {
  const end = bytes.indexOf(LF);
  const line = bytes.subarray(0, Math.max(0, end));
  const first = isWholeLine(line) ? decodeLine(line) : undefined;
  if (first !== undefined) versionGuard(first);
}

/**
 * Looks at every line of a journal's bytes. Checksums are always compared; only records from `fromSeq` on are parsed, for
 * which the caller says at which byte the record `fromSeq` begins.
 */
export function scanJournal(bytes: Uint8Array, fromSeq = 0, fromOffset = 0): JournalScan {
  guardFormat(bytes);
  const records: JournalRecord[] = [];
  let lastSeq = fromSeq - 1;
  let goodBytes = 0;
  let bad: JournalDamage | undefined;
  let line = 0;
  let offset = 0;
  while (offset < bytes.length) {
    line += 1;
    const end = bytes.indexOf(LF, offset);
    const text = bytes.subarray(offset, end < 0 ? bytes.length : end);
    const isWhole = end >= 0 && isWholeLine(text);
    if (isWhole && bad !== undefined) return { records, lastSeq, goodBytes, totalBytes: bytes.length, damage: bad };
    if (!isWhole) {
      bad ??= { line, offset, what: end < 0 ? 'the record has no end' : 'the checksum does not fit' };
    } else if (offset >= fromOffset) {
      const record = decodeLine(text);
      const what =
        record === undefined
          ? 'this is no record'
          : record.seq !== lastSeq + 1
            ? `record ${record.seq} follows record ${lastSeq}`
            : undefined;
      // A line whose checksum fits was written by us: a gap is no torn end.
      if (record === undefined || what !== undefined) {
        return { records, lastSeq, goodBytes, totalBytes: bytes.length, damage: { line, offset, what: what ?? '' } };
      }
      records.push(record);
      lastSeq = record.seq;
      goodBytes = end + 1;
    } else {
      goodBytes = end + 1;
    }
    if (end < 0) break;
    offset = end + 1;
  }
  return { records, lastSeq, goodBytes, totalBytes: bytes.length };
}

/** Reads a journal. A file that does not exist reads as empty. */
export async function readJournal(host: Host, path: string, fromSeq = 0, fromOffset = 0): Promise<JournalScan> {
  const isThere = await host.files.exists(path);
  const bytes = isThere ? await host.files.read(path, MAX_RECORDS_BYTES) : Buffer.alloc(0);
  return scanJournal(bytes, fromSeq, fromOffset);
}

/** Throws `engine.journal-damaged` when there is damage before the end. */
export function refuseDamage(path: string, scan: JournalScan): void {
  if (scan.damage === undefined) return;
  throw new DroverError({
    code: 'engine.journal-damaged',
    message: `${path}:${scan.damage.line}: ${scan.damage.what}, and good records follow`,
    details: { path, ...scan.damage },
  });
}

/** Cuts off a torn end and makes that durable; says so in words when there was one. */
export async function cutTornEnd(host: Host, path: string, scan: JournalScan): Promise<string | undefined> {
  if (scan.goodBytes === scan.totalBytes) return undefined;
  await host.files.truncate(path, scan.goodBytes);
  await host.files.syncFile(path);
  return `the last record of ${path} was torn (${scan.totalBytes - scan.goodBytes} bytes); it was cut off`;
}
