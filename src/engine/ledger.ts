/**
 * What the journal says: the state of every task, machine and wave. Live runs and recovery feed it the same records, and
 * the events that follow from a record come from here, so that both tell the same story.
 */
import type { ErrorRecord } from '../lib/error.js';
import type { EventData, EventType, RunOutcome, TaskState } from '../model/event.js';
import type { ProcessGroup } from '../model/stage-runner.js';
import type { StageName } from '../model/stage.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import type { JournalRecord } from './record.js';
import type { TaskStatus, VmResult } from './run-types.js';

/** An event without what the stream adds to it. */
export type EventBody = {
  readonly [T in EventType]: {
    readonly type: T;
    readonly data: EventData[T];
    readonly wave?: string;
    readonly vm?: string;
    readonly stage?: StageName;
    readonly task?: string;
    readonly attempt?: number;
  };
}[EventType];

type Status = { -readonly [K in keyof TaskStatus]: TaskStatus[K] };

/** A machine's share of the ledger. */
interface VmEntry {
  readonly indexed: IndexedVm;
  open: number;
  isUnderWay: boolean;
  /** Groups that its tasks started and that may live on until it is over. */
  groups: ProcessGroup[];
}

export const SETTLED: ReadonlySet<TaskState> = new Set(['succeeded', 'failed', 'cancelled', 'cached', 'skipped']);

/** Serialised form, for state.json. */
export interface LedgerSnapshot {
  readonly seq: number;
  readonly tasks: Readonly<Record<string, TaskStatus>>;
  readonly groups: Readonly<Record<string, readonly ProcessGroup[]>>;
  readonly waves: readonly string[];
  readonly acknowledged: readonly string[];
  readonly end?: { readonly outcome: RunOutcome; readonly exitCode: number };
}

export class RunLedger {
  readonly #index: GraphIndex;
  readonly #status: Status[];
  readonly #vms: VmEntry[];
  readonly #startedWaves = new Set<string>();
  readonly #openVms = new Map<string, number>();
  /** Control files that were executed already. */
  readonly acknowledged = new Set<string>();
  seq = -1;
  end: { readonly outcome: RunOutcome; readonly exitCode: number } | undefined;

  constructor(index: GraphIndex) {
    this.#index = index;
    this.#status = index.nodes.map(() => ({ state: 'pending', attempt: 0 }));
    this.#vms = index.vms.map((indexed) => ({ indexed, open: indexed.stages.length, isUnderWay: false, groups: [] }));
    for (const { vm } of index.vms) this.#openVms.set(vm.wave, (this.#openVms.get(vm.wave) ?? 0) + 1);
  }

  status(node: number): TaskStatus {
    return this.#status[node] ?? { state: 'pending', attempt: 0 };
  }

