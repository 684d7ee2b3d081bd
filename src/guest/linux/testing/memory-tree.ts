/** A guest's files in memory, for tests: the same rules for symlinks and edits as the real tree. */
import type { GuestNode, GuestTree, TreeChange } from '../../common/ports.js';

export type MemoryFile =
  | string
  | Buffer
  | {
      readonly content?: string | Buffer;
      readonly link?: string;
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
      readonly xattrs?: Readonly<Record<string, string>>;
    };

interface Entry {
  readonly node: GuestNode;
  readonly content?: Buffer;
}

/** Builds a tree from paths to contents; folders appear by themselves. Texts are latin1, as everywhere in the guest room. */
export function memoryTree(
  files: Readonly<Record<string, MemoryFile>>,
): GuestTree & { files(): Record<string, string> } {
  const entries = new Map<string, Entry>();
  const put = (path: string, entry: Entry): void => {
    for (let dir = parent(path); dir !== ''; dir = parent(dir)) {
      if (!entries.has(dir)) entries.set(dir, { node: nodeOf(dir, { kind: 'directory', mode: 0o755 }) });
    }
    entries.set(path, entry);
  };
  for (const [path, file] of Object.entries(files)) put(path, entryOf(path, file));
  let start = new Map(entries);

  const follow = (path: string, depth = 0): string | undefined => {
    if (depth > 40) return undefined;
    let at = '';
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    for (const [index, part] of parts.entries()) {
      if (part === '..') {
        at = parent(at);
        continue;
      }
      const next = `${at}/${part}`;
      const target = entries.get(next)?.node.linkTarget;
      if (target === undefined) {
        at = next;
        continue;
      }
      const rest = parts.slice(index + 1).join('/');
      return follow(`${target.startsWith('/') ? target : `${at}/${target}`}/${rest}`, depth + 1);
    }
    return at === '' ? '/' : at;
  };
  const get = (path: string): Entry | undefined => {
    const real = follow(path);
    return real === undefined ? undefined : entries.get(real);
  };
  const lget = (path: string): Entry | undefined => {
    const real = follow(parent(path));
    return real === undefined
      ? undefined
      : entries.get(`${real === '/' ? '' : real}${path.slice(path.lastIndexOf('/'))}`);
  };

  return {
    stat: (path) => get(path)?.node,
    lstat: (path) => lget(path)?.node,
    read: (path) => get(path)?.content,
    text: (path) => get(path)?.content?.toString('latin1'),
    list(dir) {
      const real = follow(dir);
      if (real === undefined) return [];
      const prefix = real === '/' ? '/' : `${real}/`;
      return [...entries.keys()]
        .filter(
          (path) => path.startsWith(prefix) && path.length > prefix.length && !path.slice(prefix.length).includes('/'),
        )
        .map((path) => path.slice(prefix.length))
        .sort();
    },
    resolve(path) {
      const real = follow(path);
      return real === '/' || (real !== undefined && entries.has(real)) ? real : undefined;
    },
    write(path, content, mode) {
      const real = follow(path) ?? path;
      const buffer = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
      const old = entries.get(real);
      const wanted = mode ?? old?.node.mode ?? 0o644;
      const node = {
        ...(old?.node ?? nodeOf(real, { kind: 'file', mode: wanted })),
        mode: wanted,
        sizeBytes: buffer.length,
      };
      put(real, { node, content: buffer });
    },
    remove(path) {
      const real = follow(parent(path)) ?? '';
      const target = `${real === '/' ? '' : real}${path.slice(path.lastIndexOf('/'))}`;
      for (const key of [...entries.keys()]) if (key === target || key.startsWith(`${target}/`)) entries.delete(key);
    },
    symlink(target, path) {
      put(path, { node: { ...nodeOf(path, { kind: 'symlink', mode: 0o777 }), linkTarget: target } });
    },
    changes: () => diff(start, entries),
    settle() {
      start = new Map(entries);
    },
    files() {
      const result: Record<string, string> = {};
      for (const [path, entry] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (entry.node.kind === 'symlink') result[path] = `-> ${entry.node.linkTarget ?? ''}`;
        else if (entry.content !== undefined) {
          result[path] = `${entry.node.mode.toString(8)} ${entry.content.toString('latin1')}`;
        }
      }
      return result;
    },
  };
}

function diff(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): TreeChange[] {
  const changes: TreeChange[] = [];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(path), after.get(path)];
    if (now?.node.kind === 'directory' || (now === undefined && old?.node.kind === 'directory')) continue;
    if (now === undefined) {
      changes.push({ path, kind: 'removed', ...(old?.content === undefined ? {} : { before: old.content }) });
    } else if (now.node.kind === 'symlink') {
      if (old?.node.linkTarget !== now.node.linkTarget) changes.push({ path, kind: 'symlink', node: now.node });
    } else if (now.content !== undefined) {
      const same = old?.content?.equals(now.content) === true && old.node.mode === now.node.mode;
      if (same) continue;
      changes.push({
        path,
        kind: old === undefined ? 'created' : 'modified',
        ...(old?.content === undefined ? {} : { before: old.content }),
        after: now.content,
        node: now.node,
      });
    }
  }
  return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function parent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function entryOf(path: string, file: MemoryFile): Entry {
  if (typeof file === 'string' || Buffer.isBuffer(file)) return entryOf(path, { content: file });
  if (file.link !== undefined) {
    return { node: { ...nodeOf(path, { kind: 'symlink', mode: 0o777 }), linkTarget: file.link } };
  }
  const content = Buffer.isBuffer(file.content) ? file.content : Buffer.from(file.content ?? '', 'latin1');
  return {
    node: {
      ...nodeOf(path, { kind: 'file', mode: file.mode ?? 0o644 }),
      sizeBytes: content.length,
      uid: file.uid ?? 0,
      gid: file.gid ?? 0,
      xattrs: file.xattrs ?? {},
    },
    content,
  };
}

function nodeOf(path: string, facts: Pick<GuestNode, 'kind' | 'mode'>): GuestNode {
  return { path, ...facts, uid: 0, gid: 0, mtimeS: 1_700_000_000, sizeBytes: 0, xattrs: {} };
}
