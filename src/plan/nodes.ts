import { topologicalOrder, upwardRanks } from '../lib/graph.js';
import { parseDuration } from '../lib/units.js';
import type { Estimate, PlannedVm, RetryPolicy, TaskNode } from '../model/graph.js';
import type { StageName } from '../model/stage.js';
import { LOCAL_HOST } from './facts.js';
import type { Selection } from './facts.js';
import { skipOf } from './selection.js';
import type { Vertex } from './skeleton.js';
import type { VmPlan } from './vm-plans.js';

const MIN_WALL_S = 30 * 60;
const STALL_S = 10 * 60;
const RETRY_BASE_MS = 5000;
const RETRY_CAP_MS = 300_000;
const DEFAULT_ATTEMPTS = { FETCH: 5, other: 2 } as const;
const NO_TIME: Estimate = { p50s: 0, p90s: 0, basis: 'default' };

/** The nodes of the graph, in the order of the skeleton. */
export function taskNodes(
  selection: Selection | undefined,
  skeleton: readonly Vertex[],
  ids: readonly string[],
  plans: ReadonlyMap<string, VmPlan>,
): readonly TaskNode[] {
  const id = (vertex: number): string => ids[vertex] ?? '';
  const vmPlans = skeleton.map(({ entry }) => (entry === undefined ? undefined : plans.get(entry.vm.vmKey)));
  const medians = new Float64Array(skeleton.length);
  for (const [at, { stage }] of skeleton.entries()) {
    if (stage !== undefined) medians[at] = vmPlans[at]?.estimates[stage].p50s ?? 0;
  }
  const ranks = ranksOf(skeleton, medians);
  const limits = taskLimits();
  return skeleton.map((vertex, at): TaskNode => {
    const { entry, stage, quorum } = vertex;
    const plan = vmPlans[at];
    const deps = vertex.deps.map((dep) => ({ id: id(dep.vertex), on: dep.on }));
    const priority = Math.round((ranks[at] ?? 0) * 1000) / 1000;
    if (entry === undefined || stage === undefined || plan === undefined) {
      return {
        id: id(at),
        key: vertex.key,
        kind: vertex.kind,
        wave: vertex.wave,
        batch: vertex.batch,
        host: LOCAL_HOST,
        deps,
        ...(quorum === undefined ? {} : { quorum: { ...quorum, of: quorum.of.map(id) } }),
        demand: [],
        estimate: NO_TIME,
        priority,
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
    const { vm } = entry;
    const { fingerprint, parts } = plan.fingerprints[stage];
    const { state, reasons } = plan.cache[stage];
    const estimate = plan.estimates[stage];
    const node: TaskNode = {
      id: id(at),
      key: vertex.key,
      kind: 'stage',
      wave: vertex.wave,
      batch: vertex.batch,
      vmKey: vm.vmKey,
      stage,
      host: LOCAL_HOST,
      deps,
      demand: plan.demands[stage],
      estimate,
      priority,
      fingerprint,
      fingerprintParts: parts,
      cacheState: state,
      cacheReasons: reasons,
      timeout: limits.timeout(vm, stage, estimate),
      retry: limits.retry(vm, stage),
      cancel: stage === 'FETCH' ? 'checkpoint' : stage === 'PLAN' ? 'finish' : 'kill',
      mutatesSource: false,
      mutatesTarget: stage === 'CONVERT',
    };
    const skip = skipOf(selection, vm.name, stage);
    return skip === undefined ? node : { ...node, skip };
  });
}

/** The longest chain from every vertex to the end, in seconds. */
function ranksOf(skeleton: readonly Vertex[], medians: Float64Array): Float64Array {
  const successors: number[][] = skeleton.map(() => []);
  for (const [at, { deps }] of skeleton.entries()) for (const { vertex } of deps) successors[vertex]?.push(at);
  return upwardRanks(successors, medians, topologicalOrder(successors).order);
}

/** Limits of tasks; tasks with equal limits share one object. */
interface Limits {
  timeout(vm: PlannedVm, stage: StageName, estimate: Estimate): TaskNode['timeout'];
  retry(vm: PlannedVm, stage: StageName): RetryPolicy;
}

function taskLimits(): Limits {
  const timeouts = new Map<string, TaskNode['timeout']>();
  const retries = new Map<number, RetryPolicy>();
  return {
    // No stage may hang for ever: the playbook's limit, else four times its slow estimate, at least half an hour.
    timeout(vm, stage, estimate) {
      const set = vm.settings.timeouts[stage];
      const setMs = set === undefined ? undefined : parseDuration(set);
      const wallS = setMs === undefined ? Math.ceil(Math.max(MIN_WALL_S, 4 * estimate.p90s)) : setMs / 1000;
      const stallS = stage === 'FETCH' || stage === 'CONVERT' ? STALL_S : null;
      const key = `${wallS} ${stallS}`;
      let timeout = timeouts.get(key);
      if (timeout === undefined) timeouts.set(key, (timeout = { wallS, stallS }));
      return timeout;
    },
    retry(vm, stage) {
      const fallback = stage === 'FETCH' ? DEFAULT_ATTEMPTS.FETCH : DEFAULT_ATTEMPTS.other;
      const attempts = vm.settings.retries[stage] ?? vm.settings.retries['default'] ?? fallback;
      let retry = retries.get(attempts);
      if (retry === undefined)
        retries.set(attempts, (retry = { attempts, baseMs: RETRY_BASE_MS, capMs: RETRY_CAP_MS }));
      return retry;
    },
  };
}
