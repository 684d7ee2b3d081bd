import { formatSize } from '../lib/units.js';
import type { Concern } from '../model/concern.js';
import type { PlannedVm, TaskGraph } from '../model/graph.js';
import type { PlanFacts } from './facts.js';
import { willRun } from './forecast.js';
import { pool } from './pools.js';
import { scratchReservation } from './scratch.js';
import { vmSizes } from './sizes.js';

/** Room for intermediates and for products; folders on one filesystem share its space. */
export function spaceConcerns(facts: PlanFacts, graph: TaskGraph, vms: readonly PlannedVm[]): readonly Concern[] {
  return [...scratchSpace(facts, graph, vms), ...targetSpace(facts, graph, vms), ...targetAccess(facts, vms)];
}

function scratchSpace(facts: PlanFacts, graph: TaskGraph, vms: readonly PlannedVm[]): readonly Concern[] {
  const concerns: Concern[] = [];
  const free = facts.host.scratchFreeBytes;
  const waves = new Map<string, number[]>();
  for (const vm of vms) {
    const peak = scratchReservation(vm, vmSizes(vm)).FETCH;
    waves.set(vm.wave, [...(waves.get(vm.wave) ?? []), peak]);
    if (peak <= free) continue;
    concerns.push({
      id: 'preflight.scratch-space',
      category: 'blocker',
      scope: 'vm',
      subject: vm.name,
      vmKey: vm.vmKey,
      label: 'Scratch space',
      assessment: 'the scratch folder has less free space than this machine needs at once',
      remedy: 'Free space, or choose another folder with `hosts.local.scratch`.',
      evidence: `needs ${formatSize(peak)}; ${facts.host.scratchDir} has ${formatSize(free)} free`,
    });
  }
  const capacity = graph.pools[pool.host('scratch')] ?? 0;
  for (const { name, maxVmsInFlight } of graph.waves) {
    const peaks = (waves.get(name) ?? []).sort((a, b) => b - a);
    const atOnce = Math.min(maxVmsInFlight ?? Infinity, graph.pools[pool.vmsInFlight] ?? Infinity);
    const need = peaks.slice(0, atOnce).reduce((sum, bytes) => sum + bytes, 0);
    if (peaks.length < 2 || need <= capacity) continue;
    concerns.push({
      id: 'preflight.scratch-space',
      category: 'info',
      scope: 'run',
      subject: `wave ${name}`,
      label: 'Scratch space',
      assessment: `machines of wave ${name} will wait for each other's scratch space`,
      remedy: 'Nothing has to be done; more scratch space lets more of them run at once.',
      evidence: `up to ${Math.min(atOnce, peaks.length)} at once would need ${formatSize(need)}; ${formatSize(capacity)} may be used`,
    });
  }
  return concerns;
}

function targetSpace(facts: PlanFacts, graph: TaskGraph, vms: readonly PlannedVm[]): readonly Concern[] {
  const writing = new Set(graph.nodes.filter((node) => node.stage === 'CONVERT' && willRun(node)).map((n) => n.vmKey));
  const filesystems = new Map<string, { targets: Set<string>; free: number; need: number; vms: number }>();
  for (const vm of vms) {
    const target = facts.targets[vm.target];
    if (target === undefined || !writing.has(vm.vmKey)) continue;
    const key = target.device ?? `target ${vm.target}`;
    let filesystem = filesystems.get(key);
    if (filesystem === undefined) {
      filesystem = { targets: new Set(), free: target.freeBytes, need: 0, vms: 0 };
      filesystems.set(key, filesystem);
    }
    filesystem.targets.add(vm.target);
    filesystem.need += vmSizes(vm).productBytes;
    filesystem.vms += 1;
  }
  const concerns: Concern[] = [];
  for (const [device, { targets, free, need, vms: count }] of filesystems) {
    const names = [...targets].sort().join(', ');
    const sharesScratch = device === facts.host.scratchDevice;
    const scratch = sharesScratch ? Math.max(...vms.map((vm) => scratchReservation(vm, vmSizes(vm)).FETCH)) : 0;
    if (need + scratch <= free) continue;
    concerns.push({
      id: 'preflight.target-space',
      category: 'blocker',
      scope: 'target',
      subject: names,
      label: 'Space for products',
      assessment: `the products of ${count} machine${count === 1 ? '' : 's'} are expected to need more space than is free`,
      remedy: 'Free space, choose another folder, or move fewer machines at once.',
      evidence: `expected ${formatSize(need)}${sharesScratch ? ` and ${formatSize(scratch)} of scratch on the same filesystem` : ''}; ${formatSize(free)} are free`,
    });
  }
  return concerns;
}

function targetAccess(facts: PlanFacts, vms: readonly PlannedVm[]): readonly Concern[] {
  return [...new Set(vms.map((vm) => vm.target))].sort().flatMap((name): Concern[] => {
    const target = facts.targets[name];
    if (target === undefined || target.writable) return [];
    return [
      {
        id: 'preflight.target-read-only',
        category: 'blocker',
        scope: 'target',
        subject: name,
        label: 'Target folder',
        assessment: 'the folder of this target cannot be written',
        remedy: 'Change its owner or mode, or choose another folder.',
        evidence: target.note ?? 'a test file could not be created',
      },
    ];
  });
}