  byId(): ReadonlyMap<string, TaskStatus> {
    return new Map(this.#index.nodes.map((node, at) => [node.id, this.status(at)]));
  }

  /** Process groups that may be alive, by machine. */
  liveGroups(): readonly ProcessGroup[] {
    return this.#vms.flatMap((entry) => entry.groups);
  }

  counts(): Record<TaskState, number> {
    const counts = {
      pending: 0,
      ready: 0,
      running: 0,
      succeeded: 0,
      failed: 0,
      cancelled: 0,
      cached: 0,
      skipped: 0,
      retry_wait: 0,
      paused: 0,
    };
    for (const status of this.#status) counts[status.state] += 1;
    return counts;
  }

  /** How a machine ended; undefined while stages of it are open. */
  vmResult(vm: IndexedVm): VmResult | undefined {
    if ((this.#vms[vm.number]?.open ?? 0) > 0) return undefined;
    return vmResultOf(vm, (node) => this.status(node), this.#index);
  }

  /** Takes one record in and says which events follow from it. */
  apply(record: JournalRecord): readonly EventBody[] {
    const events: EventBody[] = [];
    this.seq = record.seq;
    switch (record.type) {
      case 'run.start':
        events.push({
          type: 'run.start',
          data: {
            playbook: this.#index.graph.playbook,
            planHash: record.planHash,
            vms: this.#index.vms.length,
            tasks: record.tasks,
            host: record.host,
            user: record.user,
            version: record.version,
            pools: this.#index.graph.pools,
          },
        });
        break;
      case 'run.resumed':
        this.end = undefined;
        events.push({ type: 'run.resumed', data: { by: record.by, pid: record.pid } });
        break;
      case 'run.end':
        this.end = { outcome: record.outcome, exitCode: record.exitCode };
        events.push({ type: 'run.end', data: { outcome: record.outcome, exitCode: record.exitCode } });
        break;
      case 'run.cancelled':
        events.push({ type: 'run.cancelling', data: { by: record.by, graceS: record.graceS } });
        break;
      case 'run.killed':
        for (const entry of this.#vms) entry.groups = [];
        break;
      case 'policy.halt': {
        const { scope, failures, limit } = record;
        events.push({ type: 'policy.halt', data: { scope, failures, limit } });
        break;
      }
      case 'circuit.open':
        events.push({ type: 'circuit.open', data: { resource: record.resource, class: record.class } });
        break;
      case 'circuit.closed':
        events.push({ type: 'circuit.closed', data: { resource: record.resource } });
        break;
      case 'control.ack':
        this.acknowledged.add(record.file);
        break;
      case 'task.requeue':
        for (const task of record.tasks) this.#reopen(task, events);
        break;
      case 'task.skip':
        for (const task of record.tasks) {
          this.#settle(task, { state: 'skipped', reason: record.reason, endedAt: record.ts }, events);
        }
        break;
      case 'task.start':
        this.#start(record, events);
        break;
      case 'task.group': {
        const node = this.#index.byId.get(record.task);
        const vm = node === undefined ? undefined : this.#index.vmOf[node];
        if (vm !== undefined) this.#vms[vm.number]?.groups.push(record.group);
        break;
      }
      case 'task.retry':
        this.#retry(record, events);
        break;
      case 'task.end':
        this.#end(record, events);
        break;
    }
    return events;
  }

  toSnapshot(): LedgerSnapshot {
    const tasks: Record<string, TaskStatus> = {};
    for (const [at, node] of this.#index.nodes.entries()) {
      const status = this.#status[at];
      if (status !== undefined && (status.state !== 'pending' || status.attempt > 0)) tasks[node.id] = status;
    }
    const groups: Record<string, readonly ProcessGroup[]> = {};
    for (const entry of this.#vms) if (entry.groups.length > 0) groups[entry.indexed.vm.vmKey] = entry.groups;
    return {
      seq: this.seq,
      tasks,
      groups,
      waves: [...this.#startedWaves],
      acknowledged: [...this.acknowledged],
      ...(this.end === undefined ? {} : { end: this.end }),
    };
  }

  /** A ledger as it was when the snapshot was taken. */
  static restore(index: GraphIndex, snapshot: LedgerSnapshot): RunLedger {
    const ledger = new RunLedger(index);
    ledger.seq = snapshot.seq;
    ledger.end = snapshot.end;
    for (const file of snapshot.acknowledged) ledger.acknowledged.add(file);
    for (const wave of snapshot.waves) ledger.#startedWaves.add(wave);
    for (const [id, status] of Object.entries(snapshot.tasks)) {
      const node = index.byId.get(id);
      if (node === undefined) continue;
      ledger.#status[node] = { ...status };
      const vm = index.vmOf[node];
      const entry = vm === undefined ? undefined : ledger.#vms[vm.number];
      if (entry === undefined || vm === undefined) continue;
      entry.isUnderWay ||= status.startedAt !== undefined;
      if (!SETTLED.has(status.state)) continue;
      entry.open -= 1;
      if (entry.open === 0) ledger.#openVms.set(vm.vm.wave, (ledger.#openVms.get(vm.vm.wave) ?? 1) - 1);
    }
    for (const [vmKey, groups] of Object.entries(snapshot.groups)) {
      const vm = index.vmByKey.get(vmKey);
      const entry = vm === undefined ? undefined : ledger.#vms[vm.number];
      if (entry !== undefined) entry.groups = [...groups];
    }
    return ledger;
  }

  #head(node: number): { wave?: string; vm?: string; stage?: StageName; task?: string } {
    const task = this.#index.nodes[node];
    if (task === undefined) return {};
    const { wave, vmKey: vm, stage, id } = task;
    // Made for every record: objects of one shape, without spreading.
    return vm === undefined || stage === undefined ? { wave, task: id } : { wave, vm, stage, task: id };
  }

  #openWave(node: number, events: EventBody[]): void {
    const task = this.#index.nodes[node];
    if (task?.kind !== 'stage' || this.#startedWaves.has(task.wave)) return;
    this.#startedWaves.add(task.wave);
    const vms = this.#index.vms.filter(({ vm }) => vm.wave === task.wave).length;
    events.push({ type: 'wave.start', wave: task.wave, data: { vms } });
  }

  #start(record: JournalRecord & { type: 'task.start' }, events: EventBody[]): void {
    const node = this.#index.byId.get(record.task);
    const status = node === undefined ? undefined : this.#status[node];
    if (node === undefined || status === undefined) return;
    this.#openWave(node, events);
    const vm = this.#index.vmOf[node];
    const entry = vm === undefined ? undefined : this.#vms[vm.number];
    if (entry !== undefined && vm !== undefined && !entry.isUnderWay) {
      entry.isUnderWay = true;
      events.push({ type: 'vm.state', wave: vm.vm.wave, vm: vm.vm.vmKey, data: { to: 'running' } });
    }
    this.#status[node] = { state: 'running', attempt: record.attempt, startedAt: record.ts };
    events.push({
      type: 'task.state',
      ...this.#head(node),
      attempt: record.attempt,
      data: { from: 'ready', to: 'running' },
    });
  }

  #retry(record: JournalRecord & { type: 'task.retry' }, events: EventBody[]): void {
    const node = this.#index.byId.get(record.task);
    if (node === undefined) return;
    this.#status[node] = { state: 'retry_wait', attempt: record.attempt, reason: record.at, error: record.error };
    events.push({
      type: 'task.state',
      ...this.#head(node),
      attempt: record.attempt,
      data: { from: 'running', to: 'retry_wait', reason: record.at, error: record.error, seconds: record.seconds },
    });
  }

  #end(record: JournalRecord & { type: 'task.end' }, events: EventBody[]): void {
    const node = this.#index.byId.get(record.task);
    if (node === undefined) return;
    this.#openWave(node, events);
    const head = { ...this.#head(node), attempt: record.attempt };
    for (const { path, bytes, role } of record.outputs ?? []) {
      events.push({ type: 'task.artefact', ...head, data: { path, bytes, role } });
    }
    for (const warning of record.warnings ?? []) events.push({ type: 'warning', ...head, data: warning });
    const { state, seconds, bytes, error, degraded } = record;
    const more: Partial<Status> = {
      ...(seconds === undefined ? {} : { seconds }),
      ...(bytes === undefined ? {} : { bytes }),
      ...(error === undefined ? {} : { error }),
      ...(degraded === undefined ? {} : { degraded }),
    };
    this.#settle(record.task, { ...more, state, attempt: record.attempt, endedAt: record.ts }, events);
  }

  #settle(task: string, ending: Partial<Status> & { readonly state: TaskState }, events: EventBody[]): void {
    const node = this.#index.byId.get(task);
    const status = node === undefined ? undefined : this.#status[node];
    if (node === undefined || status === undefined) return;
    const { reason: _reason, error: _error, groups: _groups, ...before } = status;
    this.#status[node] = { ...before, ...ending };
    events.push({
      type: 'task.state',
      ...this.#head(node),
      ...((ending.attempt ?? 0) > 0 ? { attempt: ending.attempt } : {}),
      data: {
        from: status.state,
        to: ending.state,
        ...(ending.reason === undefined ? {} : { reason: ending.reason }),
        ...(ending.error === undefined ? {} : { error: ending.error }),
        ...(ending.seconds === undefined ? {} : { seconds: ending.seconds }),
        ...(ending.bytes === undefined ? {} : { bytes: ending.bytes }),
      },
    });
    if (!SETTLED.has(status.state)) this.#closeVm(node, events);
  }

  #closeVm(node: number, events: EventBody[]): void {
    const vm = this.#index.vmOf[node];
    const entry = vm === undefined ? undefined : this.#vms[vm.number];
    if (vm === undefined || entry === undefined) return;
    entry.open -= 1;
    if (entry.open > 0) return;
    entry.groups = [];
    const { state, error } = vmResultOf(vm, (at) => this.status(at), this.#index);
    events.push({
      type: 'vm.state',
      wave: vm.vm.wave,
      vm: vm.vm.vmKey,
      data: { to: state, ...(error === undefined ? {} : { error }) },
    });
    const left = (this.#openVms.get(vm.vm.wave) ?? 1) - 1;
    this.#openVms.set(vm.vm.wave, left);
    if (left > 0) return;
    let succeeded = 0;
    let failed = 0;
    for (const other of this.#index.vms) {
      if (other.vm.wave !== vm.vm.wave) continue;
      const end = vmResultOf(other, (at) => this.status(at), this.#index).state;
      if (end === 'succeeded' || end === 'degraded') succeeded += 1;
      if (end === 'failed') failed += 1;
    }
    events.push({ type: 'wave.end', wave: vm.vm.wave, data: { succeeded, failed } });
  }

  #reopen(task: string, events: EventBody[]): void {
    const node = this.#index.byId.get(task);
    const status = node === undefined ? undefined : this.#status[node];
    if (node === undefined || status === undefined || status.state === 'pending') return;
    this.#status[node] = { state: 'pending', attempt: status.attempt };
    const vm = this.#index.vmOf[node];
    const entry = vm === undefined ? undefined : this.#vms[vm.number];
    if (entry !== undefined && vm !== undefined && SETTLED.has(status.state)) {
      if (entry.open === 0) this.#openVms.set(vm.vm.wave, (this.#openVms.get(vm.vm.wave) ?? 0) + 1);
      entry.open += 1;
    }
    if (entry !== undefined) entry.isUnderWay = false;
    events.push({
      type: 'task.state',
      ...this.#head(node),
      data: { from: status.state, to: 'pending', reason: 'requeued' },
    });
  }
}

/** How a machine ended, from the states of its stages. */
export function vmResultOf(vm: IndexedVm, status: (node: number) => TaskStatus, index: GraphIndex): VmResult {
  let failed: { error: ErrorRecord | undefined; stage: StageName | undefined } | undefined;
  let isCancelled = false;
  let isDegraded = false;
  let done = 0;
  let cached = 0;
  let isWhole = true;
  for (const node of vm.stages) {
    const { state, reason, error, degraded } = status(node);
    if (state === 'succeeded' || state === 'cached') done += 1;
    if (state === 'cached') cached += 1;
    if (degraded === true) isDegraded = true;
    if (state === 'failed') failed ??= { error, stage: index.nodes[node]?.stage };
    if (state === 'cancelled' || (state === 'skipped' && reason === 'cancelled')) isCancelled = true;
    if (state === 'skipped' && reason !== 'selected-out' && reason !== 'until') isWhole = false;
  }
  const state =
    failed !== undefined
      ? 'failed'
      : isCancelled
        ? 'cancelled'
        : !isWhole || done === 0
          ? 'skipped'
          : isDegraded
            ? 'degraded'
            : 'succeeded';
  return {
    vmKey: vm.vm.vmKey,
    name: vm.vm.name,
    wave: vm.vm.wave,
    state,
    cached: done > 0 && cached === done,
    ...(failed?.error === undefined ? {} : { error: failed.error }),
    ...(failed?.stage === undefined ? {} : { failedStage: failed.stage }),
  };
}
