/** From pending edits to one archive: new contents, and the old ones below the backup folder. */
import type { GuestNode, GuestTree, TreeChange } from '../../common/ports.js';
import type { TarFile } from './tar-writer.js';

export interface ArchiveOptions {
  /** Seconds since the epoch. */
  readonly nowS: number;
  /** Folder for old versions (`/var/lib/drover/backup/<run>`); absent when none are kept. */
  readonly backupDir?: string;
  /** SELinux label of a new file, when the guest uses labels. */
  readonly label?: (path: string, kind: TarFile['kind']) => string | undefined;
}

/** Members for everything that is written or created. Removals are not among them, but their old contents are. */
export function archiveMembers(tree: GuestTree, changes: readonly TreeChange[], options: ArchiveOptions): TarFile[] {
  const backups = options.backupDir === undefined ? [] : backupMembers(tree, changes, options.backupDir, options);
  return [...backups, ...changes.flatMap((change) => memberOf(change, options) ?? [])];
}

function memberOf(change: TreeChange, options: ArchiveOptions): TarFile | undefined {
  const { node, path } = change;
  if (node === undefined || change.kind === 'removed') return undefined;
  if (change.kind === 'symlink')
    return { ...attributes(node, path, 'symlink', options), linkTarget: node.linkTarget ?? '' };
  if (change.after === undefined) return undefined;
  return { ...attributes(node, path, 'file', options), content: change.after };
}

function attributes(
  node: GuestNode,
  path: string,
  kind: TarFile['kind'],
  options: ArchiveOptions,
): Omit<TarFile, 'content' | 'linkTarget'> {
  const label = node.xattrs['security.selinux'] === undefined ? options.label?.(path, kind) : undefined;
  return {
    name: path.replace(/^\/+/, ''),
    kind,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    // Never older than before: programs compare times to see what changed.
    mtimeS: Math.max(options.nowS, node.mtimeS),
    xattrs: label === undefined ? node.xattrs : { ...node.xattrs, 'security.selinux': label },
  };
}

/** Old versions with their owners and modes, in folders that only root may enter. */
function backupMembers(
  tree: GuestTree,
  changes: readonly TreeChange[],
  backupDir: string,
  options: ArchiveOptions,
): TarFile[] {
  const old = changes.flatMap((change) => {
    if (change.before === undefined || change.node === undefined) return [];
    return [{ path: `${backupDir}${change.path}`, change, content: change.before, node: change.node }];
  });
  if (old.length === 0) return [];
  const folders = new Set<string>();
  for (const { path } of old) {
    for (let dir = parentOf(path); dir.length >= backupDir.length; dir = parentOf(dir)) folders.add(dir);
  }
  const top = parentOf(parentOf(backupDir));
  const created = [...(tree.stat(top) === undefined ? [top] : []), parentOf(backupDir), ...folders];
  return [
    ...created.sort().map((dir) => folder(dir, dir === top ? 0o755 : 0o700, options)),
    ...old.map(({ path, content, node }): TarFile => {
      const label = options.label?.(path, 'file');
      const kept = Object.fromEntries(Object.entries(node.xattrs).filter(([name]) => name !== 'security.selinux'));
      return {
        name: path.slice(1),
        kind: 'file',
        mode: node.mode & 0o777,
        uid: node.uid,
        gid: node.gid,
        mtimeS: Math.max(0, node.mtimeS),
        content,
        xattrs: label === undefined ? kept : { ...kept, 'security.selinux': label },
      };
    }),
  ];
}

function folder(path: string, mode: number, options: ArchiveOptions): TarFile {
  const label = options.label?.(path, 'directory');
  return {
    name: path.slice(1),
    kind: 'directory',
    mode,
    uid: 0,
    gid: 0,
    mtimeS: options.nowS,
    xattrs: label === undefined ? {} : { 'security.selinux': label },
  };
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
