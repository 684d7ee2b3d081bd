/**
 * Lock files: taking one, breaking one whose holder is gone, holding many. Names in one folder are hard links to one
 * file, so that thousands of locks are taken by one call each and one touch shows that their holder lives.
 */
import { dirname } from 'node:path';
import type { FileFacts, Host, MachineFacts, RandomAccessFile } from '../host/index.js';
import { DroverError } from '../lib/error.js';

/** A holder on another machine that has been silent for longer may be taken for gone, by order. */
export const SILENT_MS = 60_000;
/** A lock file without readable content is being written, or its writer died in between. */
const UNREADABLE_MS = 5_000;
/** What a holder says is far shorter. */
const MAX_LOCK_BYTES = 64 * 1024;
/** So often a lock may be snatched away before it counts as held. */
const TURNS = 8;

/** What a lock file says about its holder. */
export interface LockHolder {
  readonly runId: string;
  readonly host: string;
  readonly user: string;
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
  readonly ts: string;
}

interface FoundLock {
  readonly holder: LockHolder | undefined;
  /** Time since the last sign of life. */
  readonly ageMs: number;
}

function isHolder(value: unknown): value is LockHolder {
  const holder = value as Partial<LockHolder> | null;
  return typeof holder === 'object' && typeof holder?.pid === 'number' && typeof holder.startTicks === 'string';
}

/** Who holds a lock file, or undefined when there is no such file. */
export async function readLock(host: Host, path: string): Promise<FoundLock | undefined> {
  const facts = await host.files.stat(path);
  return facts === undefined ? undefined : readFound(host, facts);
}

async function readFound(host: Host, facts: FileFacts): Promise<FoundLock | undefined> {
  const ageMs = host.clock.now() - Number(BigInt(facts.mtimeNs) / 1_000_000n);
  try {
    const value = JSON.parse(await host.files.readText(facts.path, MAX_LOCK_BYTES)) as unknown;
    return { holder: isHolder(value) ? value : undefined, ageMs };
  } catch (cause) {
    if (cause instanceof DroverError && cause.code === 'file.not-found') return undefined;
    return { holder: undefined, ageMs };
  }
}

/** Whether the process behind a lock is alive; undefined when it ran on another machine and cannot be asked. */
export async function isHolderAlive(host: Host, facts: MachineFacts, holder: LockHolder): Promise<boolean | undefined> {
  return holder.host === facts.hostname ? host.isAlive(holder) : undefined;
}

function heldError(path: string, holder: LockHolder | undefined, isForeign: boolean): DroverError {
  const who =
    holder === undefined
      ? 'by a process that has not said who it is'
      : `by run ${holder.runId} of ${holder.user} on ${holder.host} (pid ${holder.pid})`;
  return new DroverError({
    code: 'lock.held',
    message: `${path} is held ${who}`,
    ...(isForeign
      ? { hint: 'It ran on another machine. When you are sure that it is gone there, use --break-lock.' }
      : {}),
    details: { path, ...(holder === undefined ? {} : { run: holder.runId, host: holder.host, user: holder.user }) },
  });
}

/** The same file, and nobody has shown that he lives in between. */
function sameMoment(facts: FileFacts): string {
  return `${facts.device}:${facts.inode}:${facts.mtimeNs}`;
}

function sameFile(facts: FileFacts): string {
  return `${facts.device}:${facts.inode}`;
}

/** A file that names in its folder are linked to. It is kept open, so that its number is not given to another file. */
interface Anchor {
  readonly path: string;
  readonly file: string;
  readonly open: RandomAccessFile;
}

/** Takes and holds lock files for one holder. */
export class LockFiles {
  readonly #host: Host;
  readonly #facts: MachineFacts;
  readonly #text: string;
  readonly #breakLock: boolean;
  readonly #anchors: Anchor[] = [];
  /** By folder; undefined where hard links are not to be had. */
  readonly #anchorOf = new Map<string, Anchor | undefined>();
  /** What is held: the file behind each path, or `alone` for one that has no other name and is known by its text. */
  readonly #held = new Map<string, Anchor | 'alone'>();
  readonly #gone = new Set<string>();

  constructor(host: Host, facts: MachineFacts, holder: LockHolder, breakLock: boolean) {
    this.#host = host;
    this.#facts = facts;
    this.#text = `${JSON.stringify(holder)}\n`;
    this.#breakLock = breakLock;
  }

