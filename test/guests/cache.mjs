/**
 * The on-disk cache of built guests: `${XDG_CACHE_HOME:-~/.cache}/drover-test/<name>-<hash>/`.
 * An entry appears by one rename, so it is either whole or absent; parallel callers build it once.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { toolEnv } from './run.mjs';

const keepUnusedMs = 7 * 24 * 3600 * 1000;

/** @returns {string} */
export function cacheRoot() {
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'drover-test');
}

/**
 * Hash over values and over the source files that turn them into an image, so that editing either rebuilds.
 * @param {unknown} value JSON-safe
 * @param {readonly string[]} sourceFiles names beside this file
 * @returns {Promise<string>} 12 hex digits
 */
export async function contentHash(value, sourceFiles) {
  const hash = createHash('sha256').update(JSON.stringify(value));
  for (const file of sourceFiles) hash.update(await readFile(new URL(file, import.meta.url)));
  return hash.digest('hex').slice(0, 12);
}

/**
 * Returns the directory of a cache entry, building it first when it is absent.
 * @param {string} name what the entry is, e.g. `disk-demo`
 * @param {string} hash
 * @param {(dir: string) => Promise<void>} build fills an empty directory
 * @returns {Promise<string>}
 */
export async function cached(name, hash, build) {
  const root = cacheRoot();
  const entry = path.join(root, `${name}-${hash}`);
  if (!existsSync(entry)) {
    const locks = path.join(root, 'locks');
    await mkdir(locks, { recursive: true });
    // Lock files stay: removing one while others wait on it would let two builders in.
    const unlock = await lock(path.join(locks, `${name}-${hash}`));
    try {
      if (!existsSync(entry)) await buildEntry(entry, build);
    } finally {
      await unlock();
    }
  }
  await utimes(entry, new Date(), new Date());
  await prune(root, name, entry);
  return entry;
}

/**
 * @param {string} entry
 * @param {(dir: string) => Promise<void>} build
 */
async function buildEntry(entry, build) {
  const part = `${entry}.part`;
  // Left by a build that was killed; the lock says that nobody works in it now.
  await rm(part, { recursive: true, force: true });
  await mkdir(part);
  try {
    await build(part);
    await rename(part, entry);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/**
 * Removes older builds of the same thing that nobody asked for in a week.
 * @param {string} root
 * @param {string} name
 * @param {string} keep
 */
async function prune(root, name, keep) {
  const pattern = new RegExp(`^${name}-[0-9a-f]{12}$`);
  for (const other of await readdir(root)) {
    const dir = path.join(root, other);
    if (dir === keep || !pattern.test(other)) continue;
    const info = await stat(dir).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > keepUnusedMs) await rm(dir, { recursive: true, force: true });
  }
}

/**
 * Takes an exclusive lock that the kernel releases if this process dies: flock(1) holds it for as long as its
 * stdin, a pipe from us, stays open.
 * @param {string} file
 * @returns {Promise<() => Promise<void>>} releases the lock
 */
function lock(file) {
  return new Promise((resolve, reject) => {
    const holder = spawn('flock', [file, 'sh', '-c', 'echo held; cat >/dev/null'], {
      env: toolEnv,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    /** @type {Promise<void>} */
    const ended = new Promise((done) => holder.on('close', () => done()));
    holder.on('error', (cause) => reject(new Error(`cannot lock ${file}: ${cause.message}`, { cause })));
    holder.on('close', (code) => reject(new Error(`cannot lock ${file}: flock ended with code ${code}`)));
    holder.stdout.once('data', () =>
      resolve(() => {
        holder.stdin.end();
        return ended;
      }),
    );
  });
}
