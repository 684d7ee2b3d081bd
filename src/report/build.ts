import { matchesGlob } from '../lib/glob.js';
import type { RunEvent } from '../model/event.js';
import type { PlannedVm, TaskGraph, TaskNode } from '../model/graph.js';
import { REPORT_SCHEMA } from '../model/report.js';
import type { ProductReport, RunReport, StageReport, VmReport } from '../model/report.js';
import type { StageResults } from '../model/results.js';
import { STAGES } from '../model/stage.js';
import { secondsOf, taskTimes } from './spans.js';

export interface ReportInput {
  readonly graph: TaskGraph;
  readonly run: Omit<RunReport['run'], 'seconds'>;
  readonly host: RunReport['host'];
  readonly events: readonly RunEvent[];
  /** What stages left, by task id; those that did not succeed are absent. */
  readonly results: ReadonlyMap<string, StageResults[keyof StageResults]>;
  readonly waivers: readonly {
    readonly concern: string;
    readonly vm?: string;
    readonly reason: string;
    readonly until?: string;
  }[];
  readonly leftBehind: readonly string[];
  /** Wall clock for a run that is still going on, ISO 8601. */
  readonly now: string;
}

type StateEvent = Extract<RunEvent, { type: 'task.state' }>;

function resultsOf(nodes: readonly TaskNode[], input: ReportInput): Partial<StageResults> {
  const found: Record<string, unknown> = {};
  for (const node of nodes) {
    const result = input.results.get(node.id);
    if (node.stage !== undefined && result !== undefined) found[node.stage] = result;
  }
  return found;
}

function stageReport(node: TaskNode, events: readonly StateEvent[], until: string): StageReport {
  const times = taskTimes(events, until);
  return {
    stage: node.stage ?? 'FETCH',
    state: times.state,
    attempts: times.attempts,
    seconds: times.seconds,
    waitedSeconds: times.waitedSeconds,
    estimatedSeconds: node.estimate.p50s,
    reasons: times.attempts > 0 ? node.cacheReasons : [],
    spans: times.spans,
    ...(times.bytes === undefined ? {} : { bytes: times.bytes }),
    ...(times.error === undefined ? {} : { error: times.error }),
  };
}

function vmState(events: readonly RunEvent[], stages: readonly StageReport[]): VmReport['state'] {
  const last = events.filter((event) => event.type === 'vm.state').at(-1);
  if (last?.type === 'vm.state') return last.data.to;
  return stages.some((stage) => stage.state === 'running') ? 'running' : 'waiting';
}

function products(results: Partial<StageResults>): readonly ProductReport[] {
  return (results.CONVERT?.disks ?? []).map((disk) => ({
    path: disk.path,
    format: disk.format,
    virtualSizeBytes: disk.virtualSizeBytes,
    fileBytes: disk.fileBytes,
    allocatedBytes: disk.allocatedBytes,
    check: disk.check,
    ...(disk.sha256 === undefined ? {} : { sha256: disk.sha256 }),
  }));
}

function nicReports(vm: PlannedVm, plan: StageResults['PLAN'] | undefined): VmReport['nics'] {
  const known = (nic: {
    readonly index: number;
    readonly mac?: string;
    readonly model?: string;
    readonly network?: string;
  }) => ({
    index: nic.index,
    ...(nic.mac === undefined ? {} : { mac: nic.mac }),
    ...(nic.model === undefined ? {} : { model: nic.model }),
    ...(nic.network === undefined ? {} : { network: nic.network }),
  });
  if (plan === undefined) return vm.description.nics.map(known);
  return plan.nics.map((nic) => ({ ...known(nic), ...(nic.ifname === undefined ? {} : { ifname: nic.ifname }) }));
}

