/**
 * How far a run is, folded from its events: what the live screen, the plain screen and `drover status` show.
 * The fold is the only reader of events that draws; it never asks the engine.
 */
import type { ErrorRecord } from '../lib/error.js';
import type { EventData, Progress, RunEvent, TaskState } from '../model/event.js';
import type { TaskGraph } from '../model/graph.js';
import type { StageName } from '../model/stage.js';
import { STAGES } from '../model/stage.js';

type VmPhase = 'waiting' | 'running' | 'succeeded' | 'degraded' | 'cached' | 'failed' | 'cancelled' | 'skipped';

interface StageView {
  readonly state: TaskState;
  readonly seconds?: number;
  readonly attempt: number;
  /** Wall clock of the start of the running attempt, milliseconds. */
  readonly startedMs?: number;
}

export interface VmView {
  readonly vmKey: string;
  readonly name: string;
  readonly wave: string;
  phase: VmPhase;
  /** The stage that runs now, or ran last. */
  stage?: StageName;
  progress?: Progress;
  error?: ErrorRecord;
  failedStage?: StageName;
  readonly stages: Partial<Record<StageName, StageView>>;
  startedMs?: number;
  endedMs?: number;
}

export interface WaveView {
  readonly name: string;
  readonly vms: readonly VmView[];
  readonly counts: Record<VmPhase, number>;
}

export interface ProgressView {
  readonly run: string;
  readonly playbook: string;
  readonly waves: readonly WaveView[];
  readonly vms: ReadonlyMap<string, VmView>;
  readonly counts: Record<VmPhase, number>;
  readonly warnings: readonly { readonly vm?: string; readonly code: string; readonly message: string }[];
  startedMs?: number;
  endedMs?: number;
  outcome?: EventData['run.end']['outcome'];
  cancelling: boolean;
  /** When what still runs is killed, wall clock in milliseconds; while a cancelled run ends. */
  graceUntilMs?: number;
  halted?: string;
  pools: Readonly<Record<string, readonly [used: number, capacity: number]>>;
  eta?: EventData['eta'];
  /** When the estimate was made, wall clock in milliseconds. */
  etaAtMs?: number;
  /** Folds one event in. Unknown events and unknown machines are passed over. */
  apply(event: RunEvent): void;
}

function noCounts(): Record<VmPhase, number> {
  return { waiting: 0, running: 0, succeeded: 0, degraded: 0, cached: 0, failed: 0, cancelled: 0, skipped: 0 };
}

/** An empty view of a run over this graph. */
export function createProgressView(run: string, graph: TaskGraph): ProgressView {
  const vms = new Map<string, VmView>();
  const counts = noCounts();
  for (const vm of graph.vms)
    vms.set(vm.vmKey, { vmKey: vm.vmKey, name: vm.name, wave: vm.wave, phase: 'waiting', stages: {} });
  const waves = graph.waves.map((wave): WaveView => {
    const members = wave.vms.flatMap((key) => vms.get(key) ?? []);
    return { name: wave.name, vms: members, counts: { ...noCounts(), waiting: members.length } };
  });
  counts.waiting = vms.size;
  const waveOf = new Map(waves.map((wave) => [wave.name, wave]));
  const warnings: { vm?: string; code: string; message: string }[] = [];

  const enter = (vm: VmView, phase: VmPhase): void => {
    if (vm.phase === phase) return;
    const wave = waveOf.get(vm.wave);
    for (const tally of [counts, wave?.counts]) {
      if (tally === undefined) continue;
      tally[vm.phase] -= 1;
      tally[phase] += 1;
    }
    vm.phase = phase;
  };

  const onTask = (vm: VmView, stage: StageName, event: Extract<RunEvent, { type: 'task.state' }>): void => {
    const { to, seconds, error } = event.data;
    vm.stages[stage] = {
      state: to,
      attempt: event.attempt ?? 1,
      ...(seconds === undefined ? {} : { seconds }),
      ...(to === 'running' ? { startedMs: Date.parse(event.ts) } : {}),
    };
    if (to === 'running') {
      vm.stage = stage;
      delete vm.progress;
      vm.startedMs ??= Date.parse(event.ts);
      enter(vm, 'running');
    }
    if (to === 'failed') {
      vm.failedStage = stage;
      if (error !== undefined) vm.error = error;
    }
  };

  const view: ProgressView = {
    run,
    playbook: graph.playbook,
    waves,
    vms,
    counts,
    warnings,
    cancelling: false,
    pools: {},
    apply: (event) => {
      const vm = event.vm === undefined ? undefined : vms.get(event.vm);
      switch (event.type) {
        case 'run.start':
          view.startedMs = Date.parse(event.ts);
          break;
        case 'run.resumed':
          view.cancelling = false;
          delete view.graceUntilMs;
          delete view.endedMs;
          delete view.outcome;
          view.startedMs ??= Date.parse(event.ts);
          break;
        case 'run.cancelling':
          view.cancelling = true;
          view.graceUntilMs = Date.parse(event.ts) + event.data.graceS * 1000;
          break;
        case 'run.end':
          view.endedMs = Date.parse(event.ts);
          view.outcome = event.data.outcome;
          break;
        case 'vm.state':
          if (vm === undefined) break;
          if (event.data.error !== undefined) vm.error = event.data.error;
          if (event.data.to !== 'running') {
            vm.endedMs = Date.parse(event.ts);
            delete vm.progress;
          }
          enter(
            vm,
            event.data.to === 'succeeded' && STAGES.every((stage) => isCached(vm, stage)) ? 'cached' : event.data.to,
          );
          break;
        case 'task.state':
          if (vm !== undefined && event.stage !== undefined) onTask(vm, event.stage, event);
          break;
        case 'task.progress':
          if (vm !== undefined) vm.progress = event.data;
          break;
        case 'pool.usage':
          view.pools = event.data.pools;
          break;
        case 'policy.halt':
          view.halted = event.data.scope;
          break;
        case 'eta':
          view.eta = event.data;
          view.etaAtMs = Date.parse(event.ts);
          break;
        case 'warning':
          warnings.push({
            code: event.data.code,
            message: event.data.message,
            ...(vm === undefined ? {} : { vm: vm.name }),
          });
          break;
        case 'wave.start':
        case 'wave.end':
        case 'task.log':
        case 'task.artefact':
        case 'circuit.open':
        case 'circuit.closed':
        case 'status.snapshot':
          break;
        default:
          // A newer Drover wrote it: what is not known is passed over.
          break;
      }
    },
  };
  return view;
}

function isCached(vm: VmView, stage: StageName): boolean {
  const state = vm.stages[stage]?.state;
  return state === 'cached' || state === 'skipped' || state === undefined;
}
