/** The records of the journal and their form on disk: `<crc32 hex8> <json>\n`. */
import { crc32Hex } from '../lib/crc32.js';
import type { ErrorRecord } from '../lib/error.js';
import type { RunOutcome } from '../model/event.js';
import type { ProcessGroup } from '../model/stage-runner.js';

/** Version of the format. A reader refuses a higher one. */
export const JOURNAL_VERSION = 1;

export type EndState = 'succeeded' | 'failed' | 'cancelled' | 'cached';
export type SkipReason =
  | 'selected-out'
  | 'until'
  | 'left-out'
  | 'upstream-failed'
  | 'upstream-blocked'
  | 'quorum'
  | 'policy-halt'
  | 'cancelled';

export type RecordBody =
  | {
      readonly type: 'run.start';
      readonly v: number;
      readonly run: string;
      readonly planHash: string;
      readonly tasks: number;
      readonly host: string;
      readonly user: string;
      readonly pid: number;
      readonly version: string;
    }
  | {
      readonly type: 'run.resumed';
      readonly by: string;
      readonly host: string;
      readonly pid: number;
      readonly version: string;
    }
  /** Tasks that are open again. */
  | { readonly type: 'task.requeue'; readonly tasks: readonly string[] }
  | { readonly type: 'task.start'; readonly task: string; readonly attempt: number }
  | { readonly type: 'task.group'; readonly task: string; readonly group: ProcessGroup }
  | {
      readonly type: 'task.retry';
      readonly task: string;
      readonly attempt: number;
      readonly error: ErrorRecord;
      readonly seconds: number;
      /** When the next attempt may start. */
      readonly at: string;
    }
  | {
      readonly type: 'task.end';
      readonly task: string;
      readonly attempt: number;
      readonly state: EndState;
      readonly seconds?: number;
      readonly bytes?: number;
      readonly degraded?: true;
      readonly error?: ErrorRecord;
      readonly warnings?: readonly { readonly code: string; readonly message: string; readonly hint?: string }[];
      readonly outputs?: readonly { readonly path: string; readonly bytes: number; readonly role: string }[];
    }
  | { readonly type: 'task.skip'; readonly tasks: readonly string[]; readonly reason: SkipReason }
  | {
      readonly type: 'control.ack';
      readonly file: string;
      readonly command: string;
      readonly by: string;
      readonly answer: string;
    }
  | {
      readonly type: 'policy.halt';
      readonly scope: string;
      readonly action: 'halt' | 'abort';
      readonly failures: number;
      readonly limit: number;
    }
  | { readonly type: 'circuit.open'; readonly resource: string; readonly class: string }
  | { readonly type: 'circuit.closed'; readonly resource: string }
  | { readonly type: 'run.cancelled'; readonly by: string; readonly exitCode: number; readonly graceS: number }
  | { readonly type: 'run.killed'; readonly by: string; readonly residuals: readonly ProcessGroup[] }
  | { readonly type: 'run.end'; readonly outcome: RunOutcome; readonly exitCode: number };

export type JournalRecord = RecordBody & { readonly seq: number; readonly ts: string };

/** The line of a record's JSON, newline included. */
export function encodeLine(json: string): string {
  return `${crc32Hex(json)} ${json}\n`;
}

/** Whether a line (without its newline) is whole: its checksum fits. */
export function isWholeLine(line: Uint8Array): boolean {
  if (line.length < 11 || line[8] !== 0x20) return false;
  return crc32Hex(line.subarray(9)) === Buffer.from(line.buffer, line.byteOffset, 8).toString('latin1');
}

/** The record of a whole line; undefined when it is no record of ours. */
export function decodeLine(line: Uint8Array): JournalRecord | undefined {
  try {
    const value = JSON.parse(
      Buffer.from(line.buffer, line.byteOffset + 9, line.length - 9).toString('utf8'),
    ) as unknown;
    if (typeof value !== 'object' || value === null) return undefined;
    const record = value as Partial<JournalRecord>;
    return typeof record.seq === 'number' && typeof record.type === 'string' ? (record as JournalRecord) : undefined;
  } catch {
    return undefined;
  }
}
