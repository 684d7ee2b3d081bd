import { formatSize, parseSize } from '../lib/units.js';
import type { Concern } from '../model/concern.js';
import type { PlannedVm, TaskGraph } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import type { PlanFacts } from './facts.js';
import { willRun } from './forecast.js';
import { pool } from './pools.js';

const GIB = 1024 ** 3;
/** Memory of one guest appliance with what it runs. */
const APPLIANCE_BYTES = 1.5 * GIB;
/** Memory of a boot proof unless the playbook says otherwise, at most. */
const BOOT_BYTES = 2 * GIB;
const REMOTE_FS = /^(nfs\d?|cifs|smb\d?|smbfs|ceph|glusterfs|fuse\.(sshfs|glusterfs|s3fs)|9p|afs)$/;

/** Programs, virtualisation, memory and the scratch filesystem of this machine. */
export function hostConcerns(facts: PlanFacts, graph: TaskGraph, vms: readonly PlannedVm[]): readonly Concern[] {
  return [
    ...missingTools(facts, graph),
    ...(vms.length === 0 ? [] : [...virtualisation(facts), ...memory(facts, graph, vms), ...scratchFilesystem(facts)]),
  ];
}

function missingTools(facts: PlanFacts, graph: TaskGraph): readonly Concern[] {
  const concerns: Concern[] = [];
  const working = new Set(graph.nodes.filter(willRun).map((node) => node.stage));
  const users = new Map<string, string[]>();
  for (const stage of STAGES.filter((name) => working.has(name))) {
    for (const tool of facts.stages[stage].tools) {
      if ((facts.tools[tool] ?? null) === null) users.set(tool, [...(users.get(tool) ?? []), stage]);
    }
  }
  for (const [tool, stages] of users) {
    concerns.push({
      id: 'preflight.tool-missing',
      category: 'blocker',
      scope: 'host',
      subject: tool,
      label: 'Programs',
      assessment: `${tool} is not installed or not in PATH`,
      remedy: '`drover doctor` names the package that holds it.',
      evidence: `needed by ${stages.join(', ')}`,
    });
  }
  return concerns;
}

function virtualisation(facts: PlanFacts): readonly Concern[] {
  const { kvm } = facts.host;
  if (kvm.usable) return [];
  return [
    {
      id: 'preflight.no-kvm',
      category: 'info',
      scope: 'host',
      subject: 'kvm',
      label: 'Hardware virtualisation',
      assessment: 'KVM is not usable here: appliances and boot proofs run in software emulation, several times slower',
      remedy: 'Nothing has to be done; a host with KVM is faster.',
      evidence: kvm.reason,
    },
  ];
}

/** The largest boot proofs and appliances that may run at the same time, against what is free. */
function memory(facts: PlanFacts, graph: TaskGraph, vms: readonly PlannedVm[]): readonly Concern[] {
  const slots = graph.pools[pool.host('appliance')] ?? 1;
  const needs = vms.map(memoryNeed).sort((a, b) => b - a);
  const atOnce = needs.slice(0, slots).reduce((sum, bytes) => sum + bytes, 0);
  const { freeMemoryBytes: free, memoryBytes: total } = facts.host;
  const [largest = 0] = needs;
  if (atOnce <= free) return [];
  const isImpossible = largest > total;
  return [
    {
      id: 'preflight.memory',
      category: isImpossible ? 'blocker' : 'warning',
      scope: 'host',
      subject: 'memory',
      label: 'Memory',
      assessment: isImpossible
        ? 'one appliance or boot proof needs more memory than this machine has'
        : 'appliances and boot proofs that run at the same time may need more memory than is free',
      remedy: 'Free memory, lower `hosts.local.capacity.appliance`, or set `validate.memory`.',
      evidence: `${Math.min(slots, needs.length)} at once need ${formatSize(atOnce)}; ${formatSize(free)} of ${formatSize(total)} are free`,
    },
  ];
}

function memoryNeed(vm: PlannedVm): number {
  const { validate } = vm.settings;
  const boots = validate.level !== 'none' && validate.level !== 'image' && validate.level !== 'fs';
  const set = validate.memory === undefined ? undefined : parseSize(validate.memory);
  const own = vm.settings.memory === undefined ? vm.description.memoryBytes : parseSize(vm.settings.memory);
  return Math.max(APPLIANCE_BYTES, boots ? (set ?? Math.min(own ?? BOOT_BYTES, BOOT_BYTES)) : 0);
}

function scratchFilesystem(facts: PlanFacts): readonly Concern[] {
  const { scratchFsType: type, scratchDir } = facts.host;
  if (type === undefined || !REMOTE_FS.test(type)) return [];
  return [
    {
      id: 'preflight.scratch-remote',
      category: 'warning',
      scope: 'host',
      subject: scratchDir,
      label: 'Scratch filesystem',
      assessment: 'the scratch folder lies on a network filesystem: slower, and its locks may not hold',
      remedy: 'Choose a local folder with `hosts.local.scratch`.',
      evidence: `${scratchDir} is ${type}`,
    },
  ];
}
