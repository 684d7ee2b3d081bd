/** A folder in which a real guest is moved by the built command line, and what can be asked about it afterwards. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { buildGuest } from '../guests/index.mjs';
import type { RecipeName } from '../guests/index.mjs';
import { drover, startDrover } from './cli.js';
import type { Running, Said } from './cli.js';

/** An event as the engine writes it. */
interface SeenEvent {
  readonly type: string;
  readonly stage?: string;
  readonly data: { readonly from?: string; readonly to?: string };
}

export interface TrialGround {
  readonly dir: string;
  /** The source disk; nothing may ever change it. */
  readonly source: string;
  /** Writes the playbook again with other settings of the machine. */
  write(overrides: string, out?: string): Promise<void>;
  run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Said>;
  start(args: readonly string[], env?: NodeJS.ProcessEnv): Running;
  /** Events of all runs in the state folder, oldest run first. */
  events(): Promise<readonly SeenEvent[]>;
  /** Waits until a stage begins to run in a process that was started just now. */
  untilRunning(stage: string, running: Running): Promise<void>;
  /** Command lines of living processes that name this folder. */
  processes(): Promise<readonly string[]>;
  /** All files below a folder of the ground. */
  files(folder: string): Promise<readonly string[]>;
  remove(): Promise<void>;
}

/** Settings that the guest `demo` needs; `level` is how far it is proven. */
export function demoSettings(level: string, more = ''): string {
  return `firmware: bios, memory: 1GiB, cpus: 2, nics: { "0": { mac: "00:50:56:3a:5b:7c", network: default } }, validate: { level: ${level} }${more}`;
}

/** Prepares a folder with `images/web01.vmdk` and `first.yaml`. */
export async function trialGround(recipe: RecipeName = 'demo'): Promise<TrialGround> {
  const dir = await mkdtemp(join(process.env['DROVER_TEST_TMP'] ?? tmpdir(), 'drover-e2e-'));
  const source = join(dir, 'images', 'web01.vmdk');
  await mkdir(join(dir, 'images'));
  const guest = await buildGuest(recipe, { format: 'vmdk' });
  await copyFile(guest.disks[0] ?? '', source);

  const events = async (): Promise<SeenEvent[]> => {
    const runs = join(dir, '.drover', 'runs');
    const found: SeenEvent[] = [];
    for (const run of (await readdir(runs).catch(() => [])).sort()) {
      const text = await readFile(join(runs, run, 'events.ndjson'), 'utf8').catch(() => '');
      // The last line may be half written.
      const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
      found.push(...lines.filter(Boolean).map((line) => JSON.parse(line) as SeenEvent));
    }
    return found;
  };
  const files = async (folder: string): Promise<string[]> => {
    const entries = await readdir(join(dir, folder), { withFileTypes: true, recursive: true }).catch(() => []);
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  };
  return {
    dir,
    source,
    files,
    events,
    write: (overrides, out = './out') =>
      writeFile(
        join(dir, 'first.yaml'),
        `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: first }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ${out} } }
waves:
  - name: all
    vms:
      - { name: web01, source: images, target: here, disks: [web01.vmdk], overrides: { ${overrides} } }
`,
      ),
    run: (args, env) => drover(dir, args, env),
    start: (args, env) => startDrover(dir, args, env),
    untilRunning: async (stage, running) => {
      const before = (await events()).length;
      const begins = (event: SeenEvent): boolean =>
        event.type === 'task.state' && event.stage === stage && event.data.to === 'running';
      while (!(await events()).slice(before).some(begins)) {
        if (running.child.exitCode !== null) {
          throw new Error(`it ended with ${running.child.exitCode} before ${stage}: ${running.err()}`);
        }
        await new Promise((next) => setTimeout(next, 20));
      }
    },
    processes: async () => {
      const found: string[] = [];
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
        const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
        if (words.includes(dir)) found.push(words.slice(0, 200));
      }
      return found;
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** SHA-256 of a file. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Waits for something that is about to become true. */
export async function until(check: () => Promise<boolean>, what: string, ms = 15_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`it did not happen in time: ${what}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
