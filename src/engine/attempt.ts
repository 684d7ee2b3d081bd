/** One attempt at a stage: its folder, its context, its deadlines, and the sealing of what it leaves. */
import type { Host } from '../host/index.js';
import { asDroverError, DroverError } from '../lib/error.js';
import type { Progress } from '../model/event.js';
import type { PlannedVm, TaskNode } from '../model/graph.js';
import type { HistoryLine } from '../model/history.js';
import type { StageResults } from '../model/results.js';
import type { ProcessGroup, StageContext, StageOutcome, StageRunners, StageTask } from '../model/stage-runner.js';
import type { StageName } from '../model/stage.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import { artefactDir, DIR_MODE, logNames } from './layout.js';
import type { RunPaths } from './layout.js';
import { readManifest, verifyOutputs } from './manifest.js';
import type { AttemptEnd, AttemptSignals } from './scheduler-ports.js';
import { taskFingerprint } from './fingerprint.js';
import { dirname, join } from 'node:path';
import { prepareWork, removeOlder, sealArtefact } from './store.js';
import { openTaskLog } from './task-log.js';
import type { LogLevel, TaskLog } from './task-log.js';
import type { VmWorks } from './vm-work.js';

/** After being told to stop a stage has this long; then its programs are killed, and soon after that it is given up. */
const STOP_GRACE_MS = 30_000;
const AFTER_KILL_MS = 5_000;
const FORCED_MS = 600;
/** A full disk counts as recovered when at least this much is free again. */
const MIN_FREE_BYTES = 64 * 1024 ** 2;
const NO_SPACE: ReadonlySet<string> = new Set(['file.no-space', 'convert.no-space', 'source.no-space']);

export interface AttemptPorts {
  readonly host: Host;
  readonly index: GraphIndex;
  readonly runners: StageRunners;
  readonly runId: string;
  readonly paths: RunPaths;
  readonly storeDir: string;
  readonly works: VmWorks;
  /** Registers a process group durably; rejects when that is not possible any more. */
  spawned(node: number, group: ProcessGroup): Promise<void>;
  progress(node: number, progress: Progress): void;
  logEvent(node: number, attempt: number, level: LogLevel, message: string): void;
  history(line: HistoryLine): void;
  /** Whether work of this task in the store may be taken over instead of doing it; says from which attempt. */
  mayAdopt(node: number): { readonly run?: string; readonly attempt?: number } | undefined;
}

type Ended = { readonly outcome: StageOutcome<StageName> } | { readonly thrown: unknown } | { readonly gone: true };

export class Attempts {
  readonly #ports: AttemptPorts;
  readonly #logNames: ReadonlyMap<string, string>;

  constructor(ports: AttemptPorts) {
    this.#ports = ports;
    this.#logNames = logNames(ports.index.graph.vms);
  }

  /** Runs an attempt. Whatever happens is in what it resolves to. */
  async execute(node: number, attempt: number, signals: AttemptSignals): Promise<AttemptEnd> {
    const { host, index, works } = this.#ports;
    const began = host.clock.monotonic();
    const task = index.nodes[node];
    const vm = index.vmOf[node];
    const seconds = (): number => (host.clock.monotonic() - began) / 1000;
    if (task?.stage === undefined || vm === undefined) {
      const error = new DroverError({ code: 'internal.bug', message: 'an attempt at a task that is no stage' });
      return { kind: 'failed', error, seconds: 0 };
    }
    let end: AttemptEnd;
    try {
      end = await this.#run(node, task, task.stage, vm, attempt, signals, seconds);
    } catch (thrown) {
      const error = asDroverError(thrown, { vm: vm.vm.name, stage: task.stage });
      end = signals.stop.aborted
        ? { kind: 'cancelled', seconds: seconds() }
        : { kind: 'failed', error, seconds: seconds() };
    }
    // An appliance of a failed attempt is not to be trusted by the next one.
    if (signals.isLast || end.kind === 'failed' || end.kind === 'cancelled') {
      const closing = works.close(vm);
      await (signals.kill.aborted ? Promise.race([closing, host.clock.sleep(FORCED_MS)]) : closing);
    }
    if (end.kind !== 'cached') this.#remember(task, task.stage, vm.vm, attempt, end);
    return end;
  }

