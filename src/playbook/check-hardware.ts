import type { Location } from '../lib/diagnostic.js';
import type { MadeOf, SettingOrigin } from '../model/effective.js';
import type { ResolvedSettings } from '../model/settings.js';
import { userOf } from './effective.js';
import type { Problems } from './problems.js';
import { placeOf } from './vm-drafts.js';
import type { VmDraft } from './vm-drafts.js';

interface Machine {
  readonly draft: VmDraft;
  readonly madeOf: MadeOf;
  readonly settings: ResolvedSettings;
  readonly chains: Readonly<Record<string, readonly SettingOrigin[]>>;
}

/** Disks and adapters that settings speak of must exist, and adapters must have addresses that can be theirs. */
export function checkHardware(machine: Machine, macs: MacRegister, problems: Problems): void {
  const { draft, settings, madeOf, chains } = machine;
  const { name } = draft.entry;
  if (madeOf.kind === 'disks') {
    checkDiskPositions(machine, madeOf.disks.length, problems);
    checkAdapterOrder(machine, problems);
  }
  for (const [index, nic] of Object.entries(settings.nics)) {
    if (nic.mac === undefined) continue;
    const [winner] = chains[`/nics/${index}/mac`] ?? [];
    const at = winner?.location ?? placeOf(draft, ['name']);
    if (isGroupOrZero(nic.mac)) {
      const message = `"${nic.mac}" cannot be the address of an adapter`;
      problems.usedBy(userOf(draft, winner), 'playbook.bad-mac', message, at);
    }
    macs.add(nic.mac, { vm: name, index, at });
  }
}

function checkDiskPositions(machine: Machine, count: number, problems: Problems): void {
  for (const index of Object.keys(machine.settings.disks)) {
    if (Number(index) < count) continue;
    const message = `there is no disk ${index}: ${count === 1 ? 'the only disk is 0' : `disks are 0 to ${count - 1}`}`;
    reportPosition(machine, 'disks', index, message, problems);
  }
}

/** Without a descriptor the settings are all there is to know, so positions must follow each other from 0. */
function checkAdapterOrder(machine: Machine, problems: Problems): void {
  const positions = Object.keys(machine.settings.nics)
    .map(Number)
    .sort((a, b) => a - b);
  const gap = positions.findIndex((position, i) => position !== i);
  if (gap === -1) return;
  const message = `adapter ${positions[gap]} is given but adapter ${gap} is not`;
  reportPosition(machine, 'nics', String(positions[gap]), message, problems);
}

function reportPosition(
  { draft, chains }: Machine,
  section: 'disks' | 'nics',
  index: string,
  message: string,
  problems: Problems,
): void {
  const own = draft.entry.overrides?.[section] ?? {};
  if (Object.hasOwn(own, index)) {
    const at = placeOf(draft, ['overrides', section, index], 'key');
    problems.usedBy(undefined, 'playbook.index-out-of-range', message, at);
    return;
  }
  const leaf = Object.entries(chains).find(([pointer]) => pointer.startsWith(`/${section}/${index}/`));
  const winner = leaf?.[1][0];
  const at = winner?.location ?? placeOf(draft, ['name']);
  problems.usedBy(userOf(draft, winner), 'playbook.index-out-of-range', message, at);
}

function isGroupOrZero(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1 || /^[0:]+$/.test(mac);
}

interface MacUse {
  readonly vm: string;
  readonly index: string;
  readonly at: Location;
}

/** The first use by a machine that has an earlier one. */
function repeated(uses: readonly MacUse[]): MacUse | undefined {
  const seen = new Set<string>();
  for (const use of uses) {
    if (seen.has(use.vm)) return use;
    seen.add(use.vm);
  }
  return undefined;
}

/** The addresses of all adapters, to find those given twice. */
export class MacRegister {
  readonly #uses = new Map<string, MacUse[]>();

  add(mac: string, use: MacUse): void {
    const key = mac.toLowerCase();
    const uses = this.#uses.get(key);
    if (uses === undefined) this.#uses.set(key, [use]);
    else uses.push(use);
  }

  /** An error within one machine, a warning between machines: those may run at different times or networks. */
  report(problems: Problems): void {
    for (const [mac, uses] of this.#uses) {
      const [first, second] = uses;
      if (first === undefined || second === undefined) continue;
      const origins = [{ ...first.at, note: `adapter ${first.index} of ${first.vm}` }];
      const inside = repeated(uses);
      if (inside !== undefined) {
        const message = `${inside.vm} has the address ${mac} twice`;
        problems.error('playbook.duplicate-mac', message, inside.at, { origins });
        continue;
      }
      const names = uses.length > 2 ? `${first.vm}, ${second.vm}, …` : `${first.vm}, ${second.vm}`;
      const message = `the address ${mac} is given to ${uses.length} machines: ${names}`;
      problems.warning('playbook.duplicate-mac', message, second.at, { origins });
    }
  }
}
