/**
 * Files of a guest in memory with edits laid over them. Paths are the guest's own; a symlink is followed inside the
 * guest's root whatever it points to, so nothing a guest contains can lead to a file of this machine.
 */
import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import type { GuestNode, GuestTree, TreeChange } from './ports.js';

const MAX_LINKS = 40;

/** One file, folder or link as it was read. Content is absent for what was only listed, or is over the size cap. */
export interface TreeEntry {
  readonly node: GuestNode;
  readonly content?: Buffer;
}

interface Found {
  /** Real path; `''` is the root. */
  readonly path: string;
  readonly entry: TreeEntry | undefined;
}

/** A tree from entries in any order. The last entry of a path wins; parent folders that were not read are implied. */
export function createGuestTree(entries: Iterable<TreeEntry>): GuestTree {
  const store = new Map<string, TreeEntry>();
  const children = new Map<string, Set<string>>();
  /** State of every touched path before its first edit. */
  const before = new Map<string, TreeEntry | undefined>();

  const link = (path: string): void => {
    const dir = parentOf(path);
    let names = children.get(dir);
    if (names === undefined) children.set(dir, (names = new Set()));
    names.add(path.slice(dir.length + 1));
  };
  const put = (path: string, entry: TreeEntry): void => {
    for (let dir = parentOf(path); dir !== '' && !store.has(dir); dir = parentOf(dir)) {
      store.set(dir, { node: impliedFolder(dir) });
      link(dir);
    }
    store.set(path, entry);
    link(path);
  };
  const drop = (path: string): void => {
    store.delete(path);
    children.get(parentOf(path))?.delete(path.slice(parentOf(path).length + 1));
  };
  for (const entry of entries) if (entry.node.path !== '/') put(entry.node.path, entry);

  /** Follows links along a path; the last component too when `last` says so. Undefined for a loop or a file in the way. */
  const walk = (path: string, last: boolean): Found | undefined => {
    let todo = parts(path);
    let at = '';
    let links = 0;
    while (todo.length > 0) {
      const [name = '', ...rest] = todo;
      todo = rest;
      if (name === '..') {
        at = parentOf(at);
        continue;
      }
      const next = `${at}/${name}`;
      const node = store.get(next)?.node;
      if (node?.kind === 'symlink' && (todo.length > 0 || last)) {
        links += 1;
        if (links > MAX_LINKS) return undefined;
        const target = node.linkTarget ?? '';
        if (target.startsWith('/')) at = '';
        todo = [...parts(target), ...todo];
        continue;
      }
      if (node !== undefined && node.kind !== 'directory' && todo.length > 0) return undefined;
      at = next;
    }
    return { path: at, entry: store.get(at) };
  };

  const remember = (path: string): void => {
    if (!before.has(path)) before.set(path, store.get(path));
  };
  /** A folder never becomes something else, even when it was removed: what was in it would be looked for behind a link. */
  const refuseFolder = (path: string): void => {
    if ((store.get(path) ?? before.get(path))?.node.kind !== 'directory') return;
    throw new DroverError({ code: 'guest.call', message: `${showName(path)} is a folder` });
  };
  /** Where a new name would really stand. */
  const place = (path: string, last: boolean): string => {
    const found = walk(path, last);
    if (found !== undefined && found.path !== '') return found.path;
    throw new DroverError({
      code: 'guest.call',
      message: `${showName(path)} cannot be written: its links lead nowhere`,
    });
  };

  return {
    stat: (path) => {
      const found = walk(path, true);
      return found?.path === '' ? rootNode : found?.entry?.node;
    },
    lstat: (path) => {
      const found = walk(path, false);
      return found?.path === '' ? rootNode : found?.entry?.node;
    },
    read: (path) => walk(path, true)?.entry?.content,
    text: (path) => walk(path, true)?.entry?.content?.toString('latin1'),
    list(dir) {
      const found = walk(dir, true);
      return found === undefined ? [] : [...(children.get(found.path) ?? [])].sort();
    },
    resolve(path) {
      const found = walk(path, true);
      if (found === undefined) return undefined;
      return found.path === '' ? '/' : found.entry === undefined ? undefined : found.path;
    },
    write(path, content, mode) {
      const real = place(path, true);
      const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
      const old = store.get(real);
      refuseFolder(real);
      if (old !== undefined && old.node.kind !== 'file') {
        throw new DroverError({ code: 'guest.call', message: `${showName(real)} is no regular file` });
      }
      remember(real);
      const node = old?.node ?? newNode(real, 'file', 0o644);
      put(real, { node: { ...node, mode: mode ?? node.mode, sizeBytes: bytes.length }, content: bytes });
    },
    remove(path) {
      const real = walk(path, false)?.path;
      if (real === undefined || real === '' || !store.has(real)) return;
      for (const name of [...(children.get(real) ?? [])]) this.remove(`${real}/${name}`);
      remember(real);
      drop(real);
    },
    symlink(target, path) {
      const real = place(path, false);
      refuseFolder(real);
      remember(real);
      put(real, { node: { ...newNode(real, 'symlink', 0o777), linkTarget: target } });
    },
    changes: () => [...before].flatMap(([path, old]) => changeOf(path, old, store.get(path)) ?? []).sort(byPath),
    settle: () => before.clear(),
  };
}

function changeOf(path: string, old: TreeEntry | undefined, now: TreeEntry | undefined): TreeChange | undefined {
  const content = {
    ...(old?.content === undefined ? {} : { before: old.content }),
    ...(now?.content === undefined ? {} : { after: now.content }),
  };
  if (now === undefined) {
    return old === undefined ? undefined : { path, kind: 'removed', ...content, node: old.node };
  }
  if (now.node.kind === 'symlink') {
    const same = old?.node.kind === 'symlink' && old.node.linkTarget === now.node.linkTarget;
    return same ? undefined : { path, kind: 'symlink', ...content, node: now.node };
  }
  if (old === undefined) return { path, kind: 'created', ...content, node: now.node };
  const sameContent =
    old.content !== undefined && now.content !== undefined
      ? old.content.equals(now.content)
      : old.content === now.content;
  if (sameContent && old.node.mode === now.node.mode && old.node.kind === now.node.kind) return undefined;
  return { path, kind: 'modified', ...content, node: now.node };
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** Folder of a normalised path; that of `/name` and of the root is `''`. */
function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function byPath(a: TreeChange, b: TreeChange): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function newNode(path: string, kind: GuestNode['kind'], mode: number): GuestNode {
  return { path, kind, mode, uid: 0, gid: 0, mtimeS: 0, sizeBytes: 0, xattrs: {} };
}

function impliedFolder(path: string): GuestNode {
  return newNode(path, 'directory', 0o755);
}

const rootNode = impliedFolder('/');
