/** Numbers, redacts, hands out and writes events. A state event is only emitted once its record is durable. */
import type { AppendFile, Host } from '../host/index.js';
import { EVENT_VERSION } from '../model/event.js';
import type { RunEvent } from '../model/event.js';
import { MAX_RECORDS_BYTES } from './layout.js';
import type { EventBody } from './ledger.js';

const WRITE_EVERY_MS = 100;
const WRITE_AT_LINES = 256;

export interface EventStream {
  /**
   * @param record number of the journal record it follows from
   * @param ts time of that record
   */
  emit(body: EventBody, record?: number, ts?: string): void;
  /** Writes what is queued. Rejects when events cannot be written. */
  flush(): Promise<void>;
  /** Flushes, makes durable and closes. */
  close(): Promise<void>;
}

export interface EventStreamOptions {
  readonly host: Host;
  readonly path: string;
  readonly runId: string;
  readonly nextSeq: number;
  readonly onEvent: ((event: RunEvent) => void) | undefined;
  /** Called once when events cannot be written; the run goes on by its journal. */
  readonly onBroken: (error: unknown) => void;
}

export async function openEventStream(options: EventStreamOptions): Promise<EventStream> {
  const { host } = options;
  const file: AppendFile = await host.files.openAppend(options.path);
  let seq = options.nextSeq;
  let lines: string[] = [];
  let timer: { cancel(): void } | undefined;
  let chain: Promise<void> = Promise.resolve();
  let isBroken = false;
  let listener = options.onEvent;

  const flush = (): Promise<void> => {
    timer?.cancel();
    timer = undefined;
    if (lines.length === 0 || isBroken) return chain;
    const text = lines.join('');
    lines = [];
    chain = chain
      .then(() => (isBroken ? undefined : file.append(text)))
      .catch((cause: unknown) => {
        if (isBroken) return;
        isBroken = true;
        options.onBroken(cause);
      });
    return chain;
  };
  return {
    emit: (body, record, ts) => {
      const event = {
        v: EVENT_VERSION,
        seq,
        ...(record === undefined ? {} : { j: record }),
        ts: ts ?? new Date(host.clock.now()).toISOString(),
        run: options.runId,
        ...body,
      } as RunEvent;
      seq += 1;
      const json = JSON.stringify(event);
      const safe = host.redactor.redact(json);
      lines.push(`${safe}\n`);
      if (listener !== undefined) {
        try {
          listener(safe === json ? event : (JSON.parse(safe) as RunEvent));
        } catch {
          // A listener that throws is a broken screen. The run does not depend on it; it is not asked again.
          listener = undefined;
        }
      }
      if (lines.length >= WRITE_AT_LINES) void flush();
      else timer ??= host.clock.setTimer(WRITE_EVERY_MS, () => void flush());
    },
    flush,
    close: async () => {
      await flush();
      if (!isBroken) await file.sync().catch(options.onBroken);
      await file.close();
    },
  };
}

/** What an events file holds, without a torn last line. */
export interface EventsRead {
  readonly events: readonly RunEvent[];
  /** Bytes up to the end of the last whole line. */
  readonly goodBytes: number;
  readonly totalBytes: number;
}

/** Reads an events file; a line that is no JSON ends it. A file that does not exist reads as empty. */
export async function readEventsFile(host: Host, path: string, afterSeq = 0): Promise<EventsRead> {
  if (!(await host.files.exists(path))) return { events: [], goodBytes: 0, totalBytes: 0 };
  const bytes = await host.files.read(path, MAX_RECORDS_BYTES);
  const events: RunEvent[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const end = bytes.indexOf(0x0a, offset);
    if (end < 0) break;
    const event = parseEvent(bytes.toString('utf8', offset, end));
    if (event === undefined) break;
    if (event.seq > afterSeq) events.push(event);
    offset = end + 1;
  }
  return { events, goodBytes: offset, totalBytes: bytes.length };
}

/** Where the events of records after `lastSeq` begin; undefined when there are none. */
export async function eventsAfterRecord(host: Host, path: string, lastSeq: number): Promise<number | undefined> {
  if (!(await host.files.exists(path))) return undefined;
  const bytes = await host.files.read(path, MAX_RECORDS_BYTES);
  for (let offset = 0, end = bytes.indexOf(0x0a); end >= 0; offset = end + 1, end = bytes.indexOf(0x0a, offset)) {
    const record = parseEvent(bytes.toString('utf8', offset, end))?.j;
    if (record !== undefined && record > lastSeq) return offset;
  }
  return undefined;
}

function parseEvent(line: string): RunEvent | undefined {
  try {
    const value = JSON.parse(line) as RunEvent;
    return typeof value === 'object' && value !== null && typeof value.seq === 'number' ? value : undefined;
  } catch {
    return undefined;
  }
}
