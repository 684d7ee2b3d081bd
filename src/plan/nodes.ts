import { topologicalOrder, upwardRanks } from '../lib/graph.js';
import { parseDuration } from '../lib/units.js';
import type { Estimate, PlannedVm, RetryPolicy, TaskNode } from '../model/graph.js';
import type { StageName } from '../model/stage.js';
import type { CacheDecision } from './cache.js';
import { LOCAL_HOST } from './facts.js';
import type { Selection } from './facts.js';
import type { StageFingerprint } from './fingerprint.js';
import { skipOf } from './selection.js';
import type { Vertex } from './skeleton.js';

const MIN_WALL_S = 30 * 60;
const STALL_S = 10 * 60;
const RETRY_BASE_MS = 5000;
const RETRY_CAP_MS = 300_000;
const DEFAULT_ATTEMPTS = { FETCH: 5, other: 2 } as const;
const NO_TIME: Estimate = { p50s: 0, p90s: 0, basis: 'default' };

/** Everything the plan knows about one machine. */
export interface VmPlan {
  readonly demands: Readonly<Record<StageName, TaskNode['demand']>>;
  readonly estimates: Readonly<Record<StageName, Estimate>>;
  readonly fingerprints: Readonly<Record<StageName, StageFingerprint>>;
  readonly cache: Readonly<Record<StageName, CacheDecision>>;
}

/** The nodes of the graph, in the order of the skeleton. */
export function taskNodes(
  selection: Selection | undefined,
  skeleton: readonly Vertex[],
  ids: ReadonlyMap<string, string>,
  plans: ReadonlyMap<string, VmPlan>,
): readonly TaskNode[] {
  const id = (vertex: number): string => ids.get(skeleton[vertex]?.idKey ?? '') ?? '';
  const planOf = (vertex: Vertex): VmPlan | undefined => plans.get(vertex.entry?.vm.vmKey ?? '');
  const estimates = skeleton.map((vertex) =>
    vertex.stage === undefined ? NO_TIME : (planOf(vertex)?.estimates[vertex.stage] ?? NO_TIME),
  );
  const successors: number[][] = skeleton.map(() => []);
  for (const [at, { deps }] of skeleton.entries()) for (const { vertex } of deps) successors[vertex]?.push(at);
  const ranks = upwardRanks(
    successors,
    estimates.map((estimate) => estimate.p50s),
    topologicalOrder(successors).order,
  );
  return skeleton.map((vertex, at): TaskNode => {
    const plan = planOf(vertex);
    const estimate = estimates[at] ?? NO_TIME;
    const head = {
      id: id(at),
      key: vertex.key,
      kind: vertex.kind,
      wave: vertex.wave,
      batch: vertex.batch,
      host: LOCAL_HOST,
      deps: vertex.deps.map((dep) => ({ id: id(dep.vertex), on: dep.on })),
      estimate,
      priority: Math.round((ranks[at] ?? 0) * 1000) / 1000,
    };
    if (vertex.entry === undefined || vertex.stage === undefined || plan === undefined) {
      return {
        ...head,
        ...(vertex.quorum === undefined ? {} : { quorum: { ...vertex.quorum, of: vertex.quorum.of.map(id) } }),
        demand: [],
        fingerprint: null,
        cacheState: 'unknown',
        cacheReasons: [],
        timeout: { wallS: MIN_WALL_S, stallS: null },
        retry: { attempts: 1, baseMs: RETRY_BASE_MS, capMs: RETRY_CAP_MS },
        cancel: 'finish',
        mutatesSource: false,
        mutatesTarget: false,
      };
    }
    const { stage } = vertex;
    const { vm } = vertex.entry;
    const skip = skipOf(selection, vm.name, stage);
    return {
      ...head,
      vmKey: vm.vmKey,
      stage,
      demand: plan.demands[stage],
      fingerprint: plan.fingerprints[stage].fingerprint,
      fingerprintParts: plan.fingerprints[stage].parts,
      cacheState: plan.cache[stage].state,
      cacheReasons: plan.cache[stage].reasons,
      ...(skip === undefined ? {} : { skip }),
      timeout: timeoutOf(vm, stage, estimate),
      retry: retryOf(vm, stage),
      cancel: stage === 'FETCH' ? 'checkpoint' : stage === 'PLAN' ? 'finish' : 'kill',
      mutatesSource: false,
      mutatesTarget: stage === 'CONVERT',
    };
  });
}

/** No stage may hang for ever: the playbook's limit, else four times its slow estimate, at least half an hour. */
function timeoutOf(vm: PlannedVm, stage: StageName, estimate: Estimate): TaskNode['timeout'] {
  const set = vm.settings.timeouts[stage];
  const setMs = set === undefined ? undefined : parseDuration(set);
  return {
    wallS: setMs === undefined ? Math.ceil(Math.max(MIN_WALL_S, 4 * estimate.p90s)) : setMs / 1000,
    stallS: stage === 'FETCH' || stage === 'CONVERT' ? STALL_S : null,
  };
}

function retryOf(vm: PlannedVm, stage: StageName): RetryPolicy {
  const fallback = stage === 'FETCH' ? DEFAULT_ATTEMPTS.FETCH : DEFAULT_ATTEMPTS.other;
  const attempts = vm.settings.retries[stage] ?? vm.settings.retries['default'] ?? fallback;
  return { attempts, baseMs: RETRY_BASE_MS, capMs: RETRY_CAP_MS };
}
