/** What the scheduler is told by an attempt, and what it asks of those around it. */
import type { Clock } from '../host/index.js';
import type { DroverError } from '../lib/error.js';
import type { IndexedVm } from './graph-index.js';
import type { EventBody } from './ledger.js';
import type { RecordBody } from './record.js';

/** How an attempt at a task ended. */
export type AttemptEnd =
  | {
      readonly kind: 'succeeded';
      readonly seconds: number;
      readonly bytes?: number;
      readonly degraded?: boolean;
      readonly warnings?: readonly { readonly code: string; readonly message: string; readonly hint?: string }[];
      readonly outputs?: readonly { readonly path: string; readonly bytes: number; readonly role: string }[];
    }
  /** Its work lay in the store already. */
  | { readonly kind: 'cached' }
  | {
      readonly kind: 'failed';
      readonly error: DroverError;
      readonly seconds: number;
      /** How far it came, for the rule that an attempt which advances does not use up the attempts. */
      readonly doneBytes?: number;
      /** Whether what it failed for lack of is there again. */
      readonly isRecovered?: boolean;
    }
  | { readonly kind: 'cancelled'; readonly seconds: number };

export interface AttemptSignals {
  /** Stop in order. */
  readonly stop: AbortSignal;
  /** Kill what runs and come back at once. */
  readonly kill: AbortSignal;
  /** No stage of the machine runs after this one. */
  readonly isLast: boolean;
}

export interface SchedulerPorts {
  readonly clock: Clock;
  readonly runId: string;
  readonly circuitBreaker: boolean;
  /** Queues a record for the journal; `then` is called once it is durable. */
  record(body: RecordBody, then?: () => void): void;
  /** Runs one attempt; never rejects. */
  execute(node: number, attempt: number, signals: AttemptSignals): Promise<AttemptEnd>;
  /** Called when nothing of a machine is open any more and that is durable. */
  vmOver(vm: IndexedVm): void;
  /** An event that no record stands for. */
  emit(event: EventBody): void;
  /** Called once: every task is over, or the journal broke and all that ran has ended. */
  done(): void;
  /** Called when the scheduler meets a state that must not exist. */
  bug(error: DroverError): void;
}
