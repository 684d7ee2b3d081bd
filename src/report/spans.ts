import type { RunEvent, TaskState } from '../model/event.js';
import type { StageSpan } from '../model/report.js';

type StateEvent = Extract<RunEvent, { type: 'task.state' }>;

/** What the events of one task tell about its time. */
export interface TaskTimes {
  readonly state: TaskState;
  readonly attempts: number;
  readonly seconds: number;
  readonly waitedSeconds: number;
  readonly bytes?: number;
  readonly spans: readonly StageSpan[];
  readonly error?: StateEvent['data']['error'];
}

const KINDS: Partial<Record<TaskState, StageSpan['kind']>> = { running: 'run', ready: 'wait', retry_wait: 'retry' };

/** Folds the state changes of one task, in order, into stretches of time. An open stretch ends at `until`. */
export function taskTimes(events: readonly StateEvent[], until: string): TaskTimes {
  const spans: StageSpan[] = [];
  let open: { readonly kind: StageSpan['kind']; readonly startedAt: string; readonly attempt: number } | undefined;
  let state: TaskState = 'pending';
  let attempts = 0;
  let bytes: number | undefined;
  let error: StateEvent['data']['error'];
  for (const event of events) {
    if (open !== undefined) spans.push({ ...open, endedAt: event.ts });
    state = event.data.to;
    const kind = KINDS[state];
    open = kind === undefined ? undefined : { kind, startedAt: event.ts, attempt: event.attempt ?? 1 };
    if (state === 'running') {
      attempts = Math.max(attempts, event.attempt ?? 1);
      error = undefined;
    }
    bytes = event.data.bytes ?? bytes;
    error = event.data.error ?? error;
  }
  if (open !== undefined) spans.push({ ...open, endedAt: until });
  const total = (kinds: readonly StageSpan['kind'][]): number =>
    spans.filter((span) => kinds.includes(span.kind)).reduce((sum, span) => sum + secondsOf(span), 0);
  return {
    state,
    attempts,
    seconds: round(total(['run'])),
    waitedSeconds: round(total(['wait', 'retry'])),
    spans,
    ...(bytes === undefined ? {} : { bytes }),
    ...(error === undefined || state === 'succeeded' ? {} : { error }),
  };
}

/** Length of a stretch in seconds. */
export function secondsOf(span: { readonly startedAt: string; readonly endedAt: string }): number {
  return Math.max(0, (Date.parse(span.endedAt) - Date.parse(span.startedAt)) / 1000);
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
