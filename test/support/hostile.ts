/** A folder in which the built command line meets what it must refuse, and the promises that hold for every refusal. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  openSync,
  readSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { startDrover } from './cli.js';
import type { Said } from './cli.js';

/** Nothing hostile may hold a command for longer; on an idle machine they take a fraction of it. */
const LIMIT_MS = 10_000;

export interface HostileGround {
  readonly dir: string;
  path(name: string): string;
  /** Writes a file, with the folders that it needs. */
  put(name: string, data: Uint8Array | string): string;
  /** A pipe, a socket or a device node. */
  special(kind: 'pipe' | 'socket' | 'device', name: string): string;
  /** Runs a command; one that takes longer than the limit is killed, and `code` is null then. */
  drover(args: readonly string[], limitMs?: number): Promise<Said>;
  remove(): void;
}

/** @param folder a name for a folder within the fresh one, for names that are trouble themselves */
export function hostileGround(folder = ''): HostileGround {
  const root = mkdtempSync(join(tmpdir(), 'drover-hostile-'));
  const dir = join(root, folder);
  const path = (name: string): string => join(dir, name);
  mkdirSync(path('images'), { recursive: true });
  return {
    dir,
    path,
    put(name, data) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), data);
      return path(name);
    },
    special(kind, name) {
      // No API of Node makes these; a bound socket stays behind when its process is gone.
      const program = {
        pipe: ['mkfifo', path(name)],
        device: ['mknod', path(name), 'c', '1', '5'],
        socket: [
          process.execPath,
          '-e',
          `require('net').createServer().listen(${JSON.stringify(path(name))}, () => process.kill(process.pid, 'SIGKILL'))`,
        ],
      }[kind];
      spawnSync(program[0] ?? '', program.slice(1));
      lstatSync(path(name));
      return path(name);
    },
    async drover(args, limitMs = LIMIT_MS) {
      const running = startDrover(dir, args);
      const timer = setTimeout(() => running.child.kill('SIGKILL'), limitMs);
      try {
        return await running.ended;
      } finally {
        clearTimeout(timer);
      }
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** SHA-256 of a file; of its first megabyte where it is large, which only files full of holes are here. */
function digest(path: Buffer, sizeBytes: number): string {
  const bytes = Buffer.alloc(sizeBytes > 512 * 1024 ** 2 ? 1024 ** 2 : sizeBytes);
  const descriptor = openSync(path, 'r');
  readSync(descriptor, bytes, 0, bytes.length, 0);
  closeSync(descriptor);
  return createHash('sha256').update(bytes).digest('hex');
}

/** What is in a folder: kinds, sizes, times, digests and targets of links. Opens ordinary files only. */
export function census(folder: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const walk = (at: Buffer, shown: string): void => {
    // Names as bytes: not all of them are text.
    for (const name of readdirSync(at, { encoding: 'buffer' })) {
      const path = Buffer.concat([at, Buffer.from('/'), name]);
      const label = `${shown}/${name.toString('latin1')}`;
      const facts = lstatSync(path, { bigint: true });
      if (facts.isDirectory()) walk(path, label);
      const content = facts.isFile()
        ? digest(path, Number(facts.size))
        : facts.isSymbolicLink()
          ? readlinkSync(path)
          : '';
      // Not the blocks: file systems give them out some time after the writing.
      found[label] = `${facts.mode.toString(8)} ${facts.size} ${facts.mtimeNs} ${content}`;
    }
  };
  walk(Buffer.from(folder), '');
  return found;
}

/** Command lines of living processes that name a folder. */
export function processesNaming(folder: string): readonly string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let words = '';
    try {
      words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      // It ended meanwhile.
    }
    if (words.includes(folder)) found.push(words);
  }
  return found;
}

/** What holds for every command that refuses, whatever it refuses. */
export function expectPolite(ground: HostileGround, said: Said, code: number): void {
  const text = said.out + said.err;
  expect(said.code, `exit code; null means that it was stopped after ${LIMIT_MS} ms\n${text.slice(0, 4000)}`).toBe(
    code,
  );
  expect(text).not.toContain('internal.');
  expect(text, 'no stack trace').not.toMatch(/^\s+at .*[(:]\d+|node:internal/m);
  expect(text, 'nothing that steers a terminal').not.toMatch(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u);
  expect(readdirSync(ground.dir), 'no output').not.toContain('out');
  expect(processesNaming(ground.dir)).toEqual([]);
}
