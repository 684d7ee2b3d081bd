/** Small plans and scripted stages for tests of the engine. */
import type { FakeHost } from '../../src/host/index.js';
import { digestOf } from '../../src/lib/canonical-json.js';
import type { Demand, PlannedVm, TaskGraph, TaskNode, WavePolicy } from '../../src/model/graph.js';
import type { StageContext, StageOutcome, StageRunners, StageTask } from '../../src/model/stage-runner.js';
import { STAGES } from '../../src/model/stage.js';
import type { StageName } from '../../src/model/stage.js';

export interface VmSpec {
  readonly name: string;
  readonly wave?: string;
  /** From 1. */
  readonly batch?: number;
  /** @default all seven */
  readonly stages?: readonly StageName[];
  readonly demand?: (stage: StageName) => readonly Demand[];
  readonly node?: (stage: StageName) => Partial<TaskNode>;
  /** Tasks that must have succeeded before its first stage. */
  readonly after?: readonly string[];
  readonly settings?: Partial<PlannedVm['settings']>;
  readonly source?: string;
  readonly target?: string;
  readonly outDir?: string;
  /** Changes every fingerprint from this stage on. */
  readonly salt?: Partial<Record<StageName, string>>;
}

export interface PlanSpec {
  readonly vms: readonly VmSpec[];
  readonly pools?: Readonly<Record<string, number>>;
  readonly waves?: readonly (Partial<WavePolicy> & {
    readonly name: string;
    readonly after?: string;
    readonly require?: number;
    /** @default 'block' */
    readonly onShortfall?: 'block' | 'proceed';
  })[];
  readonly policy?: TaskGraph['policy'];
  readonly name?: string;
}

export function taskId(vm: string, stage: StageName): string {
  return digestOf({ vm, stage }).slice(0, 16);
}

/** A plan as the planner makes them: chains of stages, a barrier before and after every wave and between batches. */
export function makePlan(spec: PlanSpec): TaskGraph {
  const waveSpecs = spec.waves ?? [{ name: 'all' }];
  const vms: PlannedVm[] = [];
  const nodes: TaskNode[] = [];
  const barrier = (wave: string, name: string, batch: number, over: Partial<TaskNode>): TaskNode => ({
    id: digestOf({ wave, name, batch }).slice(0, 16),
    key: `test/${wave}/barrier:${name}`,
    kind: 'barrier',
    wave,
    batch,
    host: 'local',
    deps: [],
    demand: [],
    estimate: { p50s: 0, p90s: 0, basis: 'default' },
    priority: 0,
    fingerprint: null,
    cacheState: 'miss',
    cacheReasons: [],
    timeout: { wallS: 60, stallS: null },
    retry: { attempts: 1, baseMs: 5000, capMs: 300_000 },
    cancel: 'kill',
    mutatesSource: false,
    mutatesTarget: false,
    ...over,
  });
  const waves: WavePolicy[] = [];
  const endOf = new Map<string, string>();
  for (const wave of waveSpecs) {
    const members = spec.vms.filter((vm) => (vm.wave ?? 'all') === wave.name);
    const batches = Math.max(1, ...members.map((vm) => vm.batch ?? 1));
    const lastOf = (vm: VmSpec): string => taskId(vm.name, (vm.stages ?? STAGES).at(-1) ?? 'VALIDATE');
    const upstream = wave.after === undefined ? undefined : spec.vms.filter((vm) => vm.wave === wave.after).map(lastOf);
    const after = wave.after === undefined ? undefined : endOf.get(wave.after);
    let gate = barrier(wave.name, 'start', 0, {
      deps: after === undefined ? [] : [{ id: after, on: 'settled' }],
      ...(upstream === undefined
        ? {}
        : {
            quorum: { need: wave.require ?? upstream.length, of: upstream, onShortfall: wave.onShortfall ?? 'block' },
          }),
    });
    nodes.push(gate);
    for (let batch = 1; batch <= batches; batch += 1) {
      const inBatch = members.filter((vm) => (vm.batch ?? 1) === batch);
      if (batch > 1) {
        const before = members.filter((vm) => (vm.batch ?? 1) === batch - 1).map(lastOf);
        const between = barrier(wave.name, `batch-${batch}`, batch, {
          deps: [{ id: gate.id, on: 'success' }, ...before.map((id) => ({ id, on: 'settled' as const }))],
        });
        nodes.push(between);
        gate = between;
      }
      for (const vm of inBatch) addVm(vm, wave.name, batch, gate.id, vms, nodes);
    }
    const end = barrier(wave.name, 'end', 0, {
      deps: members.map((vm) => ({ id: lastOf(vm), on: 'settled' as const })),
    });
    nodes.push(end);
    endOf.set(wave.name, end.id);
    waves.push({
      batches,
      vms: members.map((vm) => `src:${vm.name}`),
      onFailure: 'continue',
      maxFailures: null,
      maxVmsInFlight: null,
      ...wave,
    });
  }
  const graph = {
    apiVersion: 'drover/v1alpha1' as const,
    kind: 'Plan' as const,
    playbook: spec.name ?? 'test',
    createdBy: 'test',
    playbookDigests: [],
    factsUsed: {},
    vms,
    waves,
    policy: spec.policy ?? { onFailure: 'continue' as const, maxFailures: null },
    pools: spec.pools ?? { slots: 4 },
    nodes,
    warnings: [],
  };
  return { ...graph, planHash: digestOf(graph) };
}

