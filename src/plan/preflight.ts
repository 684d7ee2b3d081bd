import { matchesGlob } from '../lib/glob.js';
import type { Concern } from '../model/concern.js';
import type { Location } from '../lib/diagnostic.js';
import type { TaskGraph } from '../model/graph.js';
import type { PlanFacts } from './facts.js';
import { willRun } from './forecast.js';
import { hostConcerns } from './preflight-host.js';
import { spaceConcerns } from './preflight-space.js';
import { vmConcerns } from './preflight-vms.js';

const ORDER = { blocker: 0, warning: 1, info: 2 } as const;

/** A concern that the playbook accepts; a saved plan does not keep where that was written. */
export type Waiver = NonNullable<TaskGraph['waivers']>[number] & { readonly location?: Location };

/**
 * Everything worth knowing before anything is started: one list for `plan`, `validate` and `run`. Looks only at machines
 * that have work to do. Waivers of the playbook are applied; a waived blocker stops nothing and is printed in the report.
 */
export function preflight(facts: PlanFacts, graph: TaskGraph, waivers: readonly Waiver[]): readonly Concern[] {
  const busy = new Set(graph.nodes.filter(willRun).map((node) => node.vmKey));
  const vms = graph.vms.filter((vm) => busy.has(vm.vmKey));
  const found: Concern[] = [
    ...hostConcerns(facts, graph, vms),
    ...spaceConcerns(facts, graph, vms),
    ...vmConcerns(facts, vms),
  ];
  return [...applyWaivers(found, waivers, facts.today)].sort(
    (a, b) =>
      ORDER[a.category] - ORDER[b.category] ||
      (a.id < b.id ? -1 : a.id > b.id ? 1 : 0) ||
      (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0),
  );
}

/** Blockers that no waiver lifts. */
export function blockers(concerns: readonly Concern[]): readonly Concern[] {
  return concerns.filter((concern) => concern.category === 'blocker' && concern.waived === undefined);
}

function applyWaivers(found: readonly Concern[], waivers: readonly Waiver[], today: string): readonly Concern[] {
  const used = new Set<Waiver>();
  const result = found.map((concern): Concern => {
    for (const waiver of waivers) {
      if (waiver.concern !== concern.id) continue;
      if (waiver.vm !== undefined && !(concern.scope === 'vm' && matchesGlob(waiver.vm, concern.subject))) continue;
      used.add(waiver);
      if (waiver.until !== undefined && waiver.until < today) continue;
      const { reason, until } = waiver;
      return { ...concern, waived: { reason, ...(until === undefined ? {} : { until }) } };
    }
    return concern;
  });
  for (const waiver of waivers) {
    const isExpired = waiver.until !== undefined && waiver.until < today;
    if (used.has(waiver) && !isExpired) continue;
    const { location } = waiver;
    const place = location === undefined ? 'saved plan' : `${location.file}:${location.line}:${location.column}`;
    result.push({
      id: isExpired ? 'preflight.waiver-expired' : 'preflight.waiver-unused',
      category: 'info',
      scope: 'run',
      subject: waiver.concern,
      label: 'Waivers',
      assessment: isExpired
        ? `the waiver for ${waiver.concern} held until ${waiver.until ?? ''} and no longer counts`
        : `the waiver for ${waiver.concern} matches no concern of this plan`,
      remedy: isExpired ? 'Extend it with a fresh reason, or remove it.' : 'Remove it when it is no longer needed.',
      evidence: place,
    });
  }
  return result;
}
