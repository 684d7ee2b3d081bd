import type { Checked, Diagnostic } from '../lib/diagnostic.js';
import { hasErrors } from '../lib/diagnostic.js';
import { formatSize } from '../lib/units.js';
import type { LoadedPlaybook } from '../model/effective.js';
import type { TaskGraph, WavePolicy } from '../model/graph.js';
import type { PreviousRecord, PreviousRecords } from '../model/history.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { decideCache } from './cache.js';
import { checkDependencies } from './cycles.js';
import { stageDemands } from './demand.js';
import type { Clamp } from './demand.js';
import { estimateStage, historyModel } from './estimate.js';
import { factsUsed } from './facts-used.js';
import type { PlanInput } from './facts.js';
import { fingerprinter } from './fingerprint.js';
import { shortIds } from './identity.js';
import { taskNodes } from './nodes.js';
import type { VmPlan } from './nodes.js';
import { planHash } from './plan-hash.js';
import { joinVms } from './planned-vms.js';
import type { VmEntry } from './planned-vms.js';
import { pool, poolCapacities } from './pools.js';
import { scratchReservation } from './scratch.js';
import { checkFrom, checkSelection } from './selection.js';
import { vmSizes } from './sizes.js';
import { buildSkeleton, tolerated } from './skeleton.js';
import type { Vertex } from './skeleton.js';

/**
 * Compiles a playbook and the facts of the world into the graph of tasks. Pure: equal inputs give equal bytes. Every
 * problem is gathered; there is a graph exactly when none of them is an error.
 */
export function compilePlan(input: PlanInput): Checked<TaskGraph> {
  const { loaded, facts } = input;
  const problems: Diagnostic[] = [];
  const entries = joinVms(loaded, input.descriptions, problems);
  checkSelection(loaded, input.selection, problems);
  checkDependencies(loaded, entries, problems);
  const pools = poolCapacities(loaded, facts);
  if (hasErrors(problems)) return { diagnostics: problems };

  const skeleton = buildSkeleton(loaded, entries);
  const ids = shortIds(skeleton.map((vertex) => vertex.idKey));
  const plans = planVms(input, skeleton, ids, pools, problems);
  const nodes = taskNodes(input.selection, skeleton, ids, plans);
  checkFrom(input.selection, nodes, entries, problems);
  if (hasErrors(problems)) return { diagnostics: problems };

  const graph: Omit<TaskGraph, 'planHash'> = {
    apiVersion: 'drover/v1alpha1',
    kind: 'Plan',
    playbook: loaded.name,
    createdBy: facts.createdBy,
    playbookDigests: loaded.files.map((file) => ({ file: file.shown, sha256: file.sha256 })),
    factsUsed: factsUsed(
      facts,
      entries.map(({ vm }) => vm),
    ),
    vms: entries.map(({ vm }) => vm),
    waves: wavePolicies(loaded, entries),
    policy: {
      onFailure: loaded.policies.onFailure,
      maxFailures: tolerated(loaded.policies.maxFailures, entries.length),
    },
    pools,
    nodes,
    warnings: problems,
  };
  return { value: { ...graph, planHash: planHash(graph) }, diagnostics: problems };
}

