import type { Checked, Diagnostic } from '../lib/diagnostic.js';
import { hasErrors } from '../lib/diagnostic.js';
import type { LoadedPlaybook } from '../model/effective.js';
import type { TaskGraph, WavePolicy } from '../model/graph.js';
import { stageIndex } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { checkDependencies } from './cycles.js';
import { factsUsed } from './facts-used.js';
import type { PlanInput } from './facts.js';
import { shortIds } from './identity.js';
import { taskNodes } from './nodes.js';
import { planHash } from './plan-hash.js';
import { joinVms } from './planned-vms.js';
import type { VmEntry } from './planned-vms.js';
import { poolCapacities } from './pools.js';
import { checkFrom, checkSelection } from './selection.js';
import { buildSkeleton, tolerated } from './skeleton.js';
import { planVms } from './vm-plans.js';

/**
 * Compiles a playbook and the facts of the world into the graph of tasks. Pure: equal inputs give equal bytes. Every
 * problem is gathered; there is a graph exactly when none of them is an error.
 */
export function compilePlan(input: PlanInput): Checked<TaskGraph> {
  const { loaded, facts } = input;
  const problems: Diagnostic[] = [];
  const entries = joinVms(loaded, input.descriptions, input.selection?.vms, problems);
  checkSelection(loaded, input.selection, problems);
  checkDependencies(loaded, entries, problems);
  const pools = poolCapacities(loaded, facts);
  if (hasErrors(problems)) return { diagnostics: problems };

  const skeleton = buildSkeleton(loaded, entries);
  const ids = shortIds(skeleton.map((vertex) => vertex.idKey));
  const firstStage = new Map<string, number>();
  for (const [at, { stage, entry }] of skeleton.entries()) {
    if (stage === 'FETCH' && entry !== undefined) firstStage.set(entry.vm.vmKey, at);
  }
  const taskId = (vmKey: string, stage: StageName): string =>
    ids[(firstStage.get(vmKey) ?? -1) + stageIndex(stage)] ?? '';
  const plans = planVms(input, entries, taskId, pools, problems);
  const nodes = taskNodes(input.selection, skeleton, ids, plans);
  checkFrom(input.selection, nodes, entries, problems);
  if (hasErrors(problems)) return { diagnostics: problems };

  const graph: Omit<TaskGraph, 'planHash'> = {
    apiVersion: 'drover/v1alpha1',
    kind: 'Plan',
    playbook: loaded.name,
    createdBy: facts.createdBy,
    playbookDigests: loaded.files.map((file) => ({ file: file.shown, sha256: file.sha256 })),
    factsUsed: factsUsed(facts, (note) => {
      for (const [vmKey, plan] of plans) note(`vm.${vmKey}`, plan.fingerprints.FETCH.parts.source);
    }),
    vms: entries.map(({ vm }) => vm),
    waves: wavePolicies(loaded, entries),
    policy: {
      onFailure: loaded.policies.onFailure,
      maxFailures: tolerated(loaded.policies.maxFailures, entries.length),
    },
    pools,
    nodes,
    warnings: problems,
    ...(loaded.host.scratch === undefined ? {} : { scratchDir: loaded.host.scratch }),
    waivers: loaded.waivers.map(({ location: _location, ...waiver }) => waiver),
  };
  return { value: { ...graph, planHash: planHash(graph) }, diagnostics: problems };
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
