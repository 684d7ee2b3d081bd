/** Conducts a run from the first record of this process to the last: ties scheduler, journal, events, locks and control. */
import type { Host } from '../host/index.js';
import type { ErrorCode } from '../lib/catalog/index.js';
import { asDroverError, DroverError, errorRecord } from '../lib/error.js';
import type { RunEvent, TaskState } from '../model/event.js';
import type { ProcessGroup, StageRunners } from '../model/stage-runner.js';
import { Attempts } from './attempt.js';
import { executeCommand } from './commands.js';
import type { CancelRequest, ControlCommand, RunControl } from './control.js';
import { openEventStream } from './event-stream.js';
import { exitCodeOf, outcomeOf } from './exit-code.js';
import type { ExitFacts } from './exit-code.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import { statePaths } from './layout.js';
import type { RunPaths } from './layout.js';
import { openJournal } from './journal.js';
import { vmResultOf } from './ledger.js';
import type { RunLedger } from './ledger.js';
import { ProgressMeter } from './progress.js';
import type { RecordBody } from './record.js';
import type { MissingEvent, StateFile } from './recover-run.js';
import type { RunOptions, RunResult, VmResult, WaitingTask } from './run-types.js';
import { Scheduler } from './scheduler.js';
import { dropVmIntermediates } from './store.js';
import { startTicker } from './ticker.js';
import { VmWorks } from './vm-work.js';
import { waitingTasks } from './waiting.js';

const SNAPSHOT_EVERY = 5000;
const TICK_MS = 500;
/** After a kill the run ends within two seconds, whatever still hangs. */
const KILL_LIMIT_MS = 1_500;

/** Something that was found before the run went on and that is worth a warning. */
interface Notice {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Conduct {
  readonly host: Host;
  readonly index: GraphIndex;
  readonly runners: StageRunners;
  readonly stateDir: string;
  readonly storeDir: string;
  readonly runId: string;
  readonly paths: RunPaths;
  readonly options: RunOptions;
  readonly control: RunControl | undefined;
  readonly onEvent: ((event: RunEvent) => void) | undefined;
  readonly ledger: RunLedger;
  readonly nextSeq: number;
  readonly journalBytes: number;
  readonly nextEventSeq: number;
  readonly missing: readonly MissingEvent[];
  readonly notices: readonly Notice[];
  /** The first records of this process: the start or the resumption, and what it opens again. */
  readonly opening: readonly RecordBody[];
  readonly isHit: (node: number) => boolean;
  readonly mayAdopt: (node: number) => { readonly run?: string; readonly attempt?: number } | undefined;
}

/** What is wrong with the engine itself. `frozen`: the journal must not be touched any more. */
interface Fatality {
  readonly error: DroverError;
  readonly frozen: boolean;
}

/** A run under way. */
export interface Conductor {
  readonly finished: Promise<RunResult>;
  /** Stops everything because the run must not go on: its lock is gone. */
  fail(fatality: Fatality): void;
}

export async function conduct(plan: Conduct): Promise<Conductor> {
  const { host, index, ledger, options, runId } = plan;
  const facts = await host.facts();
  let fatal: Fatality | undefined;
  const hooks: { onFatal?: () => void } = {};
  const fail = (fatality: Fatality): void => {
    if (fatal !== undefined) return;
    fatal = fatality;
    hooks.onFatal?.();
  };
  let cancelled: { readonly by: string; readonly exitCode: 130 | 143 } | undefined;
  let isKilled = false;
  let finish: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (finish = resolve));
  const background = new Set<Promise<unknown>>();
  const inBackground = (work: Promise<unknown>): void => {
    const settled = work
      .catch((cause: unknown) => warn('cleaning up', cause))
      .finally(() => background.delete(settled));
    background.add(settled);
  };

  const events = await openEventStream({
    host,
    path: plan.paths.events,
    runId,
    nextSeq: plan.nextEventSeq,
    onEvent: plan.onEvent,
    onBroken: (cause) => fail({ error: asDroverError(cause), frozen: false }),
  });
  const warn = (what: string, cause: unknown): void => {
    const error = asDroverError(cause);
    events.emit({
      type: 'warning',
      data: { code: error.code, message: `${what}: ${error.message}`, hint: error.hint },
    });
  };
  for (const { body, record, ts } of plan.missing) events.emit(body, record, ts);
  for (const notice of plan.notices) events.emit({ type: 'warning', data: notice });

