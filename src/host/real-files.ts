import { randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { BigIntStats, Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { DroverError } from '../lib/error.js';
import { fileError } from './os-errors.js';
import type { AppendFile, FileFacts, Files, RandomAccessFile } from './ports.js';

const FS_TYPES: Readonly<Record<number, string>> = {
  0xef53: 'ext',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x6969: 'nfs',
  0xff534d42: 'cifs',
  0xfe534d42: 'smb2',
  0x65735546: 'fuse',
  0x794c7630: 'overlay',
  0x00c36400: 'ceph',
  0x01021997: '9p',
  0x2fc12fc1: 'zfs',
};

function kindOf(s: Stats | BigIntStats): FileFacts['kind'] {
  if (s.isFile()) return 'file';
  if (s.isDirectory()) return 'directory';
  if (s.isSymbolicLink()) return 'symlink';
  return s.isBlockDevice() ? 'block' : 'other';
}

function facts(path: string, s: BigIntStats): FileFacts {
  return {
    path,
    kind: kindOf(s),
    sizeBytes: Number(s.size),
    allocatedBytes: Number(s.blocks) * 512,
    mtimeNs: s.mtimeNs.toString(),
    inode: s.ino.toString(),
    device: s.dev.toString(),
    mode: Number(s.mode) & 0o7777,
    uid: Number(s.uid),
  };
}

async function attempt<T>(act: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw fileError(cause, act, path);
  }
}

/** What a file system answers where nothing is, or where nothing by such a name can be. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);

/** Undefined for a normal absence, a located error for everything else. */
async function orAbsent<T>(path: string, run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    if (ABSENT.has(errno ?? '')) return undefined;
    throw fileError(cause, 'look at', path);
  }
}

