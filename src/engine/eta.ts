/** How long the rest of a run will take, from estimates: the longest chain left or the fullest pool, whichever is more. */
import type { GraphIndex } from './graph-index.js';
import type { Scheduler } from './scheduler.js';

export interface Eta {
  readonly p50s: number;
  readonly p90s: number;
  /** The pool that everything waits for; absent when one long chain decides. */
  readonly limitedBy?: string;
}

/** Undefined when nothing is left. */
export function estimateRest(index: GraphIndex, scheduler: Scheduler): Eta | undefined {
  const elapsed = new Map(scheduler.runningTasks().map(({ node, elapsedS }) => [node, elapsedS]));
  const load = index.poolNames.map(() => 0);
  let chain = 0;
  let p50 = 0;
  let p90 = 0;
  let open = 0;
  for (const [node, task] of index.nodes.entries()) {
    if (task.kind !== 'stage' || scheduler.isOver(node) || task.skip !== undefined) continue;
    open += 1;
    const left = Math.max(task.estimate.p50s * 0.05, task.estimate.p50s - (elapsed.get(node) ?? 0));
    chain = Math.max(chain, task.priority - task.estimate.p50s + left);
    p50 += task.estimate.p50s;
    p90 += task.estimate.p90s;
    for (const { pool, units } of index.demands[node] ?? []) load[pool] = (load[pool] ?? 0) + units * left;
  }
  if (open === 0) return undefined;
  let longest = chain;
  let limitedBy: string | undefined;
  for (const [pool, busy] of load.entries()) {
    const capacity = scheduler.admission.pools.capacity(pool);
    const seconds = capacity > 0 ? busy / capacity : 0;
    if (seconds <= longest) continue;
    longest = seconds;
    limitedBy = index.poolNames[pool];
  }
  const spread = p50 > 0 ? Math.max(1, p90 / p50) : 1;
  return {
    p50s: Math.round(longest),
    p90s: Math.round(longest * spread),
    ...(limitedBy === undefined ? {} : { limitedBy }),
  };
}