function planVms(
  input: PlanInput,
  skeleton: readonly Vertex[],
  ids: ReadonlyMap<string, string>,
  pools: Readonly<Record<string, number>>,
  problems: Diagnostic[],
): ReadonlyMap<string, VmPlan> {
  const fingerprints = fingerprinter(input.facts);
  const history = historyModel(input.history ?? []);
  const clamps = new Map<string, Clamp & { vms: number }>();
  const scratchCapacity = pools[pool.host('scratch')] ?? 0;
  const plans = new Map<string, VmPlan>();
  const idsOfVm = stageIds(skeleton, ids);
  const force = input.selection?.force ?? [];
  for (const { entry, stage } of skeleton) {
    if (entry === undefined || stage !== 'FETCH') continue;
    const { vm, loaded } = entry;
    const sizes = vmSizes(vm);
    const scratch = scratchReservation(vm, sizes);
    if (scratch.FETCH > scratchCapacity) {
      problems.push({
        code: 'plan.scratch-too-small',
        severity: 'error',
        message: `"${vm.name}" needs ${formatSize(scratch.FETCH)} (${scratch.FETCH} bytes) of scratch space at once; the host has ${formatSize(scratchCapacity)} (${scratchCapacity} bytes)`,
        location: loaded.at.vm,
      });
    }
    if (sizes.unknownDisks.length > 0) {
      problems.push({
        code: 'plan.size-unknown',
        severity: 'warning',
        message: `the size of ${sizes.unknownDisks.join(', ')} of "${vm.name}" is not known before it is unpacked`,
        location: loaded.at.madeOf,
      });
    }
    if (Object.keys(vm.settings.nics).length === 0) {
      problems.push({
        code: 'plan.no-network-adapter',
        severity: 'warning',
        message: `"${vm.name}" will have no network adapter: nothing says which ones it has`,
        location: loaded.at.vm,
      });
    }
    const demands = stageDemands(vm, scratch, pools, (clamp) => {
      const key = `${clamp.pool} ${clamp.stage} ${clamp.asked}`;
      clamps.set(key, { ...clamp, vms: (clamps.get(key)?.vms ?? 0) + 1 });
    });
    const prints = fingerprints(vm);
    const selected = input.selection?.vms?.has(vm.name) ?? true;
    plans.set(vm.vmKey, {
      demands,
      estimates: byStage((name) => estimateStage(vm, name, sizes, history)),
      fingerprints: prints,
      cache: decideCache({
        fingerprints: prints,
        previous: recordsOf(input.previous, idsOfVm.get(vm.vmKey)),
        origins: vm.origins,
        force: selected ? force : [],
      }),
    });
  }
  for (const clamp of [...clamps.values()].sort((a, b) => (a.pool < b.pool ? -1 : 1))) {
    problems.push({
      code: 'plan.demand-clamped',
      severity: 'warning',
      message: `${clamp.stage} of ${clamp.vms} machine${clamp.vms === 1 ? '' : 's'} asks for ${clamp.asked} units of ${clamp.pool}, which has ${clamp.capacity}: it gets all of them and runs alone`,
    });
  }
  return plans;
}

function wavePolicies(loaded: LoadedPlaybook, entries: readonly VmEntry[]): readonly WavePolicy[] {
  return loaded.waves.map((wave) => {
    const { onFailure, maxFailures } = wave.policies;
    const isShare = maxFailures !== null && 'percent' in maxFailures;
    const sizes = wave.batchEnds.map((end, batch) => end - (wave.batchEnds[batch - 1] ?? 0));
    return {
      name: wave.name,
      batches: wave.batchEnds.length,
      vms: entries.filter(({ vm }) => vm.wave === wave.name).map(({ vm }) => vm.vmKey),
      onFailure,
      maxFailures: tolerated(maxFailures, wave.vms.length),
      ...(isShare ? { batchMaxFailures: sizes.map((size) => tolerated(maxFailures, size)) } : {}),
      maxVmsInFlight: wave.maxVmsInFlight,
    };
  });
}

function stageIds(
  skeleton: readonly Vertex[],
  ids: ReadonlyMap<string, string>,
): ReadonlyMap<string, Readonly<Partial<Record<StageName, string>>>> {
  const result = new Map<string, Partial<Record<StageName, string>>>();
  for (const { entry, stage, idKey } of skeleton) {
    if (entry === undefined || stage === undefined) continue;
    const { vmKey } = entry.vm;
    let own = result.get(vmKey);
    if (own === undefined) result.set(vmKey, (own = {}));
    own[stage] = ids.get(idKey) ?? '';
  }
  return result;
}

function recordsOf(
  previous: PreviousRecords | undefined,
  ids: Readonly<Partial<Record<StageName, string>>> | undefined,
): Partial<Record<StageName, PreviousRecord>> {
  const records: Partial<Record<StageName, PreviousRecord>> = {};
  if (previous === undefined || ids === undefined) return records;
  for (const stage of STAGES) {
    const record = previous[ids[stage] ?? ''];
    if (record !== undefined) records[stage] = record;
  }
  return records;
}

function byStage<T>(make: (stage: StageName) => T): Record<StageName, T> {
  return Object.fromEntries(STAGES.map((stage) => [stage, make(stage)])) as Record<StageName, T>;
}
