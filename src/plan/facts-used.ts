import { digestOf } from '../lib/canonical-json.js';
import { STAGES } from '../model/stage.js';
import type { PlanFacts } from './facts.js';

/** Digits of a digest that are kept to compare facts. */
const SHOWN_DIGITS = 16;

/**
 * The facts that a plan rests on, as text: tool versions, the KVM verdict, and a digest of what every source said.
 * @param sources called with a function that takes the name and the source facts of every machine
 */
export function factsUsed(
  facts: PlanFacts,
  sources: (note: (name: string, source: Readonly<Record<string, string>>) => void) => void,
): Readonly<Record<string, string>> {
  const used: [name: string, value: string][] = [['host.kvm', facts.host.kvm.usable ? 'usable' : 'not usable']];
  for (const tool of new Set(STAGES.flatMap((stage) => facts.stages[stage].tools))) {
    used.push([`tool.${tool}`, facts.tools[tool] ?? 'missing']);
  }
  sources((name, source) => used.push([name, digestOf(source).slice(0, SHOWN_DIGITS)]));
  return Object.fromEntries(used.sort(([a], [b]) => (a < b ? -1 : 1)));
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
