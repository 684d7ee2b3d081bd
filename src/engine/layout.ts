/** Where everything lies in the state folder. Folders are 0700, files 0600. */
import { join } from 'node:path';
import type { Clock, Random } from '../host/index.js';
import { sha256 } from '../lib/canonical-json.js';
import type { PlannedVm } from '../model/graph.js';
import type { StageName } from '../model/stage.js';

export const DIR_MODE = 0o700;
/** Journal and events of the largest run stay far below this. */
export const MAX_RECORDS_BYTES = 4 * 1024 ** 3;

/** Files of a state folder that belong to no single run. */
export interface StatePaths {
  readonly dir: string;
  /** Held for moments only, while locks of machines are taken all or none. */
  readonly lock: string;
  readonly vmLocks: string;
  readonly history: string;
  readonly runs: string;
}

export function statePaths(stateDir: string): StatePaths {
  return {
    dir: stateDir,
    lock: join(stateDir, 'lock'),
    vmLocks: join(stateDir, 'locks', 'vm'),
    history: join(stateDir, 'history.ndjson'),
    runs: join(stateDir, 'runs'),
  };
}

/** Files of one run. */
export interface RunPaths {
  readonly dir: string;
  /** Who works on this run now. */
  readonly lock: string;
  readonly runFile: string;
  readonly plan: string;
  readonly snapshot: string;
  readonly journal: string;
  readonly state: string;
  readonly events: string;
  readonly control: string;
  readonly logs: string;
  /** Why open tasks wait, rewritten every few seconds for `status`. */
  readonly waiting: string;
}

export function runPaths(stateDir: string, runId: string): RunPaths {
  return pathsOfRunDir(join(stateDir, 'runs', runId));
}

export function pathsOfRunDir(dir: string): RunPaths {
  return {
    dir,
    lock: join(dir, 'lock'),
    runFile: join(dir, 'run.json'),
    plan: join(dir, 'plan.json'),
    snapshot: join(dir, 'playbook.snapshot'),
    journal: join(dir, 'journal.ndjson'),
    state: join(dir, 'state.json'),
    events: join(dir, 'events.ndjson'),
    control: join(dir, 'control'),
    logs: join(dir, 'logs'),
    waiting: join(dir, 'waiting.json'),
  };
}

const RUN_ID = /^\d{8}T\d{6}Z-[0-9a-z]{6}$/;

/** UTC time and six random characters: sorts by time, and two runs of the same second differ. */
export function newRunId(clock: Clock, random: Random): string {
  const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  return `${time.replaceAll(/[-:]/g, '')}-${random.base32(6)}`;
}

export function isRunId(text: string): boolean {
  return RUN_ID.test(text);
}

/** A name for files that stands for a machine, whatever characters its key holds. */
export function vmHash(vmKey: string): string {
  return sha256(vmKey).slice(0, 16);
}

/** Folder of all artefacts of a machine. */
export function vmStoreDir(storeDir: string, vmKey: string): string {
  return join(storeDir, 'artefacts', vmHash(vmKey));
}

/** Folder of what a stage of a machine left, one folder for each fingerprint. */
export function stageStoreDir(storeDir: string, vmKey: string, stage: StageName): string {
  return join(vmStoreDir(storeDir, vmKey), stage);
}

export function artefactDir(storeDir: string, vmKey: string, stage: StageName, fingerprint: string): string {
  return join(stageStoreDir(storeDir, vmKey, stage), fingerprint.slice(0, 12));
}

/** Names of the log folders of machines: their names where those are safe and unique. */
export function logNames(vms: readonly PlannedVm[]): ReadonlyMap<string, string> {
  const seen = new Map<string, number>();
  const plain = (vm: PlannedVm): string =>
    vm.name
      .replaceAll(/[^A-Za-z0-9._-]/g, '_')
      .replace(/^[.-]/, '_')
      .slice(0, 100);
  for (const vm of vms) seen.set(plain(vm).toLowerCase(), (seen.get(plain(vm).toLowerCase()) ?? 0) + 1);
  return new Map(
    vms.map((vm) => {
      const name = plain(vm);
      const isUnique = seen.get(name.toLowerCase()) === 1 && name === vm.name;
      return [vm.vmKey, isUnique ? name : `${name}-${vmHash(vm.vmKey).slice(0, 6)}`];
    }),
  );
}
