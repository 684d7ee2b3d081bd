import type { TaskGraph } from '../model/graph.js';
import { planHash } from './plan-hash.js';

/** The same plan with some machines left out, as if a selector had named the others. */
export function withoutMachines(graph: TaskGraph, vmKeys: ReadonlySet<string>): TaskGraph {
  if (vmKeys.size === 0) return graph;
  const nodes = graph.nodes.map((node) =>
    node.vmKey !== undefined && vmKeys.has(node.vmKey) && node.kind === 'stage' && node.skip === undefined
      ? { ...node, skip: 'selected-out' as const }
      : node,
  );
  const rest = { ...graph, nodes };
  return { ...rest, planHash: planHash(rest) };
}