  get paths(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** Takes one lock, breaking it when its holder is gone. Throws `lock.held`. */
  async take(path: string): Promise<void> {
    for (let turn = 0; ; turn += 1) {
      if (await this.#make(path)) return;
      const facts = await this.#host.files.stat(path);
      if (facts === undefined) continue;
      await this.#refuseLiving(path, facts, turn);
      await this.#breakStale(path, facts);
    }
  }

  /** Creates the lock file unless there is one. */
  async #make(path: string): Promise<boolean> {
    const { files } = this.#host;
    const dir = dirname(path);
    const anchor = this.#anchorOf.get(dir);
    if (anchor !== undefined) {
      const linked = await files.linkNew(anchor.path, path);
      if (linked !== 'impossible') {
        if (linked === 'made') this.#held.set(path, anchor);
        return linked === 'made';
      }
      this.#anchorOf.set(dir, undefined);
    }
    if (!(await files.createNew(path, this.#text))) return false;
    const facts = await files.stat(path);
    // Gone already: somebody took it for a stale one. The next heartbeat would say the same.
    if (facts === undefined) throw heldError(path, undefined, false);
    if (this.#anchorOf.has(dir)) {
      this.#held.set(path, 'alone');
      return true;
    }
    const made = { path, file: sameFile(facts), open: await files.open(path) };
    this.#anchors.push(made);
    this.#anchorOf.set(dir, made);
    this.#held.set(path, made);
    return true;
  }

  async #refuseLiving(path: string, facts: FileFacts, turn: number): Promise<void> {
    if (turn < TURNS && this.#gone.has(sameMoment(facts))) return;
    const found = await readFound(this.#host, facts);
    if (found === undefined) return;
    const { holder, ageMs } = found;
    const alive = holder === undefined ? undefined : await isHolderAlive(this.#host, this.#facts, holder);
    const isForeign = holder !== undefined && alive === undefined;
    const isStale =
      holder === undefined ? ageMs > UNREADABLE_MS : isForeign ? this.#breakLock && ageMs > SILENT_MS : alive === false;
    if (!isStale || turn >= TURNS) throw heldError(path, holder, isForeign);
    // The dead stay dead: other names of the same file need not be asked about.
    if (alive === false) this.#gone.add(sameMoment(facts));
  }

  /** Moves a stale lock away, and back when it turns out that somebody else has just replaced it. */
  async #breakStale(path: string, expected: FileFacts): Promise<void> {
    const { files, random } = this.#host;
    const aside = `${path}.stale-${random.base32(8)}`;
    try {
      await files.rename(path, aside);
      const found = await files.stat(aside);
      if (found !== undefined && sameMoment(found) !== sameMoment(expected)) await files.linkNew(aside, path);
      await files.remove(aside);
    } catch (cause) {
      if (!(cause instanceof DroverError) || cause.code !== 'file.not-found') throw cause;
    }
  }

  /** Whether a lock that was taken is still there and ours. */
  async isHeld(path: string): Promise<boolean> {
    const held = this.#held.get(path);
    if (held === undefined) return false;
    // A file that is not kept open may be gone and its number be that of another holder's lock.
    if (held === 'alone') return (await this.#textOf(path)) === this.#text;
    const facts = await this.#host.files.stat(path);
    return facts !== undefined && sameFile(facts) === held.file;
  }

  /** The text of a lock file, or undefined when there is none. */
  async #textOf(path: string): Promise<string | undefined> {
    try {
      return await this.#host.files.readText(path, MAX_LOCK_BYTES);
    } catch (cause) {
      if (cause instanceof DroverError && cause.code === 'file.not-found') return undefined;
      throw cause;
    }
  }

  /** Shows everybody that the holder lives. */
  async touch(): Promise<void> {
    const alone = [...this.#held].filter(([, held]) => held === 'alone');
    for (const path of [...this.#anchors.map((anchor) => anchor.path), ...alone.map(([name]) => name)]) {
      await this.#host.files.touch(path).catch((cause: unknown) => {
        // Gone: asking whether it is held will tell.
        if (!(cause instanceof DroverError) || cause.code !== 'file.not-found') throw cause;
      });
    }
  }

  /** Removes a lock file if it is still ours. */
  async giveBack(path: string): Promise<void> {
    if (await this.isHeld(path)) await this.#host.files.remove(path);
    this.#held.delete(path);
  }

  /** To be called when everything is given back. */
  async close(): Promise<void> {
    for (const { open } of this.#anchors.splice(0)) await open.close();
    this.#anchorOf.clear();
  }
}
