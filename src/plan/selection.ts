import type { Diagnostic } from '../lib/diagnostic.js';
import type { LoadedPlaybook } from '../model/effective.js';
import { allVms } from '../model/effective.js';
import type { TaskNode } from '../model/graph.js';
import { STAGES, stageIndex } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import type { Selection } from './facts.js';
import type { VmEntry } from './planned-vms.js';
import { reasonText } from './reasons.js';

/** Why a stage stays out of this run, if it does. Selections filter, they never reorder. */
export function skipOf(selection: Selection | undefined, vm: string, stage: StageName): TaskNode['skip'] {
  if (selection?.vms !== undefined && !selection.vms.has(vm)) return 'selected-out';
  const { until } = selection ?? {};
  return until !== undefined && stageIndex(stage) > stageIndex(until) ? 'until' : undefined;
}

/** A selection that leaves nothing to do is a mistake, never an empty run. */
export function checkSelection(loaded: LoadedPlaybook, selection: Selection | undefined, problems: Diagnostic[]): void {
  if (selection === undefined) return;
  const { vms, from, until } = selection;
  if (vms !== undefined && !allVms(loaded).some((vm) => vms.has(vm.name))) {
    problems.push({
      code: 'plan.empty-selection',
      severity: 'error',
      message: 'the selection matches no machine of the playbook',
    });
  }
  if (from !== undefined && until !== undefined && stageIndex(from) > stageIndex(until)) {
    problems.push({
      code: 'plan.empty-selection',
      severity: 'error',
      message: `--from ${from} comes after --until ${until}, so no stage is left`,
    });
  }
}

/** With `--from`, everything before must be cached; nothing is silently run again or left out. */
export function checkFrom(
  selection: Selection | undefined,
  nodes: readonly TaskNode[],
  entries: readonly VmEntry[],
  problems: Diagnostic[],
): void {
  const from = selection?.from;
  if (from === undefined) return;
  const invalid = new Map<string, TaskNode>();
  for (const node of nodes) {
    if (node.stage === undefined || node.vmKey === undefined || node.skip !== undefined) continue;
    if (stageIndex(node.stage) >= stageIndex(from) || node.cacheState === 'hit') continue;
    const known = invalid.get(node.vmKey)?.stage;
    if (known === undefined || stageIndex(node.stage) < stageIndex(known)) invalid.set(node.vmKey, node);
  }
  for (const { vm, loaded } of entries) {
    const node = invalid.get(vm.vmKey);
    if (node === undefined) continue;
    const first = node.stage ?? STAGES[0];
    problems.push({
      code: 'plan.from-invalid',
      severity: 'error',
      message: `"${vm.name}" cannot start at ${from}: ${first} has no valid result (${node.cacheReasons.map(reasonText).join('; ')})`,
      location: loaded.at.vm,
    });
  }
}
