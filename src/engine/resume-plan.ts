/** What a resumed run has to do again, and what of its earlier work still counts. */
import type { Host } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { TaskNode } from '../model/graph.js';
import type { OutputsVerdict } from '../model/history.js';
import { stageIndex } from '../model/stage.js';
import { taskFingerprint } from './fingerprint.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import { artefactDir } from './layout.js';
import { SETTLED } from './ledger.js';
import type { RunLedger } from './ledger.js';
import { readManifest, verifyOutputs } from './manifest.js';
import type { ResumeOptions } from './run-types.js';

export interface ResumePlan {
  /** Tasks that are open again. */
  readonly requeue: readonly string[];
  /** Open tasks that are left out. */
  readonly leaveOut: readonly string[];
  /** Nodes whose work is good and is only taken over when their turn comes. */
  readonly hits: ReadonlySet<number>;
  /** Nodes that ran when the process died: what that attempt sealed counts. */
  readonly interrupted: ReadonlyMap<number, number>;
  /** Whether anything is left to do. */
  readonly hasWork: boolean;
}

export interface ResumePlanRequest {
  readonly host: Host;
  readonly index: GraphIndex;
  readonly ledger: RunLedger;
  readonly runId: string;
  readonly storeDir: string;
  readonly options: ResumeOptions;
}

const VMS_AT_ONCE = 16;
/** Machines that an error names. */
const SHOWN = 5;

/** Throws `plan.from-invalid` when something before `options.from` would have to run. */
export async function planResume(request: ResumePlanRequest): Promise<ResumePlan> {
  const { index, ledger, options } = request;
  const requeue: string[] = [];
  const leaveOut: string[] = [];
  const hits = new Set<number>();
  const interrupted = new Map<number, number>();
  const tooEarly = new Map<number, string>();
  const decide = async (vm: IndexedVm): Promise<void> => {
    const again = await stagesToRun(request, vm);
    const firstAgain = vm.stages.findIndex((node) => again.has(node));
    for (const [at, node] of vm.stages.entries()) {
      const { state, attempt } = ledger.status(node);
      const task = index.nodes[node];
      if (task === undefined || isLeftOutByPlan(ledger, node)) continue;
      const isBehind = firstAgain >= 0 && at > firstAgain;
      if (state === 'running') interrupted.set(node, attempt);
      if (again.has(node)) {
        if (!mayRun(request, vm, task)) {
          leaveOut.push(task.id);
          continue;
        }
        if (options.from !== undefined && order(index, node) < stageIndex(options.from) && !tooEarly.has(vm.number)) {
          tooEarly.set(vm.number, `${vm.vm.name}: ${task.stage} ${again.get(node) ?? ''}`);
        }
        if (state !== 'pending') requeue.push(task.id);
        continue;
      }
      if (state === 'failed' || (state === 'skipped' && options.retryFailed === false)) continue;
      if (SETTLED.has(state) && !isBehind) continue;
      hits.add(node);
      if (state !== 'pending') requeue.push(task.id);
    }
  };
  for (let from = 0; from < index.vms.length; from += VMS_AT_ONCE) {
    await Promise.all(index.vms.slice(from, from + VMS_AT_ONCE).map(decide));
  }
  if (tooEarly.size > 0) {
    const [all, shown] = [tooEarly.size, [...tooEarly.values()].sort().slice(0, SHOWN)];
    throw new DroverError({
      code: 'plan.from-invalid',
      message: `the run cannot go on from ${options.from ?? ''}: ${shown.join('; ')}${all > SHOWN ? `; and ${all - SHOWN} more` : ''}`,
    });
  }
  // A barrier that was skipped is asked again; one that was passed stays passed.
  for (const [node, task] of index.nodes.entries()) {
    const { state } = ledger.status(node);
    if (task.kind !== 'stage' && state !== 'pending' && state !== 'succeeded') requeue.push(task.id);
  }
  const left = new Set(leaveOut);
  const isOpen = (node: number, task: TaskNode): boolean =>
    !SETTLED.has(ledger.status(node).state) && task.kind === 'stage' && !left.has(task.id);
  const hasWork = requeue.length > 0 || index.nodes.some((task, node) => isOpen(node, task));
  return { requeue, leaveOut, hits, interrupted, hasWork };
}

function isLeftOutByPlan(ledger: RunLedger, node: number): boolean {
  const { state, reason } = ledger.status(node);
  return state === 'skipped' && (reason === 'selected-out' || reason === 'until');
}

function mayRun(request: ResumePlanRequest, vm: IndexedVm, task: TaskNode): boolean {
  const { options, ledger } = request;
  if (options.onlyFailed === true && !vm.stages.some((node) => ledger.status(node).state === 'failed')) return false;
  return options.select?.(task) ?? true;
}

function order(index: GraphIndex, node: number): number {
  return stageIndex(index.nodes[node]?.stage ?? 'FETCH');
}

/**
 * The stages of a machine that have to run and why: by what they did, by what is left of it, and by what others need.
 */
async function stagesToRun(request: ResumePlanRequest, vm: IndexedVm): Promise<ReadonlyMap<number, string>> {
  const { index, ledger, options } = request;
  const again = new Map<number, string>();
  const forcedFrom = Math.min(...(options.force ?? []).map(stageIndex), Number.POSITIVE_INFINITY);
  const hasFailed = vm.stages.some((node) => ledger.status(node).state === 'failed');
  if (hasFailed && options.retryFailed === false) return again;
  const isDone = (node: number): boolean => {
    const { state } = ledger.status(node);
    const isHit = !SETTLED.has(state) && index.nodes[node]?.cacheState === 'hit' && state === 'pending';
    return (state === 'succeeded' || state === 'cached' || isHit) && order(index, node) < forcedFrom;
  };
  const isAll = vm.stages.every((node) => isDone(node) || isLeftOutByPlan(ledger, node));
  if (isAll && options.verify === 'none') return again;
  for (const node of [...vm.stages].reverse()) {
    if (isLeftOutByPlan(ledger, node)) continue;
    if (!isDone(node)) {
      const { state } = ledger.status(node);
      const isForced = order(index, node) >= forcedFrom && (state === 'succeeded' || state === 'cached');
      again.set(node, isForced ? 'is forced' : state === 'pending' ? 'has not run' : `is ${state}`);
      continue;
    }
    const verdict = await verdictOf(request, vm, node);
    // Only what comes up to CONVERT reads intermediates.
    const isNeeded = [...again.keys()].some((later) => order(index, later) <= stageIndex('CONVERT'));
    if (verdict.kind === 'missing') again.set(node, `left nothing any more (${verdict.path} is missing)`);
    else if (verdict.kind === 'altered') again.set(node, `has an altered result (${verdict.path})`);
    else if (verdict.kind === 'dropped' && isNeeded) again.set(node, 'has lost its intermediates, which were cleaned');
  }
  return again;
}

async function verdictOf(request: ResumePlanRequest, vm: IndexedVm, node: number): Promise<OutputsVerdict> {
  const { host, index, storeDir, runId, options } = request;
  const task = index.nodes[node];
  if (task?.stage === undefined) return { kind: 'ok' };
  const fingerprint = taskFingerprint(task, runId);
  const dir = artefactDir(storeDir, vm.vm.vmKey, task.stage, fingerprint);
  const manifest = await readManifest(host, dir);
  if (manifest?.fingerprint !== fingerprint) return { kind: 'missing', path: dir };
  return verifyOutputs(host, dir, manifest, options.verify ?? 'sampled');
}
