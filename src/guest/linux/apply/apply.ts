/** Pending edits become files of the guest: one archive in, one call for what goes. */
import { join } from 'node:path';
import type { Host } from '../../../host/index.js';
import type { Mountpoint } from '../../../model/inspection.js';
import { isPlainWord } from '../../common/words.js';
import type { GuestSession, GuestTree, TreeChange } from '../../common/ports.js';
import { archiveMembers } from './archive.js';
import type { ArchiveOptions } from './archive.js';
import { writeTar } from './tar-writer.js';

export interface ApplyOptions extends Omit<ArchiveOptions, 'nowS'> {
  /** Private folder on this machine. */
  readonly scratchDir: string;
  readonly mountpoints: readonly Mountpoint[];
}

/**
 * Writes the tree's pending edits into the guest and makes them the new starting point. Returns how many paths changed;
 * without edits no call is made.
 */
export async function applyChanges(
  host: Host,
  session: GuestSession,
  tree: GuestTree,
  options: ApplyOptions,
): Promise<number> {
  const changes = tree.changes();
  if (changes.length === 0) return 0;
  const nowS = Math.floor(host.clock.now() / 1000);
  const inPlace = changes.filter((change) => change.after !== undefined && isInPlace(change, options.mountpoints));
  const members = archiveMembers(tree, changes, { ...options, nowS }).filter(
    (member) => !inPlace.some((change) => change.path === `/${member.name}`),
  );
  if (members.length > 0) {
    const archive = join(options.scratchDir, 'changes.tar');
    await host.files.writeAtomic(archive, writeTar(members));
    await session.tarIn(archive, '/');
    await host.files.remove(archive);
  }
  for (const change of inPlace) await rewrite(host, session, change, options.scratchDir);
  await removeAll(session, changes);
  tree.settle();
  return changes.length;
}

/**
 * GRUB finds its environment block by the blocks it lies in, and FAT knows neither owners nor attributes: such files are
 * overwritten where they are.
 */
function isInPlace(change: TreeChange, mountpoints: readonly Mountpoint[]): boolean {
  if (change.path.endsWith('/grubenv')) return true;
  const mount = mountpoints
    .filter((each) => change.path === each.path || change.path.startsWith(each.path === '/' ? '/' : `${each.path}/`))
    .sort((a, b) => b.path.length - a.path.length)[0];
  return mount !== undefined && /^(vfat|msdos|fat)$/.test(mount.fsType);
}

async function rewrite(host: Host, session: GuestSession, change: TreeChange, scratchDir: string): Promise<void> {
  const file = join(scratchDir, 'in-place');
  await host.files.writeAtomic(file, change.after ?? Buffer.alloc(0));
  await session.upload(file, change.path);
  await host.files.remove(file);
}

/** What the edits removed: files first, then folders that are empty now. */
async function removeAll(session: GuestSession, changes: readonly TreeChange[]): Promise<void> {
  const gone = changes.filter((change) => change.kind === 'removed').sort((a, b) => b.path.length - a.path.length);
  const plain = gone.filter((change) => isPlainWord(change.path));
  const lines = plain.map((change) =>
    change.node?.kind === 'directory' ? `rmdir -- /sysroot${change.path} || true` : `rm -f -- /sysroot${change.path}`,
  );
  if (lines.length > 0) await session.script(lines.join('\n'));
  for (const change of gone) {
    if (plain.includes(change)) continue;
    if (change.node?.kind === 'directory') await session.tryCall(['rmdir', change.path]);
    else await session.call(['rm-f', change.path]);
  }
}
