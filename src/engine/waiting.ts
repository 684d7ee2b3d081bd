import type { GraphIndex } from './graph-index.js';
import type { WaitingTask } from './run-types.js';
import type { Scheduler } from './scheduler.js';

/** Every open task that does not run, with the one reason why. */
export function waitingTasks(index: GraphIndex, scheduler: Scheduler): readonly WaitingTask[] {
  const tasks: WaitingTask[] = [];
  for (const [node, task] of index.nodes.entries()) {
    const reason = scheduler.waitReason(node);
    const state = scheduler.openState(node);
    if (reason === undefined || state === undefined) continue;
    const { id, key, vmKey, stage } = task;
    tasks.push({
      task: id,
      key,
      ...(vmKey === undefined ? {} : { vmKey }),
      ...(stage === undefined ? {} : { stage }),
      state,
      reason,
    });
  }
  return tasks;
}

/** Of each machine only the task that the others wait for. */
export function foremost(index: GraphIndex, tasks: readonly WaitingTask[]): readonly WaitingTask[] {
  const first = new Map(
    index.vms.map((vm) => [vm.vm.vmKey, new Map(vm.stages.map((node, at) => [index.nodes[node]?.id ?? '', at]))]),
  );
  const best = new Map<string, { readonly at: number; readonly task: WaitingTask }>();
  const others: WaitingTask[] = [];
  for (const task of tasks) {
    const at = task.vmKey === undefined ? undefined : first.get(task.vmKey)?.get(task.task);
    if (task.vmKey === undefined || at === undefined) others.push(task);
    else if (at < (best.get(task.vmKey)?.at ?? Number.POSITIVE_INFINITY)) best.set(task.vmKey, { at, task });
  }
  return [...others, ...[...best.values()].map(({ task }) => task)];
}
