import { createHash } from 'node:crypto';
import { canonicalJson } from '../lib/canonical-json.js';
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
  for (const node of graph.nodes) hash.update(nodeCore(node)).update('\n');
  return hash.digest('hex');
}

function vmCore(vm: PlannedVm, seen: WeakMap<ResolvedSettings, string>): unknown {
  let settings = seen.get(vm.settings);
  if (settings === undefined) seen.set(vm.settings, (settings = canonicalJson(vm.settings)));
  const { origins: _origins, settings: _settings, description, ...core } = vm;
  const { warnings: _warnings, ...machine } = description;
  return [core, machine, settings];
}

/** The fingerprint of a stage already covers its settings, input, source and tools. */
function nodeCore(node: TaskNode): string {
  const deps = node.deps.map((dep) => `${dep.on}:${dep.id}`).join(',');
  const demand = node.demand.map(({ pool, units, hold }) => `${pool}=${units}${hold === undefined ? '' : `@${hold}`}`);
  const quorum =
    node.quorum === undefined ? '' : `${node.quorum.need}/${node.quorum.of.join(',')}/${node.quorum.onShortfall}`;
  return JSON.stringify([
    node.id,
    node.key,
    node.kind,
    node.batch,
    deps,
    quorum,
    demand.join(','),
    node.fingerprint,
    node.retry,
    node.skip ?? '',
  ]);
}
