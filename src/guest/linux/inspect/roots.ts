/** Which filesystem is the system's root, from what can be seen on all of them. */
import type { BlockDevice } from '../../../model/inspection.js';
import type { SourceDisk } from '../../../model/vm.js';
import { createGuestTree } from '../../common/tree.js';
import type { Peek } from '../../common/inventory.js';
import { parseFstab, resolveSpec } from '../fstab/index.js';

/** A filesystem that a system could run from. */
export interface RootCandidate {
  /** Device, with `:subvolume` behind it on btrfs. */
  readonly name: string;
  readonly peek: Peek;
}

export interface RootChoice {
  readonly chosen?: RootCandidate;
  /** The best ones; more than one when nothing tells them apart. */
  readonly best: readonly RootCandidate[];
  /** What was passed over and why. */
  readonly notes: readonly string[];
}

export interface RootContext {
  readonly block: readonly BlockDevice[];
  readonly disks: readonly SourceDisk[];
  /** What the playbook says: a device, with `:subvolume` behind it if need be. */
  readonly wanted?: string;
}

const RELEASE = [
  'etc/os-release',
  'usr/lib/os-release',
  'etc/redhat-release',
  'etc/system-release',
  'etc/debian_version',
];
const INIT = ['sbin/init', 'usr/sbin/init', 'lib/systemd/systemd', 'usr/lib/systemd/systemd'];
const LIVE = ['.discinfo', '.treeinfo', 'casper', 'LiveOS'];

/** Chooses the root. With several equals nothing is chosen: PLAN asks. */
export function chooseRoot(peeks: readonly Peek[], ctx: RootContext): RootChoice {
  const notes: string[] = [];
  const candidates = peeks
    .map((peek) => ({ name: candidateName(peek), peek }))
    .filter(({ name, peek }) => {
      if (!looksLikeRoot(peek)) return false;
      const reason = dropped(peek);
      if (reason !== undefined) notes.push(`${name} is not the system: ${reason}`);
      return reason === undefined;
    });
  if (ctx.wanted !== undefined) {
    const wanted = candidates.filter(({ name, peek }) => name === ctx.wanted || peek.device === ctx.wanted);
    return bestOf(wanted, ctx, notes);
  }
  return bestOf(candidates, ctx, notes);
}

function candidateName(peek: Peek): string {
  return peek.subvolume === undefined || peek.subvolume === '' ? peek.device : `${peek.device}:${peek.subvolume}`;
}

function has(peek: Peek, paths: readonly string[]): boolean {
  return paths.some((path) => peek.markers.has(path));
}

function looksLikeRoot(peek: Peek): boolean {
  return has(peek, RELEASE) || (has(peek, INIT) && peek.markers.has('etc/fstab'));
}

function dropped(peek: Peek): string | undefined {
  if (has(peek, LIVE)) return 'installation or live medium';
  if (/(^|\/)\.?snapshots?(\/|$)/i.test(peek.subvolume ?? '') && !peek.isDefaultSubvolume) return 'a snapshot';
  return undefined;
}

function bestOf(candidates: readonly RootCandidate[], ctx: RootContext, notes: string[]): RootChoice {
  const scored = candidates
    .map((candidate) => ({ candidate, score: scoreOf(candidate.peek, ctx) }))
    .sort((a, b) => compareScores(b.score, a.score));
  const top = scored[0];
  if (top === undefined) return { best: [], notes };
  const best = scored.filter(({ score }) => compareScores(score, top.score) === 0).map(({ candidate }) => candidate);
  for (const { candidate } of scored.slice(best.length)) notes.push(`${candidate.name} holds a lesser system as well`);
  return best.length === 1 && best[0] !== undefined ? { chosen: best[0], best, notes } : { best, notes };
}

/** Most telling first. */
function scoreOf(peek: Peek, ctx: RootContext): number[] {
  return [
    has(peek, RELEASE) ? 1 : 0,
    has(peek, INIT) ? 1 : 0,
    peek.markers.has('boot/kernel') ? 1 : 0,
    peek.markers.has('etc/fstab') ? 1 : 0,
    mountsItself(peek, ctx) ? 1 : 0,
    peek.subvolume !== undefined && peek.isDefaultSubvolume ? 1 : 0,
    -(peek.subvolume?.split('/').length ?? 0),
  ];
}

function compareScores(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether the mount table inside says that this is the root. Tells a subvolume in use from a copy of it. */
function mountsItself(peek: Peek, ctx: RootContext): boolean {
  const fstab = createGuestTree(peek.entries).text('/etc/fstab');
  if (fstab === undefined) return false;
  const entry = parseFstab(fstab).find((line) => line.entry?.mountpoint === '/')?.entry;
  if (entry === undefined) return false;
  if (peek.subvolume !== undefined) {
    const subvolume = /(?:^|,)subvol=\/?([^,]*)/.exec(entry.options)?.[1];
    const id = /(?:^|,)subvolid=(\d+)/.exec(entry.options)?.[1];
    if (subvolume !== undefined) return subvolume === peek.subvolume;
    if (id !== undefined) return Number(id) === peek.subvolumeId;
    return peek.isDefaultSubvolume;
  }
  const device = resolveSpec(entry.spec, { block: ctx.block, disks: ctx.disks, fsType: entry.fsType });
  return device === peek.device;
}
