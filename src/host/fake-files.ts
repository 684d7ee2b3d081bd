/** Files in memory. They behave like the real ones in what callers may rely on: parents must exist, errors carry codes. */
import { posix } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileError } from './os-errors.js';
import { content, grow, nodeFacts } from './fake-nodes.js';
import type { FileNode, Node } from './fake-nodes.js';
import type { AppendFile, Files, RandomAccessFile } from './ports.js';

/** The act about to be done, for tests that let it fail: return an errno such as `ENOSPC`, or nothing. */
type FaultHook = (act: string, path: string) => string | undefined;

export interface FakeFiles extends Files {
  /** Puts a file with its parents; for setting a scene. */
  put(path: string, data: string | Uint8Array, mode?: number): void;
  /** Whole content; undefined when there is no such file. */
  peek(path: string): Buffer | undefined;
  /** Every path below a folder, sorted. */
  tree(dir: string): readonly string[];
  /** Loses what was not synced, all of it or the part that `keep` (0 to 1) does not spare. */
  crash(keep?: (path: string) => number): void;
  /** A copy of everything as it is now, on its own from then on. */
  fork(now: () => number): FakeFiles;
  /** Consulted before every act that writes. */
  fault: FaultHook | undefined;
  freeBytes: number;
}

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

export function createFakeFiles(now: () => number, from?: ReadonlyMap<string, Node>): FakeFiles {
  const nodes = new Map<string, Node>();
  let inodes = 1;
  let temps = 0;
  // Two names of one file stay two names of one file.
  const copies = new Map<Node, Node>();
  for (const [path, node] of from ?? []) {
    inodes = Math.max(inodes, node.inode);
    const copy: Node =
      copies.get(node) ??
      (node.kind === 'file' ? { ...node, data: Buffer.from(node.data.subarray(0, node.size)) } : { ...node });
    copies.set(node, copy);
    nodes.set(path, copy);
  }
  if (from === undefined) nodes.set('/', { kind: 'directory', inode: 0, mode: 0o755, mtimeMs: now(), uid: 0 });

  /** Resolves symlinks; `last` says whether the final name is resolved too. */
  const real = (path: string, last = true, depth = 0): string => {
    if (depth > 32) throw errno('ELOOP');
    const parts = posix.resolve('/', path).split('/').filter(Boolean);
    let at = '';
    for (const [index, part] of parts.entries()) {
      const next = `${at}/${part}`;
      const node = nodes.get(next);
      if (node?.kind === 'symlink' && (last || index < parts.length - 1)) {
        const rest = parts.slice(index + 1).join('/');
        return real(posix.join(posix.resolve(at === '' ? '/' : at, node.target), rest), last, depth + 1);
      }
      at = next;
    }
    return at === '' ? '/' : at;
  };
  const act = <T>(what: string, path: string, run: () => T, writes = true): Promise<T> => {
    try {
      const fault = writes ? files.fault?.(what, path) : undefined;
      if (fault !== undefined) throw errno(fault);
      return Promise.resolve(run());
    } catch (cause) {
      return Promise.reject(fileError(cause, what, path));
    }
  };
  const fileAt = (path: string): FileNode => {
    const node = nodes.get(real(path));
    if (node === undefined) throw errno('ENOENT');
    if (node.kind !== 'file') throw errno('EISDIR');
    return node;
  };
  const parentOf = (path: string): string => {
    const parent = real(posix.dirname(posix.resolve('/', path)));
    const node = nodes.get(parent);
    if (node === undefined) throw errno('ENOENT');
    if (node.kind !== 'directory') throw errno('ENOTDIR');
    return parent;
  };
  const place = (path: string): string => posix.join(parentOf(path), posix.basename(path));
  const newFile = (data: Buffer, mode: number, durable: number): FileNode => ({
    kind: 'file',
    inode: (inodes += 1),
    data,
    size: data.length,
    durable,
    mode,
    mtimeMs: now(),
    uid: 0,
  });
  const below = (dir: string): string[] => {
    const prefix = dir === '/' ? '/' : `${dir}/`;
    return [...nodes.keys()].filter((path) => path.startsWith(prefix) && path !== dir).sort();
  };
  const makeDirs = (dir: string, mode: number): void => {
    let at = '';
    for (const part of posix.resolve('/', dir).split('/').filter(Boolean)) {
      at = real(`${at}/${part}`);
      const node = nodes.get(at);
      if (node === undefined) nodes.set(at, { kind: 'directory', inode: (inodes += 1), mode, mtimeMs: now(), uid: 0 });
      else if (node.kind !== 'directory') throw errno('EEXIST');
    }
  };
  const tooLarge = (node: FileNode, maxBytes: number): void => {
    if (node.size > maxBytes) throw errno('EFBIG');
  };

  const files: FakeFiles = {
    fault: undefined,
    freeBytes: 2 ** 40,
    put: (path, data, mode = 0o644) => {
      makeDirs(posix.dirname(posix.resolve('/', path)), 0o755);
      const bytes = Buffer.from(data);
      nodes.set(real(path), newFile(bytes, mode, bytes.length));
    },
    peek: (path) => {
      const node = nodes.get(real(path));
      return node?.kind === 'file' ? Buffer.from(content(node)) : undefined;
    },
    tree: (dir) => below(posix.resolve('/', dir)),
    fork: (at) => createFakeFiles(at, nodes),
    crash: (keep = () => 0) => {
      for (const [path, node] of nodes) {
        if (node.kind !== 'file' || node.durable >= node.size) continue;
        node.size = node.durable + Math.floor((node.size - node.durable) * keep(path));
        node.durable = node.size;
      }
    },
    read: (path, maxBytes = 64 * 1024 ** 2) =>
      act('read', path, () => (tooLarge(fileAt(path), maxBytes), Buffer.from(content(fileAt(path)))), false),
    readText: (path, maxBytes = 64 * 1024 ** 2) =>
      act('read', path, () => (tooLarge(fileAt(path), maxBytes), content(fileAt(path)).toString('utf8')), false),
    exists: (path) => act('look at', path, () => nodes.has(real(path)), false),
    stat: (path) =>
      act(
        'look at',
        path,
        () => {
          const node = nodes.get(real(path));
          return node === undefined ? undefined : nodeFacts(path, node);
        },
        false,
      ),
    lstat: (path) =>
      act(
        'look at',
        path,
        () => {
          const node = nodes.get(real(path, false));
          return node === undefined ? undefined : nodeFacts(path, node);
        },
        false,
      ),
    realpath: (path) =>
      act(
        'resolve',
        path,
        () => {
          if (!nodes.has(real(path))) throw errno('ENOENT');
          return real(path);
        },
        false,
      ),
    list: (dir) =>
      act(
        'list',
        dir,
        () => {
          const at = real(dir);
          const node = nodes.get(at);
          if (node === undefined) throw errno('ENOENT');
          if (node.kind !== 'directory') throw errno('ENOTDIR');
          return below(at)
            .filter((path) => posix.dirname(path) === at)
            .map((path) => posix.basename(path));
        },
        false,
      ),
    makeDir: (dir, mode = 0o700) => act('create folder', dir, () => makeDirs(dir, mode)),
    whyNotWritable: async (dir) => {
      const fault = files.fault?.('create', dir);
      return fault === undefined ? undefined : fileError(errno(fault), 'write to', dir).message;
    },
    writeAtomic: (path, data, mode = 0o600) =>
      act('write', path, () => {
        const bytes = Buffer.from(data);
        const at = place(path);
        if (nodes.get(at)?.kind === 'directory') throw errno('EISDIR');
        nodes.set(at, newFile(bytes, mode, bytes.length));
      }),
    createNew: (path, data, mode = 0o600) =>
      act('create', path, () => {
        const at = place(path);
        if (nodes.has(at)) return false;
        const bytes = Buffer.from(data);
        nodes.set(at, newFile(bytes, mode, bytes.length));
        return true;
      }),
    linkNew: (existing, path) =>
      act('link', path, () => {
        const node = nodes.get(real(existing, false));
        if (node === undefined) throw errno('ENOENT');
        if (node.kind !== 'file') return 'impossible' as const;
        const at = place(path);
        if (nodes.has(at)) return 'taken' as const;
        nodes.set(at, node);
        return 'made' as const;
      }),
    createExclusive: (path, mode = 0o600) =>
      act('create', path, (): Writable => {
        const at = place(path);
        if (nodes.has(at)) throw errno('EEXIST');
        const node = newFile(Buffer.alloc(0), mode, 0);
        nodes.set(at, node);
        return new Writable({
          write: (chunk: Buffer, _encoding, done) => {
            const fault = files.fault?.('write', path);
            if (fault !== undefined) return done(fileError(errno(fault), 'write', path));
            grow(node, chunk, now());
            done();
          },
        });
      }),
    open: (path) =>
      act(
        'open',
        path,
        (): RandomAccessFile => {
          const node = fileAt(path);
          const close = (): Promise<void> => Promise.resolve();
          return {
            path,
            sizeBytes: node.size,
            read: (offset, length) =>
              act('read', path, () => Buffer.from(content(node).subarray(offset, offset + length)), false),
            close,
            [Symbol.asyncDispose]: close,
          };
        },
        false,
      ),
    stream: (path, range) => {
      const node = nodes.get(real(path));
      if (node?.kind !== 'file') {
        return new Readable({
          read() {
            this.destroy(fileError(errno(node === undefined ? 'ENOENT' : 'EISDIR'), 'read', path));
          },
        });
      }
      const end = range === undefined ? node.size : range.end + 1;
      return Readable.from([Buffer.from(content(node).subarray(range?.start ?? 0, end))], { objectMode: false });
    },
    openAppend: (path, mode = 0o600) =>
      act('open for appending', path, (): AppendFile => {
        const at = place(path);
        let node = nodes.get(at);
        if (node === undefined) nodes.set(at, (node = newFile(Buffer.alloc(0), mode, 0)));
        if (node.kind === 'symlink') throw errno('ELOOP');
        if (node.kind === 'directory') throw errno('EISDIR');
        const file = node;
        const close = (): Promise<void> => Promise.resolve();
        return {
          append: (data) => act('append to', path, () => grow(file, Buffer.from(data), now())),
          sync: () => act('sync', path, () => void (file.durable = file.size)),
          close,
          [Symbol.asyncDispose]: close,
        };
      }),
    truncate: (path, sizeBytes) =>
      act('cut', path, () => {
        const node = fileAt(path);
        if (sizeBytes > node.size) grow(node, Buffer.alloc(sizeBytes - node.size), now());
        node.size = sizeBytes;
        node.durable = Math.min(node.durable, sizeBytes);
        node.mtimeMs = now();
      }),
    rename: (from, to) =>
      act('rename to', to, () => {
        const source = real(from, false);
        const node = nodes.get(source);
        if (node === undefined) throw errno('ENOENT');
        const target = place(to);
        if (node.kind === 'directory' && below(target).length > 0) throw errno('ENOTEMPTY');
        for (const path of below(source)) {
          const inner = nodes.get(path);
          nodes.delete(path);
          if (inner !== undefined) nodes.set(target + path.slice(source.length), inner);
        }
        nodes.delete(source);
        nodes.set(target, node);
      }),
    remove: (path) =>
      act('remove', path, () => {
        const at = real(path, false);
        if (nodes.get(at)?.kind === 'directory') throw errno('EISDIR');
        nodes.delete(at);
      }),
    removeTree: (dir) =>
      act('remove', dir, () => {
        const at = real(dir, false);
        for (const path of below(at)) nodes.delete(path);
        if (at !== '/') nodes.delete(at);
      }),
    removeEmptyDir: (dir) =>
      act('remove', dir, () => {
        const at = real(dir, false);
        if (nodes.get(at)?.kind !== 'directory' || below(at).length > 0) return false;
        return nodes.delete(at);
      }),
    syncDir: (path) => act('sync', path, () => undefined),
    syncFile: (path) =>
      act('sync', path, () => {
        const node = nodes.get(real(path));
        if (node === undefined) throw errno('ENOENT');
        if (node.kind === 'file') node.durable = node.size;
      }),
    space: (path) =>
      act('measure space of', path, () => ({ freeBytes: files.freeBytes, totalBytes: 2 ** 41, fsType: 'ext' }), false),
    makeTempDir: (prefix, parent = '/tmp') =>
      act('create folder in', parent, () => {
        if (parent === '/tmp') makeDirs('/tmp', 0o777);
        const path = place(posix.join(parent, `${prefix}${String((temps += 1)).padStart(6, '0')}`));
        makeDirs(path, 0o700);
        return path;
      }),
    symlink: (target, path) =>
      act('link', path, () => {
        const at = place(path);
        if (nodes.has(at)) throw errno('EEXIST');
        nodes.set(at, { kind: 'symlink', inode: (inodes += 1), target });
      }),
    readLink: (path) =>
      act(
        'read link',
        path,
        () => {
          const node = nodes.get(real(path, false));
          if (node?.kind !== 'symlink') throw errno(node === undefined ? 'ENOENT' : 'EINVAL');
          return node.target;
        },
        false,
      ),
    touch: (path) =>
      act('touch', path, () => {
        fileAt(path).mtimeMs = now();
      }),
  };
  return files;
}