function addVm(spec: VmSpec, wave: string, batch: number, gate: string, vms: PlannedVm[], nodes: TaskNode[]): void {
  const vmKey = `src:${spec.name}`;
  vms.push({
    vmKey,
    name: spec.name,
    wave,
    batch,
    source: spec.source ?? 'src',
    target: spec.target ?? 'here',
    outDir: spec.outDir ?? `/out/${spec.name}`,
    labels: {},
    settings: { keepIntermediates: 'failed', ...spec.settings } as PlannedVm['settings'],
    origins: {},
    description: {
      name: spec.name,
      vmKey,
      origin: { kind: 'disks', path: '/images' },
      disks: [],
      nics: [],
      warnings: [],
    },
  });
  const stages = spec.stages ?? STAGES;
  let salt = '';
  for (const [at, stage] of stages.entries()) {
    salt += spec.salt?.[stage] ?? '';
    const before = stages[at - 1];
    nodes.push({
      id: taskId(spec.name, stage),
      key: `test/${wave}/${spec.name}/${stage}`,
      kind: 'stage',
      wave,
      batch,
      vmKey,
      stage,
      host: 'local',
      deps: [
        { id: before === undefined ? gate : taskId(spec.name, before), on: 'success' as const },
        ...(before === undefined ? (spec.after ?? []).map((id) => ({ id, on: 'success' as const })) : []),
      ],
      demand: spec.demand?.(stage) ?? [{ pool: 'slots', units: 1 }],
      estimate: { p50s: 10, p90s: 20, basis: 'default' },
      priority: (stages.length - at) * 10,
      fingerprint: digestOf({ vm: spec.name, stage, salt }),
      cacheState: 'miss',
      cacheReasons: [],
      timeout: { wallS: 3600, stallS: null },
      retry: { attempts: 2, baseMs: 5000, capMs: 300_000 },
      cancel: 'kill',
      mutatesSource: false,
      mutatesTarget: stage === 'CONVERT',
      ...spec.node?.(stage),
    });
  }
}

export type Script = (task: StageTask, context: StageContext) => Promise<void>;

export interface Played {
  readonly runners: StageRunners;
  /** Starts and ends in order: `+vm STAGE`, `-vm STAGE`, `!vm STAGE` for a failure. */
  readonly trace: string[];
  /** Calls by `vm STAGE`. */
  readonly calls: Map<string, number>;
}

/**
 * Stages that take the time a script takes. FETCH, FLATTEN and FIX leave an intermediate, CONVERT a product, and every
 * stage tells what it was told, so that a wrong input shows in the end result.
 */
export function playStages(host: FakeHost, script: Script = (_, { signal }) => host.clock.sleep(1000, signal)): Played {
  const trace: string[] = [];
  const calls = new Map<string, number>();
  const run = async (task: StageTask, context: StageContext): Promise<StageOutcome<StageName>> => {
    const who = `${task.vm.name} ${task.stage}`;
    calls.set(who, (calls.get(who) ?? 0) + 1);
    trace.push(`+${who}`);
    try {
      await script(task, context);
    } catch (thrown) {
      trace.push(`!${who}`);
      throw thrown;
    }
    const at = STAGES.indexOf(task.stage);
    const before = at === 0 ? undefined : (context.input(STAGES[at - 1] ?? 'FETCH') as unknown);
    const isWriter = ['FETCH', 'FLATTEN', 'FIX', 'CONVERT'].includes(task.stage);
    const isProduct = task.stage === 'CONVERT';
    const path = isProduct ? `${task.paths.out}/disk.qcow2` : `${task.paths.work}/disk`;
    if (isWriter) {
      await host.files.makeDir(isProduct ? task.paths.out : task.paths.work);
      await host.files.writeAtomic(path, `${task.stage} of ${task.vm.name} ${task.fingerprint}`);
    }
    trace.push(`-${who}`);
    return {
      result: { stage: task.stage, before } as never,
      outputs: isWriter ? [{ role: 'disk', path, kind: isProduct ? 'product' : 'intermediate' }] : [],
    };
  };
  const runner = (stage: StageName): unknown => ({ stage, implVersion: 1, readsSettings: [], tools: [], run });
  const runners = Object.fromEntries(STAGES.map((stage) => [stage, runner(stage)])) as unknown as StageRunners;
  return { runners, trace, calls };
}
