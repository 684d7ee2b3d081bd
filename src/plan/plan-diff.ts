import type { Reason, TaskGraph, TaskNode } from '../model/graph.js';
import type { StageName } from '../model/stage.js';
import { changeReasons, reasonText } from './reasons.js';

interface StageRerun {
  readonly vm: string;
  readonly vmKey: string;
  readonly stage: StageName;
  readonly reasons: readonly Reason[];
}

interface VmChange {
  readonly vm: string;
  readonly vmKey: string;
  readonly wave: string;
}

/** What a new plan does differently from an old one. */
export interface PlanDiff {
  readonly oldHash: string;
  readonly newHash: string;
  readonly added: readonly VmChange[];
  readonly removed: readonly VmChange[];
  readonly moved: readonly (VmChange & { readonly from: string })[];
  /** Stages that the old plan had and that have to run again, each with why. */
  readonly rerun: readonly StageRerun[];
  /** Stages whose earlier work still counts. */
  readonly cached: number;
}

/** Compares two plans machine by machine and stage by stage, by identity: the order and the wave do not matter. */
export function planDiff(old: TaskGraph, now: TaskGraph): PlanDiff {
  const oldVms = new Map(old.vms.map((vm) => [vm.vmKey, vm]));
  const newVms = new Map(now.vms.map((vm) => [vm.vmKey, vm]));
  const oldNodes = new Map(old.nodes.map((node) => [node.id, node]));
  const rerun: StageRerun[] = [];
  let cached = 0;
  for (const node of now.nodes) {
    const vm = newVms.get(node.vmKey ?? '');
    const before = oldNodes.get(node.id);
    if (node.stage === undefined || vm === undefined || before === undefined) continue;
    const reasons = rerunReasons(before, node, node.stage, vm.origins);
    if (reasons.length === 0) cached += 1;
    else rerun.push({ vm: vm.name, vmKey: vm.vmKey, stage: node.stage, reasons });
  }
  const change = (vm: { name: string; vmKey: string; wave: string }): VmChange => ({
    vm: vm.name,
    vmKey: vm.vmKey,
    wave: vm.wave,
  });
  return {
    oldHash: old.planHash,
    newHash: now.planHash,
    added: now.vms.filter((vm) => !oldVms.has(vm.vmKey)).map(change),
    removed: old.vms.filter((vm) => !newVms.has(vm.vmKey)).map(change),
    moved: now.vms.flatMap((vm) => {
      const from = oldVms.get(vm.vmKey)?.wave;
      return from === undefined || from === vm.wave ? [] : [{ ...change(vm), from }];
    }),
    rerun,
    cached,
  };
}

function rerunReasons(
  before: TaskNode,
  now: TaskNode,
  stage: StageName,
  origins: Readonly<Record<string, string>>,
): readonly Reason[] {
  if (before.fingerprint !== now.fingerprint && before.fingerprintParts && now.fingerprintParts) {
    const changes = changeReasons(stage, before.fingerprintParts, now.fingerprintParts, origins);
    if (changes.length > 0) return changes;
  }
  // The same work as planned before; whether it has to be done depends on what is left of it.
  return now.cacheState === 'hit' ? [] : now.cacheReasons;
}

/** One line per difference, as `plan --diff` prints them. */
export function planDiffText(diff: PlanDiff): string {
  const lines = [`plan ${diff.oldHash.slice(0, 12)} → ${diff.newHash.slice(0, 12)}`];
  for (const vm of diff.added) lines.push(`+ ${vm.vm}  added to wave ${vm.wave}`);
  for (const vm of diff.removed) lines.push(`- ${vm.vm}  no longer in the plan (was in wave ${vm.wave})`);
  for (const vm of diff.moved)
    lines.push(`> ${vm.vm}  moved from wave ${vm.from} to ${vm.wave}; its work still counts`);
  for (const { vm, stage, reasons } of diff.rerun) {
    lines.push(`↻ ${vm} ${stage}  ${reasons.map(reasonText).join('; ')}`);
  }
  lines.push(`= ${diff.cached} stages unchanged and cached`);
  return `${lines.join('\n')}\n`;
}
