import type { Concern } from '../model/concern.js';
import type { PlannedVm } from '../model/graph.js';
import type { PlanFacts } from './facts.js';

/** VMware's and libosinfo's ids of systems that are no Linux: Windows, BSD, Solaris, macOS, NetWare, OS/2. */
const UNSUPPORTED_GUEST = /^(win|windows|darwin|freebsd|openbsd|netbsd|solaris|netware|os2|eComStation|dos)/i;
const SHOWN = 3;

/** Concerns about single machines, and about machines that clash with each other. */
export function vmConcerns(facts: PlanFacts, vms: readonly PlannedVm[]): readonly Concern[] {
  return [...vms.flatMap((vm) => ownConcerns(facts, vm)), ...sameMac(vms)];
}

function ownConcerns(facts: PlanFacts, vm: PlannedVm): readonly Concern[] {
  const about = { scope: 'vm', subject: vm.name, vmKey: vm.vmKey } as const;
  const concerns: Concern[] = [];
  const holder = facts.lockedVms?.[vm.vmKey];
  if (holder !== undefined) {
    concerns.push({
      ...about,
      id: 'preflight.vm-locked',
      category: 'blocker',
      label: 'Locks',
      assessment: 'another run is working on this machine',
      remedy: `Wait for it, or \`drover cancel ${holder.runId}\`.`,
      evidence: `run ${holder.runId} of ${holder.user} on ${holder.host}`,
    });
  }
  const badPlace = facts.badPlaces?.[vm.vmKey];
  if (badPlace !== undefined) {
    concerns.push({
      ...about,
      id: 'preflight.output-place',
      category: 'blocker',
      label: 'Product folder',
      assessment: 'the products cannot go where they should',
      remedy: 'Move what stands in the way, or choose another target folder.',
      evidence: badPlace,
    });
  }
  const foreign = facts.foreignOutputs?.[vm.vmKey] ?? [];
  if (foreign.length > 0) {
    concerns.push({
      ...about,
      id: 'preflight.output-exists',
      category: 'blocker',
      label: 'Product folder',
      assessment: 'files that Drover did not write, or that were changed since, lie where the product would go',
      remedy: 'Move them away, or set `convert.overwrite: true` for this machine.',
      evidence:
        foreign.slice(0, SHOWN).join(', ') + (foreign.length > SHOWN ? ` and ${foreign.length - SHOWN} more` : ''),
    });
  }
  const { guestId } = vm.description;
  const { family } = vm.settings.guest;
  if (guestId !== undefined && UNSUPPORTED_GUEST.test(guestId) && family === 'auto') {
    concerns.push({
      ...about,
      id: 'preflight.guest-unsupported',
      category: 'blocker',
      label: 'Guest system',
      assessment: 'the descriptor names a guest system that this version cannot fix',
      remedy: 'Leave the machine out, or set `guest.family` when the descriptor is wrong or the disks hold no system.',
      evidence: `guest id ${guestId}`,
    });
  }
  for (const warning of vm.description.warnings) {
    concerns.push({
      ...about,
      id: 'preflight.source-warning',
      category: 'info',
      label: 'Source',
      assessment: warning,
      remedy: 'Decide whether it matters.',
      evidence: vm.description.origin.path,
    });
  }
  return concerns;
}

/** Adapters of the plan with one MAC address: on one network only one of them would work. */
function sameMac(vms: readonly PlannedVm[]): readonly Concern[] {
  const seen = new Map<string, string>();
  const concerns: Concern[] = [];
  for (const vm of vms) {
    const described = new Map(vm.description.nics.map((nic) => [String(nic.index), nic.mac]));
    for (const [index, nic] of Object.entries(vm.settings.nics)) {
      const mac = (nic.mac ?? described.get(index))?.toLowerCase();
      if (mac === undefined) continue;
      const adapter = `${vm.name} adapter ${index} on ${nic.network ?? 'no network'}`;
      const other = seen.get(mac);
      if (other === undefined) {
        seen.set(mac, adapter);
        continue;
      }
      concerns.push({
        id: 'preflight.same-mac',
        category: 'warning',
        scope: 'vm',
        subject: vm.name,
        vmKey: vm.vmKey,
        label: 'MAC addresses',
        assessment: `its MAC address ${mac} is also that of another machine of this plan`,
        remedy: 'Set `nics.<n>.mac` of one of them, unless they never run on the same network.',
        evidence: `${adapter}; ${other}`,
      });
    }
  }
  return concerns;
}
