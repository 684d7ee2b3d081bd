import type { PlannedVm } from '../model/graph.js';
import type { PlanFacts } from './facts.js';
import { descriptionDigest } from './fingerprint.js';
import { STAGES } from '../model/stage.js';

/** The facts that a plan rests on, as text: tool versions, the KVM verdict, and what every source said. */
export function factsUsed(facts: PlanFacts, vms: readonly PlannedVm[]): Readonly<Record<string, string>> {
  const used: Record<string, string> = { 'host.kvm': facts.host.kvm.usable ? 'usable' : 'not usable' };
  for (const tool of new Set(STAGES.flatMap((stage) => facts.stages[stage].tools))) {
    used[`tool.${tool}`] = facts.tools[tool] ?? 'missing';
  }
  for (const vm of vms) used[`vm.${vm.vmKey}`] = descriptionDigest(vm.description);
  return Object.fromEntries(Object.entries(used).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export interface FactDrift {
  readonly fact: string;
  readonly planned: string;
  readonly now: string;
}

/** Facts that are no longer what a saved plan rests on, in order of their names. */
export function factsDrift(
  planned: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly FactDrift[] {
  const names = [...new Set([...Object.keys(planned), ...Object.keys(now)])].sort();
  return names
    .filter((fact) => planned[fact] !== now[fact])
    .map((fact) => ({ fact, planned: planned[fact] ?? 'absent', now: now[fact] ?? 'absent' }));
}