  let sinceSnapshot = 0;
  let isSnapshotting = false;
  const waitingForDisk = new Set<(error: DroverError) => void>();
  const journal = await openJournal({
    host,
    path: plan.paths.journal,
    nextSeq: plan.nextSeq,
    sync: options.syncJournal !== false,
    onDurable: (record) => {
      for (const body of ledger.apply(record)) events.emit(body, record.seq, record.ts);
    },
    onGroup: (count) => {
      sinceSnapshot += count;
      if (sinceSnapshot < SNAPSHOT_EVERY || isSnapshotting || fatal !== undefined) return;
      sinceSnapshot = 0;
      isSnapshotting = true;
      inBackground(writeSnapshot().finally(() => (isSnapshotting = false)));
    },
    onBroken: (error) => {
      for (const reject of waitingForDisk) reject(error);
      waitingForDisk.clear();
      fail({ error, frozen: true });
    },
  });
  const writeSnapshot = async (): Promise<void> => {
    const state: StateFile = {
      v: 1,
      planHash: index.graph.planHash,
      offset: plan.journalBytes + journal.bytesWritten,
      ledger: ledger.toSnapshot(),
    };
    const text = JSON.stringify(state);
    await events.flush();
    await host.files.writeAtomic(plan.paths.state, text);
  };
  const record = (body: RecordBody, then?: () => void): void => {
    if (fatal?.frozen !== true) journal.append(body, then);
  };
  const recordDurably = (body: RecordBody): Promise<void> =>
    new Promise((resolve, reject) => {
      if (fatal?.frozen === true || journal.isBroken) return reject(fatal?.error ?? brokenJournal());
      waitingForDisk.add(reject);
      journal.append(body, () => {
        waitingForDisk.delete(reject);
        resolve();
      });
    });

  const historyFile = await host.files.openAppend(statePaths(plan.stateDir).history);
  const meter = new ProgressMeter(host.clock, (node, progress) => {
    const task = index.nodes[node];
    if (task?.vmKey === undefined || task.stage === undefined) return;
    const { wave, vmKey: vm, stage, id } = task;
    events.emit({ type: 'task.progress', wave, vm, stage, task: id, data: progress });
  });
  const works = new VmWorks(host, index, plan.storeDir, runId, (vm, key, cause) =>
    warn(`${key} of ${vm.vm.name} could not be ended`, cause),
  );
  const attempts = new Attempts({
    host,
    index,
    runners: plan.runners,
    runId,
    paths: plan.paths,
    storeDir: plan.storeDir,
    works,
    spawned: (node, group) => recordDurably({ type: 'task.group', task: index.nodes[node]?.id ?? '', group }),
    progress: (node, progress) => meter.report(node, progress),
    logEvent: (node, attempt, level, message) => {
      const task = index.nodes[node];
      if (task?.vmKey === undefined || task.stage === undefined) return;
      const { wave, vmKey: vm, stage, id } = task;
      events.emit({ type: 'task.log', wave, vm, stage, task: id, attempt, data: { level, message } });
    },
    history: (line) => inBackground(historyFile.append(`${host.redactor.redact(JSON.stringify(line))}\n`)),
    mayAdopt: plan.mayAdopt,
  });
  const scheduler = new Scheduler(index, {
    clock: host.clock,
    runId,
    circuitBreaker: options.circuitBreaker !== false,
    record,
    execute: async (node, attempt, signals) => {
      const end = await attempts.execute(node, attempt, signals);
      meter.forget(node);
      return end;
    },
    vmOver: (vm) => inBackground(closeVm(vm)),
    emit: (event) => events.emit(event),
    done: () => finish(),
    bug: (error) => fail({ error, frozen: false }),
  });
  const closeVm = async (vm: IndexedVm): Promise<void> => {
    await works.close(vm);
    const result = ledger.vmResult(vm);
    if (result === undefined || result.cached || isKilled) return;
    const isWhole = vm.stages.every((node) => index.nodes[node]?.skip === undefined);
    const keep = vm.vm.settings.keepIntermediates ?? 'failed';
    const isGood = (result.state === 'succeeded' || result.state === 'degraded') && isWhole;
    if ((isGood && keep !== 'all') || (result.state === 'failed' && keep === 'none')) {
      await dropVmIntermediates(host, plan.storeDir, vm.vm.vmKey);
    }
  };

  const killGroups = (): void => {
    for (const group of ledger.liveGroups()) inBackground(host.signalGroup(group, 'SIGKILL'));
  };
  let killTimer: { cancel(): void } | undefined;
  const kill = (): void => {
    if (isKilled) return;
    isKilled = true;
    scheduler.killAll();
    killGroups();
    killTimer?.cancel();
    killTimer = host.clock.setTimer(KILL_LIMIT_MS, () => finish());
  };
  let graceTimer: { cancel(): void } | undefined;
  const stopWithin = (graceS: number): void => {
    graceTimer ??= host.clock.setTimer(graceS * 1000, kill);
  };
  const graceS = options.graceS ?? 60;
  hooks.onFatal = (): void => {
    scheduler.journalBroke();
    stopWithin(Math.min(graceS, 30));
  };

