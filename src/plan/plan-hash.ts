import { createHash } from 'node:crypto';
import { canonicalJson, sha256 } from '../lib/canonical-json.js';
import type { PlannedVm, TaskGraph, TaskNode } from '../model/graph.js';
import type { ResolvedSettings } from '../model/settings.js';

/**
 * SHA-256 over what the plan will do. Left out is what does not change that: timestamps, estimates and what follows from
 * them (priorities, default timeouts), measured capacities, cache decisions, who made the plan, and positions in files.
 */
export function planHash(graph: Omit<TaskGraph, 'planHash'>): string {
  const hash = createHash('sha256');
  const settings = new WeakMap<ResolvedSettings, string>();
  const line = (value: unknown): void => {
    hash.update(canonicalJson(value)).update('\n');
  };
  line([graph.apiVersion, graph.playbook, graph.waves, graph.policy]);
  for (const vm of graph.vms) line(vmCore(vm, settings));
  const demandText = demandTexts();
  for (const node of graph.nodes) hash.update(nodeCore(node, demandText));
  return hash.digest('hex');
}

/** What the source said is part of the fingerprint of the machine's first stage. */
function vmCore(vm: PlannedVm, seen: WeakMap<ResolvedSettings, string>): unknown {
  let settings = seen.get(vm.settings);
  if (settings === undefined) seen.set(vm.settings, (settings = sha256(canonicalJson(vm.settings))));
  return [vm.vmKey, vm.name, vm.wave, vm.batch, vm.source, vm.target, vm.outDir, vm.labels, settings];
}

/** The fingerprint of a stage already covers its settings, input, source and tools. Keys hold only what ids are made of. */
function nodeCore(node: TaskNode, demandText: (demand: TaskNode['demand']) => string): string {
  const { quorum, retry } = node;
  let text = `${node.id} ${node.kind} ${node.batch} ${node.fingerprint ?? ''} ${node.skip ?? ''} ${retry.attempts} ${retry.baseMs} ${retry.capMs} ${demandText(node.demand)}`;
  for (const dep of node.deps) text += ` ${dep.on}:${dep.id}`;
  if (quorum !== undefined) text += ` ${quorum.need} ${quorum.onShortfall} ${quorum.of.join(' ')}`;
  return `${text}\n`;
}

/** Tasks with equal demands share one list. */
function demandTexts(): (demand: TaskNode['demand']) => string {
  const seen = new WeakMap<TaskNode['demand'], string>();
  return (demand) => {
    let text = seen.get(demand);
    if (text === undefined) seen.set(demand, (text = canonicalJson(demand)));
    return text;
  };
}
