/** The scheduler alone on a virtual clock: scripted attempts instead of stages, a journal in memory. */
import { createFakeHost } from '../../src/host/index.js';
import type { VirtualClock } from '../../src/host/index.js';
import type { DroverError } from '../../src/lib/error.js';
import type { TaskGraph } from '../../src/model/graph.js';
import { indexGraph } from '../../src/engine/graph-index.js';
import type { GraphIndex, IndexedVm } from '../../src/engine/graph-index.js';
import { RunLedger } from '../../src/engine/ledger.js';
import type { EventBody } from '../../src/engine/ledger.js';
import type { JournalRecord } from '../../src/engine/record.js';
import { Scheduler } from '../../src/engine/scheduler.js';
import type { AttemptEnd } from '../../src/engine/scheduler-ports.js';

export interface SimScript {
  readonly seconds: (node: number, attempt: number) => number;
  /** Undefined for success. */
  readonly failure?: (node: number, attempt: number) => DroverError | undefined;
  readonly isHit?: (node: number) => boolean;
  readonly circuitBreaker?: boolean;
}

export interface Sim {
  readonly index: GraphIndex;
  readonly clock: VirtualClock;
  readonly scheduler: Scheduler;
  readonly ledger: RunLedger;
  readonly records: JournalRecord[];
  readonly events: EventBody[];
  readonly vmsOver: string[];
  /** Nodes that run now. */
  readonly running: ReadonlySet<number>;
  /** Called at every start and end of a task, after it counts. */
  onChange: () => void;
  begin(): void;
  /** Runs to the end; rejects on a bug of the scheduler. */
  finish(): Promise<void>;
}

export function createSim(graph: TaskGraph, script: SimScript, ledger?: RunLedger): Sim {
  const index = indexGraph(graph);
  const { clock } = createFakeHost();
  const book = ledger ?? new RunLedger(index);
  const records: JournalRecord[] = [];
  const events: EventBody[] = [];
  const vmsOver: string[] = [];
  const running = new Set<number>();
  let queue: { record: JournalRecord; then: (() => void) | undefined }[] = [];
  let seq = 0;
  let settle: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const over = new Promise<void>((resolve, refuse) => {
    settle = resolve;
    reject = refuse;
  });
  const flush = (): void => {
    const group = queue;
    queue = [];
    for (const { record, then } of group) {
      records.push(record);
      for (const event of book.apply(record)) events.push(event);
      then?.();
    }
  };
  const sim: Sim = {
    index,
    clock,
    ledger: book,
    records,
    events,
    vmsOver,
    running,
    onChange: () => undefined,
    scheduler: new Scheduler(index, {
      clock,
      runId: 'run',
      circuitBreaker: script.circuitBreaker === true,
      record: (body, then) => {
        if (queue.length === 0) clock.setTimer(1, flush);
        queue.push({ record: { seq, ts: new Date(clock.now()).toISOString(), ...body }, then });
        seq += 1;
      },
      execute: async (node, attempt, signals): Promise<AttemptEnd> => {
        running.add(node);
        sim.onChange();
        const seconds = script.seconds(node, attempt);
        const any = AbortSignal.any([signals.stop, signals.kill]);
        const isStopped = await clock.sleep(seconds * 1000, any).then(
          () => false,
          () => true,
        );
        running.delete(node);
        sim.onChange();
        if (isStopped) return { kind: 'cancelled', seconds };
        const error = script.failure?.(node, attempt);
        return error === undefined ? { kind: 'succeeded', seconds } : { kind: 'failed', error, seconds };
      },
      vmOver: (vm: IndexedVm) => void vmsOver.push(vm.vm.name),
      emit: (event) => void events.push(event),
      done: () => settle(),
      bug: (error) => reject(error),
    }),
    begin: () => sim.scheduler.begin(book, script.isHit ?? (() => false)),
    finish: async () => {
      await clock.run(over);
      await clock.advance(10);
    },
  };
  return sim;
}