function vmReport(
  vm: PlannedVm,
  nodes: readonly TaskNode[],
  events: readonly RunEvent[],
  byTask: ReadonlyMap<string, readonly StateEvent[]>,
  input: ReportInput,
  until: string,
): VmReport {
  const ordered = STAGES.flatMap((stage) => nodes.find((node) => node.stage === stage) ?? []);
  const stages = ordered.map((node) => stageReport(node, byTask.get(node.id) ?? [], until));
  const results = resultsOf(nodes, input);
  const { description } = vm;
  const { INSPECT: inspection, PLAN: plan, FIX: fix, VALIDATE: validation, CONVERT: converted } = results;
  const failed = stages.find((stage) => stage.state === 'failed');
  const ran = stages
    .flatMap((stage) => stage.spans)
    .map((span) => [Date.parse(span.startedAt), Date.parse(span.endedAt)] as const);
  const seconds =
    ran.length === 0 ? 0 : (Math.max(...ran.map(([, end]) => end)) - Math.min(...ran.map(([start]) => start))) / 1000;
  const warnings = new Set<string>([
    ...description.warnings,
    ...[results.FETCH, results.FLATTEN, inspection, plan, fix, converted, validation].flatMap(
      (result) => result?.warnings ?? [],
    ),
    ...events.flatMap((event) => (event.type === 'warning' ? [event.data.message] : [])),
  ]);
  return {
    name: vm.name,
    vmKey: vm.vmKey,
    wave: vm.wave,
    state: vmState(events, stages),
    cached:
      stages.some((stage) => stage.state === 'cached') &&
      stages.every((stage) => stage.state === 'cached' || stage.state === 'skipped'),
    seconds,
    origin: description.origin,
    ...(inspection === undefined || inspection.family !== 'linux'
      ? {}
      : {
          guest: {
            prettyName: inspection.distro.prettyName,
            hostname: inspection.hostname,
            firmware: plan?.firmware ?? inspection.firmware.observed,
            kernels: inspection.kernels.length,
          },
        }),
    disks: description.disks.map((disk) => {
      const bus =
        fix?.buses.find((entry) => entry.index === disk.index)?.bus ??
        plan?.disks.find((entry) => entry.index === disk.index)?.bus;
      const size =
        results.FETCH?.disks.find((entry) => entry.index === disk.index)?.virtualSizeBytes ?? disk.virtualSizeBytes;
      return {
        index: disk.index,
        source:
          disk.location.kind === 'file'
            ? disk.location.path
            : disk.location.kind === 'archive'
              ? disk.location.members.join(', ')
              : 'blank',
        format: disk.location.kind === 'blank' ? 'blank' : disk.location.format,
        ...(size === undefined ? {} : { virtualSizeBytes: size }),
        ...(bus === undefined ? {} : { bus }),
      };
    }),
    nics: nicReports(vm, plan),
    stages,
    decisions: plan?.decisions ?? [],
    fix: fix?.steps ?? [],
    products: products(results),
    ...(converted === undefined ? {} : { domainXml: converted.domainXml }),
    xmlChecks: converted?.xmlChecks ?? [],
    ...(validation === undefined ? {} : { validation }),
    ...(inspection === undefined
      ? {}
      : {
          appliance: {
            calls: fix === undefined ? inspection.cost.rpcs : fix.cost.rpcs,
            launches: fix === undefined ? 1 : fix.cost.launches,
            launchSeconds: inspection.cost.launchMs / 1000,
          },
        }),
    warnings: [...warnings].sort(),
    waivers: input.waivers
      .filter((waiver) => waiver.vm === undefined || matchesGlob(waiver.vm, vm.name))
      .map(({ vm: _vm, ...waiver }) => waiver),
    ...(failed?.error === undefined ? {} : { error: failed.error, failedStage: failed.stage }),
  };
}

