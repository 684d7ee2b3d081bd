import { DroverError } from '../lib/error.js';
import { planFromJson } from '../model/plan-json.js';
import type { TaskGraph } from '../model/graph.js';
import { planHash } from './plan-hash.js';

/** Reads a saved plan and proves that it is what was saved. Throws `plan.file-invalid` or `plan.file-altered`. */
export function readSavedPlan(text: string): TaskGraph {
  const graph = planFromJson(text);
  let actual: string;
  try {
    actual = planHash(graph);
  } catch (cause) {
    throw new DroverError({ code: 'plan.file-invalid', message: 'the plan is damaged', cause });
  }
  if (actual !== graph.planHash) {
    throw new DroverError({
      code: 'plan.file-altered',
      message: `the plan says ${String(graph.planHash).slice(0, 12)}, its content is ${actual.slice(0, 12)}`,
    });
  }
  return graph;
}
