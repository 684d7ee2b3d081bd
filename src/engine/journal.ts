/**
 * The journal's writer. Records are queued and made durable in groups: when 64 wait or 10 ms after the last group, and at
 * once when it has been quiet. What was asked to happen `then` happens only after the record is on disk.
 */
import type { AppendFile, Host } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import { encodeLine } from './record.js';
import type { JournalRecord, RecordBody } from './record.js';

const GROUP_RECORDS = 64;
const GROUP_MS = 10;
/** More are written in several groups, so that the event loop gets its turns. */
const GROUP_LIMIT = 1024;

export interface JournalOptions {
  readonly host: Host;
  readonly path: string;
  /** Number of the next record. */
  readonly nextSeq: number;
  readonly sync: boolean;
  /** Called in order for every record once it is durable, before what waits for it. */
  readonly onDurable: (record: JournalRecord) => void;
  /** Called after a group is durable and what waited for its records has been told; with the number of its records. */
  readonly onGroup?: (count: number) => void;
  /** Called once when a record cannot be made durable; nothing that waits will happen any more. */
  readonly onBroken: (error: DroverError) => void;
}

export interface Journal {
  /** Queues a record. Returns its number. After a failure nothing is queued any more. */
  append(body: RecordBody, then?: () => void): number;
  /** Resolves when everything queued so far is durable; rejects with `engine.journal-write`. */
  flushed(): Promise<void>;
  /** Writes what is queued and closes the file. */
  close(): Promise<void>;
  readonly isBroken: boolean;
  /** Bytes that are durable, from where the writer began. */
  readonly bytesWritten: number;
}

interface Queued {
  readonly record: JournalRecord;
  readonly json: string;
  readonly then: (() => void) | undefined;
}

/** Opens the journal for appending; the file must end with a whole record or be new. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { host } = options;
  const file: AppendFile = await host.files.openAppend(options.path);
  let seq = options.nextSeq;
  let queue: Queued[] = [];
  let writing: Promise<void> | undefined;
  let timer: { cancel(): void } | undefined;
  let lastGroupAt = Number.NEGATIVE_INFINITY;
  let failure: DroverError | undefined;
  let bytesWritten = 0;
  const waiters: { readonly resolve: () => void; readonly reject: (error: DroverError) => void }[] = [];

  const settleWaiters = (): void => {
    if (failure === undefined && (queue.length > 0 || writing !== undefined)) return;
    for (const waiter of waiters.splice(0)) {
      if (failure === undefined) waiter.resolve();
      else waiter.reject(failure);
    }
  };
  const writeGroup = async (): Promise<void> => {
    const group = queue.length > GROUP_LIMIT ? queue.slice(0, GROUP_LIMIT) : queue;
    queue = queue.length > GROUP_LIMIT ? queue.slice(GROUP_LIMIT) : [];
    try {
      let text = '';
      for (const { json } of group) text += encodeLine(json);
      const bytes = Buffer.from(text, 'utf8');
      await file.append(bytes);
      if (options.sync) await file.sync();
      bytesWritten += bytes.length;
    } catch (cause) {
      failure = new DroverError({
        code: 'engine.journal-write',
        message: `the journal ${options.path} cannot be written`,
        details: { path: options.path },
        cause,
      });
      queue = [];
      options.onBroken(failure);
      return;
    }
    for (const { record, then } of group) {
      options.onDurable(record);
      then?.();
    }
    options.onGroup?.(group.length);
  };
  const flush = (): void => {
    timer?.cancel();
    timer = undefined;
    if (writing !== undefined || queue.length === 0) return;
    writing = writeGroup().finally(() => {
      writing = undefined;
      lastGroupAt = host.clock.monotonic();
      if (failure === undefined && queue.length > 0) plan();
      settleWaiters();
    });
  };
  const plan = (): void => {
    if (writing !== undefined) return;
    if (queue.length >= GROUP_RECORDS) return flush();
    if (timer !== undefined) return;
    const wait = Math.max(0, Math.min(GROUP_MS, lastGroupAt + GROUP_MS - host.clock.monotonic()));
    timer = host.clock.setTimer(wait, flush);
  };
  return {
    get isBroken() {
      return failure !== undefined;
    },
    get bytesWritten() {
      return bytesWritten;
    },
    append: (body, then) => {
      if (failure !== undefined) return seq;
      const record: JournalRecord = { seq, ts: new Date(host.clock.now()).toISOString(), ...body };
      const json = JSON.stringify(record);
      const safe = host.redactor.redact(json);
      seq += 1;
      queue.push({ record: safe === json ? record : (JSON.parse(safe) as JournalRecord), json: safe, then });
      plan();
      return record.seq;
    },
    flushed: () =>
      new Promise((resolve, reject) => {
        waiters.push({ resolve, reject });
        flush();
        settleWaiters();
      }),
    close: async () => {
      while (failure === undefined && (queue.length > 0 || writing !== undefined)) {
        flush();
        await writing;
      }
      timer?.cancel();
      await file.close();
    },
  };
}