async function readFull(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Throws unless it is something with an end that can be read at any place: a pipe waits, `/dev/zero` never ends. */
function mustBeFile(path: string, s: Stats): void {
  if (s.isFile() || s.isBlockDevice()) return;
  const what = s.isDirectory() ? 'a folder' : s.isFIFO() ? 'a pipe' : s.isSocket() ? 'a socket' : 'a device';
  throw new DroverError({
    code: 'file.wrong-kind',
    message: `${path} is ${what}, not a file`,
    details: { path, kind: kindOf(s) },
  });
}

async function openRandom(path: string): Promise<RandomAccessFile> {
  // Looked at before it is opened, because opening some devices has effects; and after, because it may have changed.
  mustBeFile(path, await attempt('open', path, () => fs.stat(path)));
  // Without O_NONBLOCK, opening a pipe waits for somebody who writes into it.
  const handle = await attempt('open', path, () => fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  const close = async (): Promise<void> => handle.close();
  try {
    const found = await handle.stat();
    mustBeFile(path, found);
    return {
      path,
      sizeBytes: found.size,
      read: (offset, length) => attempt('read', path, () => readFull(handle, offset, length)),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (cause) {
    await close();
    throw fileError(cause, 'open', path);
  }
}

async function openAppend(path: string, mode: number): Promise<AppendFile> {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const handle = await attempt('open for appending', path, () => fs.open(path, flags, mode));
  const close = async (): Promise<void> => handle.close();
  return {
    append: (data) => attempt('append to', path, () => handle.appendFile(data)),
    sync: () => attempt('sync', path, () => handle.datasync()),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function syncPath(path: string): Promise<void> {
  await attempt('sync', path, async () => {
    const handle = await fs.open(path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

async function writeAtomic(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  const temp = join(dirname(path), `.${basename(path)}.part-${randomBytes(6).toString('hex')}`);
  await attempt('write', path, async () => {
    const handle = await fs.open(temp, 'wx', mode);
    try {
      await handle.writeFile(data);
      await handle.sync();
    } catch (cause) {
      await handle.close();
      await fs.rm(temp, { force: true });
      throw cause;
    }
    await handle.close();
    try {
      await fs.rename(temp, path);
    } catch (cause) {
      await fs.rm(temp, { force: true });
      throw cause;
    }
  });
  await syncPath(dirname(path));
}

async function createNew(path: string, data: string | Uint8Array, mode: number): Promise<boolean> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  let handle: FileHandle;
  try {
    handle = await fs.open(path, flags, mode);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw fileError(cause, 'create', path);
  }
  try {
    await handle.writeFile(data);
  } catch (cause) {
    // A lock without its content says nothing about its holder.
    await fs.rm(path, { force: true });
    throw fileError(cause, 'create', path);
  } finally {
    await handle.close();
  }
  return true;
}

/** What a file system answers that has no hard links, not between these places, or no more for this file. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);

async function linkNew(existing: string, path: string): Promise<'made' | 'taken' | 'impossible'> {
  try {
    await fs.link(existing, path);
    return 'made';
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? '';
    if (errno === 'EEXIST') return 'taken';
    if (NO_LINK.has(errno)) return 'impossible';
    throw fileError(cause, 'link', path);
  }
}

async function removeEmptyDir(dir: string): Promise<boolean> {
  try {
    await fs.rmdir(dir);
    return true;
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? '';
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errno)) return false;
    throw fileError(cause, 'remove', dir);
  }
}

function tooLarge(path: string, has: string, maxBytes: number): DroverError {
  return new DroverError({
    code: 'file.too-large',
    message: `${path} has ${has} bytes; at most ${maxBytes} are read here`,
    details: { path, maxBytes },
  });
}

const PIECE = 64 * 1024;

async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  await using file = await openRandom(path);
  if (file.sizeBytes > maxBytes) throw tooLarge(path, String(file.sizeBytes), maxBytes);
  // Without `await` the file would be closed under the reading.
  if (file.sizeBytes > 0) return await file.read(0, file.sizeBytes);
  // A file in /proc says 0 and holds more.
  const pieces: Buffer[] = [];
  let total = 0;
  for (;;) {
    const piece = await file.read(total, PIECE);
    pieces.push(piece);
    total += piece.length;
    if (total > maxBytes) throw tooLarge(path, `more than ${maxBytes}`, maxBytes);
    if (piece.length < PIECE) return Buffer.concat(pieces);
  }
}

/** The files of this machine. */
export function createFiles(): Files {
  return {
    read: (path, maxBytes = 64 * 1024 ** 2) => readBounded(path, maxBytes),
    readText: async (path, maxBytes = 64 * 1024 ** 2) => (await readBounded(path, maxBytes)).toString('utf8'),
    exists: async (path) => (await orAbsent(path, () => fs.stat(path))) !== undefined,
    stat: async (path) => {
      const s = await orAbsent(path, () => fs.stat(path, { bigint: true }));
      return s === undefined ? undefined : facts(path, s);
    },
    lstat: async (path) => {
      const s = await orAbsent(path, () => fs.lstat(path, { bigint: true }));
      return s === undefined ? undefined : facts(path, s);
    },
    realpath: (path) => attempt('resolve', path, () => fs.realpath(path)),
    list: async (dir) => (await attempt('list', dir, () => fs.readdir(dir))).sort(),
    makeDir: async (dir, mode = 0o700) => {
      await attempt('create folder', dir, () => fs.mkdir(dir, { recursive: true, mode }));
    },
    whyNotWritable: async (dir) => {
      try {
        await fs.access(dir, constants.W_OK | constants.X_OK);
        return undefined;
      } catch (cause) {
        return fileError(cause, 'write to', dir).message;
      }
    },
    writeAtomic: (path, data, mode = 0o600) => writeAtomic(path, data, mode),
    createNew: (path, data, mode = 0o600) => createNew(path, data, mode),
    linkNew,
    createExclusive: async (path, mode = 0o600) => {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const handle = await attempt('create', path, () => fs.open(path, flags, mode));
      return handle.createWriteStream();
    },
    open: openRandom,
    stream: (path, range) => createReadStream(path, { highWaterMark: 1024 ** 2, ...range }),
    openAppend: (path, mode = 0o600) => openAppend(path, mode),
    truncate: (path, size) => attempt('cut', path, () => fs.truncate(path, size)),
    rename: (from, to) => attempt('rename to', to, () => fs.rename(from, to)),
    remove: async (path) => {
      await attempt('remove', path, () => orAbsent(path, () => fs.unlink(path)));
    },
    removeTree: (dir) => attempt('remove', dir, () => fs.rm(dir, { recursive: true, force: true })),
    removeEmptyDir: (dir) => removeEmptyDir(dir),
    syncDir: syncPath,
    syncFile: syncPath,
    space: async (path) => {
      const s = await attempt('measure space of', path, () => fs.statfs(path));
      return {
        freeBytes: s.bavail * s.bsize,
        totalBytes: s.blocks * s.bsize,
        fsType: FS_TYPES[s.type] ?? `0x${s.type.toString(16)}`,
      };
    },
    makeTempDir: (prefix, parent = tmpdir()) =>
      attempt('create folder in', parent, () => fs.mkdtemp(join(parent, prefix))),
    symlink: (target, path) => attempt('link', path, () => fs.symlink(target, path)),
    readLink: (path) => attempt('read link', path, () => fs.readlink(path)),
    touch: (path) =>
      attempt('touch', path, async () => {
        const now = new Date();
        await fs.utimes(path, now, now);
      }),
  };
}
