import { formatPointer } from '../lib/json-pointer.js';
import type { Location } from '../lib/diagnostic.js';
import type { MadeOf } from '../model/effective.js';
import type { Vm } from '../model/generated/playbook.js';
import type { Problems } from './problems.js';
import { placeOf } from './vm-drafts.js';
import type { VmDraft } from './vm-drafts.js';

const KINDS = ['disks', 'ova', 'ovf', 'vmx', 'bundle'] as const;

/** What a machine is made of, and where that is said. `entry` is the draft's own with late references filled in. */
export function madeOf(
  draft: VmDraft,
  entry: Vm,
  problems: Problems,
): { value: MadeOf; at: Location; disks?: readonly Location[] } {
  const given = KINDS.filter((kind) => entry[kind] !== undefined);
  const [kind, second] = given;
  const pointer = (key: string): string => formatPointer([...draft.path, key]);
  if (kind !== undefined && second !== undefined) {
    const message = `a machine is made of one thing, not of "${kind}" and "${second}"`;
    const origins = [{ ...placeOf(draft, [kind], 'key'), note: `"${kind}" is given here` }];
    problems.error('playbook.several-contents', message, placeOf(draft, [second], 'key'), {
      pointer: pointer(second),
      allowed: KINDS,
      origins,
    });
  }
  const system = entry.system === undefined ? {} : { system: entry.system };
  if (entry.system !== undefined && (kind === 'disks' || kind === 'vmx' || kind === 'bundle')) {
    const message = `"system" has no effect on a machine that is made of "${kind}"`;
    problems.warning('playbook.unused-key', message, placeOf(draft, ['system'], 'key'), { pointer: pointer('system') });
  }
  if (kind === undefined) return { value: { kind: 'by-name', ...system }, at: placeOf(draft, ['name']) };
  const at = placeOf(draft, [kind]);
  if (kind !== 'disks') return { value: { kind, file: entry[kind] ?? '', ...system }, at };
  const disks = (entry.disks ?? []).map((disk) => (typeof disk === 'string' ? { file: disk } : disk));
  return { value: { kind, disks }, at, disks: disks.map((_disk, i) => placeOf(draft, ['disks', i])) };
}