function tally<T extends string>(values: readonly T[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of [...values].sort()) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function poolPeaks(events: readonly RunEvent[]): RunReport['pools'] {
  const peaks = new Map<string, { peak: number; capacity: number }>();
  for (const event of events) {
    if (event.type !== 'pool.usage') continue;
    for (const [pool, [used, capacity]] of Object.entries(event.data.pools)) {
      const known = peaks.get(pool);
      peaks.set(pool, { peak: Math.max(known?.peak ?? 0, used), capacity });
    }
  }
  return [...peaks].sort(([a], [b]) => (a < b ? -1 : 1)).map(([pool, value]) => ({ pool, ...value }));
}

/**
 * Seconds of waiting of all machines, by what for. Events say that a task waited, not for which pool; it is put down to the
 * pools that the task asked for and that were full at some time.
 */
function timeLost(
  vms: readonly VmReport[],
  nodesByVm: ReadonlyMap<string, readonly TaskNode[]>,
  pools: RunReport['pools'],
): RunReport['timeLost'] {
  const full = new Set(pools.filter(({ peak, capacity }) => peak >= capacity).map(({ pool }) => pool));
  const lost = new Map<string, number>();
  for (const vm of vms) {
    const nodes = nodesByVm.get(vm.vmKey) ?? [];
    for (const stage of vm.stages) {
      for (const span of stage.spans) {
        if (span.kind === 'run') continue;
        const asked = nodes.find((node) => node.stage === stage.stage)?.demand.map(({ pool }) => pool) ?? [];
        const scarce = asked.filter((pool) => full.has(pool));
        const slot = scarce.length === 0 ? 'a free slot' : `pool ${scarce.join(' or ')}`;
        const reason = span.kind === 'retry' ? 'the next try' : slot;
        lost.set(reason, (lost.get(reason) ?? 0) + secondsOf(span));
      }
    }
  }
  return [...lost]
    .map(([reason, seconds]) => ({ reason, seconds: Math.round(seconds) }))
    .filter(({ seconds }) => seconds > 0)
    .sort((a, b) => b.seconds - a.seconds || (a.reason < b.reason ? -1 : 1));
}

function nextCommands(input: ReportInput, vms: readonly VmReport[]): readonly string[] {
  const failed = vms.filter((vm) => vm.state === 'failed');
  const good = vms.filter((vm) => vm.domainXml !== undefined && (vm.state === 'succeeded' || vm.state === 'degraded'));
  return [
    ...failed
      .slice(0, 3)
      .map(
        (vm) =>
          `drover logs ${input.run.id} --vm ${vm.name}${vm.failedStage === undefined ? '' : ` --stage ${vm.failedStage}`}`,
      ),
    ...(failed.length > 0 ||
    input.run.outcome === 'cancelled' ||
    input.run.outcome === 'halted' ||
    input.run.outcome === 'interrupted'
      ? [`drover resume ${input.run.id}`]
      : []),
    ...good.slice(0, 3).map((vm) => `virsh define ${vm.domainXml ?? ''}`),
  ];
}

/** The report of a run from its plan, its events and what its stages left. Equal inputs give equal reports. */
export function buildReport(input: ReportInput): RunReport {
  const until = input.run.endedAt ?? input.now;
  const byTask = new Map<string, StateEvent[]>();
  const byVm = new Map<string, RunEvent[]>();
  for (const event of input.events) {
    if (event.vm !== undefined) {
      const list = byVm.get(event.vm);
      if (list === undefined) byVm.set(event.vm, [event]);
      else list.push(event);
    }
    if (event.type === 'task.state' && event.task !== undefined) {
      const list = byTask.get(event.task);
      if (list === undefined) byTask.set(event.task, [event]);
      else list.push(event);
    }
  }
  const nodesByVm = new Map<string, TaskNode[]>();
  for (const node of input.graph.nodes) {
    if (node.kind !== 'stage' || node.vmKey === undefined) continue;
    const list = nodesByVm.get(node.vmKey);
    if (list === undefined) nodesByVm.set(node.vmKey, [node]);
    else list.push(node);
  }
  const vms = input.graph.vms.map((vm) =>
    vmReport(vm, nodesByVm.get(vm.vmKey) ?? [], byVm.get(vm.vmKey) ?? [], byTask, input, until),
  );
  const failures = new Map<string, string[]>();
  for (const vm of vms)
    if (vm.error !== undefined) failures.set(vm.error.code, [...(failures.get(vm.error.code) ?? []), vm.name]);
  const pools = poolPeaks(input.events);
  const warnings = new Set(input.graph.warnings.map((warning) => warning.message));
  for (const event of input.events)
    if (event.type === 'warning' && event.vm === undefined) warnings.add(event.data.message);
  return {
    schema: REPORT_SCHEMA,
    run: { ...input.run, seconds: Math.max(0, (Date.parse(until) - Date.parse(input.run.startedAt)) / 1000) },
    playbookDigests: input.graph.playbookDigests,
    host: input.host,
    counts: tally(vms.map((vm) => (vm.cached ? 'cached' : vm.state))),
    waves: input.graph.waves.map((wave) => {
      const members = vms.filter((vm) => vm.wave === wave.name);
      return {
        name: wave.name,
        vms: members.length,
        counts: tally(members.map((vm) => (vm.cached ? 'cached' : vm.state))),
      };
    }),
    vms,
    timeLost: timeLost(vms, nodesByVm, pools),
    pools,
    failures: [...failures]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, names]) => ({ code, count: names.length, vms: names })),
    warnings: [...warnings].sort(),
    leftBehind: input.leftBehind,
    next: nextCommands(input, vms),
  };
}
