import type { Diagnostic } from '../lib/diagnostic.js';
import type { Concern } from '../model/concern.js';
import type { TaskGraph, TaskNode } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import { forecast, willRun } from './forecast.js';
import type { Forecast } from './forecast.js';
import { BLOCKED_MARK, stageMark } from './marks.js';
import { blockers } from './preflight.js';
import { reasonText } from './reasons.js';

export interface VmSummary {
  readonly name: string;
  readonly wave: string;
  readonly batch: number;
  /** One mark per stage, in order. */
  readonly strip: string;
  /** Bytes that hold data, as far as known. */
  readonly bytes: number;
  /** Why it runs again, or why it is blocked; empty for a first run and for nothing to do. */
  readonly why: string;
}

export interface PlanSummary {
  readonly playbook: string;
  readonly planHash: string;
  readonly createdBy: string;
  readonly files: readonly string[];
  readonly counts: {
    readonly vms: number;
    readonly stages: number;
    readonly run: number;
    readonly cached: number;
    readonly skipped: number;
  };
  readonly forecast: Forecast;
  readonly vms: readonly VmSummary[];
  /** The longest chain, machine by machine, as `web01 FETCH–VALIDATE`. */
  readonly criticalPath: readonly string[];
  readonly warnings: readonly Diagnostic[];
  readonly concerns: readonly Concern[];
  /** Commands that make sense now, most likely first. */
  readonly next: readonly string[];
}

/** Everything `plan` prints, as data. */
export function planSummary(graph: TaskGraph, concerns: readonly Concern[] = []): PlanSummary {
  const stagesOf = new Map<string, TaskNode[]>(graph.vms.map((vm) => [vm.vmKey, []]));
  const counts = { vms: graph.vms.length, stages: 0, run: 0, cached: 0, skipped: 0 };
  for (const node of graph.nodes) {
    if (node.kind !== 'stage' || node.vmKey === undefined) continue;
    stagesOf.get(node.vmKey)?.push(node);
    counts.stages += 1;
    if (node.skip !== undefined) counts.skipped += 1;
    else if (willRun(node)) counts.run += 1;
    else counts.cached += 1;
  }
  const stopping = blockers(concerns);
  const blocked = new Map(stopping.map((concern) => [concern.vmKey ?? '', concern]));
  const names = new Map(graph.vms.map((vm) => [vm.vmKey, vm.name]));
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const cast = forecast(graph);
  return {
    playbook: graph.playbook,
    planHash: graph.planHash,
    createdBy: graph.createdBy,
    files: graph.playbookDigests.map(({ file }) => file),
    counts,
    forecast: cast,
    vms: graph.vms.map((vm): VmSummary => {
      const stages = stagesOf.get(vm.vmKey) ?? [];
      const blocker = blocked.get(vm.vmKey);
      return {
        name: vm.name,
        wave: vm.wave,
        batch: vm.batch,
        strip: blocker === undefined ? stages.map(stageMark).join('') : BLOCKED_MARK.repeat(STAGES.length),
        bytes: stages.find((node) => node.stage === 'CONVERT')?.estimate.bytes ?? 0,
        why: blocker === undefined ? rerunText(stages) : `${blocker.id}: ${blocker.assessment}`,
      };
    }),
    criticalPath: chainText(cast.criticalPath, nodes, names),
    warnings: graph.warnings,
    concerns,
    next: nextCommands(graph, counts.run, stopping.length > 0),
  };
}

function chainText(
  path: readonly string[],
  nodes: ReadonlyMap<string, TaskNode>,
  names: ReadonlyMap<string, string>,
): readonly string[] {
  const steps: { name: string; first: string; last: string }[] = [];
  for (const id of path) {
    const node = nodes.get(id);
    const name = names.get(node?.vmKey ?? '') ?? '';
    const stage = node?.stage ?? '';
    const before = steps.at(-1);
    if (before?.name === name) before.last = stage;
    else steps.push({ name, first: stage, last: stage });
  }
  return steps.map(({ name, first, last }) => `${name} ${first === last ? first : `${first}–${last}`}`);
}

/** The first stage that runs again and why; what follows from it is not repeated. */
function rerunText(stages: readonly TaskNode[]): string {
  const causes = stages.filter(
    (node) => willRun(node) && node.cacheReasons.some((r) => r.kind !== 'never-ran' && r.kind !== 'input-changed'),
  );
  return causes
    .map((node) => {
      const own = node.cacheReasons.filter((reason) => reason.kind !== 'input-changed');
      return `${node.stage ?? ''}: ${own.map(reasonText).join('; ')}`;
    })
    .join('   ');
}

function nextCommands(graph: TaskGraph, run: number, isBlocked: boolean): readonly string[] {
  const file = graph.playbookDigests[0]?.file ?? graph.playbook;
  if (isBlocked) return [`drover explain <code>`, `drover plan ${file}`];
  return run === 0 ? ['drover report'] : [`drover run ${file}`, `drover graph ${file} --format mermaid`];
}