  async #run(
    node: number,
    task: TaskNode,
    stage: StageName,
    vm: IndexedVm,
    attempt: number,
    signals: AttemptSignals,
    seconds: () => number,
  ): Promise<AttemptEnd> {
    const { host, storeDir, works, runId, paths } = this.#ports;
    const fingerprint = taskFingerprint(task, runId);
    const dir = artefactDir(storeDir, vm.vm.vmKey, stage, fingerprint);
    if (await this.#adopt(node, dir, fingerprint)) return { kind: 'cached' };
    await works.loadInputs(vm, node);
    const logs = join(paths.logs, this.#logNames.get(vm.vm.vmKey) ?? 'unnamed');
    await host.files.makeDir(logs, DIR_MODE);
    const log = openTaskLog(host, logs, `${stage}.${attempt}.log`);
    const startedAt = new Date(host.clock.now()).toISOString();
    try {
      const work = await prepareWork(host, dir);
      const stageTask: StageTask = {
        runId,
        playbook: this.#ports.index.graph.playbook,
        taskId: task.id,
        stage,
        attempt,
        fingerprint,
        vm: vm.vm,
        paths: { work, out: vm.vm.outDir, logs },
      };
      const watched = await this.#watch(node, task, vm, stageTask, signals, log);
      if (!('outcome' in watched)) {
        log.write('error', watched.kind === 'failed' ? `failed: ${watched.error.message}` : 'cancelled');
        return watched.kind === 'failed'
          ? { ...watched, seconds: seconds(), isRecovered: await this.#isRecovered(watched.error, task, vm.vm, dir) }
          : { ...watched, seconds: seconds() };
      }
      const { outcome } = watched;
      const manifest = await sealArtefact(host, {
        dir,
        node: task,
        vm: vm.vm,
        stage,
        fingerprint,
        outcome,
        run: runId,
        attempt,
        startedAt,
      });
      await removeOlder(host, storeDir, vm.vm.vmKey, stage, fingerprint);
      works.of(vm).results.set(stage, outcome.result);
      const bytes = outcome.bytes ?? manifest.outputs.reduce((sum, output) => sum + output.bytes, 0);
      return {
        kind: 'succeeded',
        seconds: seconds(),
        bytes,
        ...(outcome.degraded === true ? { degraded: true } : {}),
        ...(outcome.warnings === undefined ? {} : { warnings: outcome.warnings }),
        outputs: manifest.outputs.map(({ path, bytes: size, role }) => ({ path, bytes: size, role })),
      };
    } finally {
      await log.close();
    }
  }

  async #adopt(node: number, dir: string, fingerprint: string): Promise<boolean> {
    const from = this.#ports.mayAdopt(node);
    if (from === undefined) return false;
    const manifest = await readManifest(this.#ports.host, dir);
    if (manifest?.fingerprint !== fingerprint) return false;
    if (from.run !== undefined && manifest.producedBy.run !== from.run) return false;
    if (from.attempt !== undefined && manifest.producedBy.attempt !== from.attempt) return false;
    return (await verifyOutputs(this.#ports.host, dir, manifest, 'sampled')).kind === 'ok';
  }

  /** Runs the stage under its deadlines. */
  async #watch(
    node: number,
    task: TaskNode,
    vm: IndexedVm,
    stageTask: StageTask,
    signals: AttemptSignals,
    log: TaskLog,
  ): Promise<{ readonly outcome: StageOutcome<StageName> } | Exclude<AttemptEnd, { kind: 'succeeded' | 'cached' }>> {
    const { host, works, runners } = this.#ports;
    const where = { vm: vm.vm.name, stage: stageTask.stage };
    const stop = new AbortController();
    const groups: ProcessGroup[] = [];
    const timers: { cancel(): void }[] = [];
    let why: 'cancel' | DroverError | undefined;
    let lastMoveAt = host.clock.monotonic();
    let lastMove = '';
    let doneBytes = 0;
    let giveUp: () => void = () => undefined;
    const gone = new Promise<Ended>((resolve) => (giveUp = () => resolve({ gone: true })));
    const after = (ms: number, act: () => void): void => void timers.push(host.clock.setTimer(ms, act));
    const killGroups = (): void => {
      for (const group of groups) void host.signalGroup(group, 'SIGKILL').catch(() => false);
    };
    const halt = (reason: 'cancel' | DroverError): void => {
      if (why !== undefined) return;
      why = reason;
      stop.abort(
        reason === 'cancel' ? new DroverError({ code: 'engine.cancelled', message: 'cancelled', where }) : reason,
      );
      after(STOP_GRACE_MS, () => {
        killGroups();
        after(AFTER_KILL_MS, giveUp);
      });
    };
    const onStop = (): void => halt('cancel');
    const onKill = (): void => {
      halt('cancel');
      killGroups();
      after(FORCED_MS, giveUp);
    };
    const stallMs = task.timeout.stallS === null ? undefined : task.timeout.stallS * 1000;
    const watchStall = (): void => {
      if (stallMs === undefined) return;
      const left = lastMoveAt + stallMs - host.clock.monotonic();
      if (left > 0) return after(left, watchStall);
      const message = `${task.key} made no progress for ${task.timeout.stallS} s`;
      halt(new DroverError({ code: 'engine.stalled', message, where }));
    };
    after(task.timeout.wallS * 1000, () => {
      const message = `${task.key} did not end within ${task.timeout.wallS} s`;
      halt(new DroverError({ code: 'engine.timeout', message, where }));
    });
    watchStall();

    const context: StageContext = {
      signal: stop.signal,
      session: works.of(vm).session,
      input: <S extends StageName>(of: S): StageResults[S] => {
        const results = works.of(vm).results;
        if (!results.has(of)) {
          throw new DroverError({ code: 'internal.bug', message: `${task.key} asks for ${of}, which has not run` });
        }
        return results.get(of) as StageResults[S];
      },
      progress: (progress) => {
        const move = `${progress.phase} ${progress.disk ?? ''} ${progress.doneBytes}`;
        if (move !== lastMove) lastMoveAt = host.clock.monotonic();
        lastMove = move;
        doneBytes = Math.max(doneBytes, progress.doneBytes);
        this.#ports.progress(node, progress);
      },
      log: (level, message) => {
        log.write(level, message);
        if (level !== 'debug') this.#ports.logEvent(node, stageTask.attempt, level, message);
      },
      spawned: (group) => {
        groups.push(group);
        if (signals.kill.aborted) void host.signalGroup(group, 'SIGKILL').catch(() => false);
        return this.#ports.spawned(node, group);
      },
    };
    signals.stop.addEventListener('abort', onStop, { once: true });
    signals.kill.addEventListener('abort', onKill, { once: true });
    if (signals.stop.aborted) onStop();
    try {
      const ended = await Promise.race([callRunner(runners, stageTask, context), gone]);
      if ('outcome' in ended) return ended;
      if (why === 'cancel') return { kind: 'cancelled', seconds: 0 };
      const isGone = 'gone' in ended;
      const cause = isGone ? undefined : ended.thrown;
      if (why !== undefined && !isGone) {
        const { code, message } = why;
        return { kind: 'failed', error: new DroverError({ code, message, where, cause }), seconds: 0, doneBytes };
      }
      const error = isGone
        ? new DroverError({ code: 'engine.unresponsive', message: `${task.key} does not stop`, where, cause: why })
        : asDroverError(cause, where);
      return { kind: 'failed', error, seconds: 0, doneBytes };
    } finally {
      signals.stop.removeEventListener('abort', onStop);
      signals.kill.removeEventListener('abort', onKill);
      for (const timer of timers) timer.cancel();
    }
  }

  /** Whether a disk that was full has room again: that of the intermediates, and for a stage with products theirs too. */
  async #isRecovered(error: DroverError, task: TaskNode, vm: PlannedVm, dir: string): Promise<boolean> {
    if (!NO_SPACE.has(error.code)) return false;
    const wanted = Math.max(MIN_FREE_BYTES, task.estimate.bytes ?? 0);
    const { files } = this.#ports.host;
    // The folder for products is made late: its parent lies on the same disk.
    const out = (await files.exists(vm.outDir)) ? vm.outDir : dirname(vm.outDir);
    for (const path of task.mutatesTarget ? [dir, out] : [dir]) {
      const space = await files.space(path).catch(() => undefined);
      if (space === undefined || space.freeBytes < wanted) return false;
    }
    return true;
  }

  #remember(task: TaskNode, stage: StageName, vm: PlannedVm, attempt: number, end: AttemptEnd): void {
    if (end.kind === 'cached') return;
    const { host, runId } = this.#ports;
    this.#ports.history({
      v: 1,
      task: task.id,
      vm: vm.vmKey,
      stage,
      source: vm.source,
      target: vm.target,
      host: task.host,
      run: runId,
      state: end.kind,
      endedAt: new Date(host.clock.now()).toISOString(),
      seconds: Math.round(end.seconds * 1000) / 1000,
      attempt,
      ...(end.kind === 'succeeded' && end.bytes !== undefined ? { bytes: end.bytes } : {}),
      ...(end.kind === 'failed' ? { errorCode: end.error.code } : {}),
    });
  }
}

/** Calls the stage; a throw before its first await is a failure like any other. */
async function callRunner(runners: StageRunners, task: StageTask, context: StageContext): Promise<Ended> {
  try {
    return { outcome: await runners[task.stage].run(task, context) };
  } catch (thrown) {
    return { thrown };
  }
}