  const findVm = (name: string): IndexedVm | undefined =>
    index.vmByKey.get(name) ?? index.vms.find((vm) => vm.vm.name === name);
  const cancel = (request: CancelRequest): void => {
    if (request.vms !== undefined) {
      for (const name of request.vms) {
        const vm = findVm(name);
        if (vm !== undefined) scheduler.cancelVm(vm);
      }
      return;
    }
    if (cancelled === undefined) {
      const exitCode = request.exitCode ?? (request.by === 'SIGTERM' ? 143 : 130);
      cancelled = { by: request.by, exitCode };
      record({ type: 'run.cancelled', by: request.by, exitCode, graceS });
      scheduler.cancelAll();
      stopWithin(graceS);
    }
    if (request.force === true) kill();
  };
  const execute = (command: ControlCommand, by: string): string =>
    executeCommand(command, by, { scheduler, index, findVm, cancel });
  const waiting = (): readonly WaitingTask[] => waitingTasks(index, scheduler);
  const emitSnapshot = (): void => {
    const counts: Record<string, number> = {};
    for (const node of index.nodes.keys()) {
      const state: TaskState = scheduler.openState(node) ?? ledger.status(node).state;
      counts[state] = (counts[state] ?? 0) + 1;
    }
    events.emit({ type: 'status.snapshot', data: { counts } });
  };

  const under: { ticker?: { stop(): void } } = {};
  const conclude = async (): Promise<RunResult> => {
    under.ticker?.stop();
    graceTimer?.cancel();
    killTimer?.cancel();
    plan.control?.detach();
    // The last tasks are over in memory; what follows from that happens when their records are durable.
    await journal.flushed().catch(() => undefined);
    if (isKilled) {
      await Promise.race([works.closeAll(), host.clock.sleep(300)]);
    } else {
      await works.closeAll();
      while (background.size > 0) await Promise.all(background);
    }
    const residuals: ProcessGroup[] = [];
    if (isKilled) {
      for (const group of ledger.liveGroups()) {
        if (await host.isAlive({ ...group, pid: group.pgid })) residuals.push(group);
      }
      record({ type: 'run.killed', by: cancelled?.by ?? 'engine', residuals });
    }
    const vms = index.vms.map(
      (vm): VmResult => ledger.vmResult(vm) ?? vmResultOf(vm, (node) => ledger.status(node), index),
    );
    const ended: ExitFacts = {
      internal: fatal !== undefined,
      cancelled: cancelled?.exitCode,
      halted: scheduler.haltedScopes.length > 0,
      failed: vms.some((vm) => vm.state === 'failed'),
      waiting: false,
    };
    const exitCode = exitCodeOf(ended);
    // Machines that somebody cancelled are no failures, and not all is done either.
    const isLeftOut = options.partial ?? index.nodes.some((node) => node.skip !== undefined);
    const outcome = outcomeOf(ended, isLeftOut || vms.some((vm) => vm.state === 'cancelled'));
    record({ type: 'run.end', outcome, exitCode });
    if (!journal.isBroken)
      await journal.flushed().catch((cause: unknown) => (fatal ??= { error: asDroverError(cause), frozen: true }));
    await journal.close().catch((cause: unknown) => warn('closing the journal', cause));
    await events.close();
    await historyFile.close();
    await host.files.remove(plan.paths.waiting).catch(() => undefined);
    return {
      runId,
      runDir: plan.paths.dir,
      planHash: index.graph.planHash,
      outcome: fatal === undefined ? outcome : 'failed',
      exitCode: fatal === undefined ? exitCode : 5,
      counts: ledger.counts(),
      vms,
      ...(fatal === undefined ? {} : { error: errorRecord(fatal.error) }),
      residuals,
    };
  };

  for (const body of plan.opening) record(body);
  await journal.flushed().catch(() => undefined);
  if (fatal !== undefined) {
    finish();
    return { finished: over.then(() => conclude()), fail };
  }
  under.ticker = startTicker({
    host,
    paths: plan.paths,
    periodMs: options.controlPollMs ?? TICK_MS,
    index,
    scheduler,
    meter,
    user: facts.user,
    uid: facts.uid,
    acknowledged: ledger.acknowledged,
    record,
    emit: (event) => events.emit(event),
    execute,
    inBackground,
  });
  scheduler.begin(ledger, plan.isHit);
  plan.control?.attach({
    cancel,
    execute,
    snapshot: emitSnapshot,
    hangup: () =>
      events.emit({ type: 'task.log', data: { level: 'info', message: 'terminal hung up; the run goes on' } }),
    waiting,
  });
  return { finished: over.then(() => conclude()), fail };
}

function brokenJournal(): DroverError {
  return new DroverError({ code: 'engine.journal-write', message: 'the journal cannot be written any more' });
}
