/** Runs describe, FETCH and FLATTEN on a folder of test images, as a run would, without an engine. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createHost } from '../../src/host/index.js';
import type { Host } from '../../src/host/index.js';
import type {
  FetchResult,
  FlattenResult,
  LoadedSource,
  LoadedVm,
  MadeOf,
  PlannedVm,
  Progress,
  ResolvedSettings,
  StageContext,
  StageName,
  StageOutcome,
  StageTask,
  VmDescription,
} from '../../src/model/index.js';
import { createLocalSource } from '../../src/sources/index.js';
import type { DescribeResult } from '../../src/sources/index.js';
import { createFetchStage, createFlattenStage } from '../../src/stages/index.js';
import { settings } from './plan-fixture.js';

export interface LabVm {
  readonly name?: string;
  readonly madeOf: MadeOf;
  readonly settings?: Partial<ResolvedSettings>;
  readonly allowDirs?: readonly string[];
}

export interface StageLab {
  readonly host: Host;
  /** Folder for everything that stages write. */
  readonly scratch: string;
  describe(dir: string, vm: LabVm): Promise<DescribeResult>;
  fetch(dir: string, vm: LabVm, options?: LabOptions): Promise<StageOutcome<'FETCH'>>;
  flatten(vm: LabVm, fetched: FetchResult, options?: LabOptions): Promise<StageOutcome<'FLATTEN'>>;
  /** All three. */
  run(
    dir: string,
    vm: LabVm,
  ): Promise<{ readonly fetched: FetchResult; readonly flat: FlattenResult; readonly work: string }>;
  remove(): void;
}

interface LabOptions {
  readonly signal?: AbortSignal;
  readonly progress?: (progress: Progress) => void;
  readonly description?: VmDescription;
}

const here = { file: 'lab.yaml', line: 1, column: 1 };

function loadedVm(vm: LabVm): LoadedVm {
  return {
    name: vm.name ?? 'web01',
    wave: 'all',
    source: 'images',
    target: 'here',
    madeOf: vm.madeOf,
    folder: 'web01',
    labels: {},
    dependsOn: [],
    settings: settings(vm.settings),
    origins: {},
    originChains: {},
    at: { vm: here, madeOf: here, source: here, target: here },
  };
}

/** A digest over names and contents of all files below a folder. */
export function treeDigest(dir: string): string {
  const hash = createHash('sha256');
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile())
        hash.update(`${relative(dir, path)} ${statSync(path).mtimeMs}`).update(readFileSync(path));
      else hash.update(relative(dir, path));
    }
  };
  walk(dir);
  return hash.digest('hex');
}

export function createStageLab(host: Host = createHost()): StageLab {
  const scratch = mkdtempSync(join(tmpdir(), 'drover-stages-'));
  let works = 0;
  const taskFor = (stage: StageName, vm: LabVm, description: VmDescription): StageTask => {
    works += 1;
    const work = join(scratch, `${works}-${stage}`);
    mkdirSync(work);
    const planned: PlannedVm = {
      vmKey: description.vmKey,
      name: description.name,
      wave: 'all',
      batch: 0,
      source: 'images',
      target: 'here',
      outDir: join(scratch, 'out'),
      labels: {},
      settings: settings(vm.settings),
      origins: {},
      description,
    };
    return {
      runId: 'run',
      playbook: 'lab',
      taskId: 'task',
      stage,
      attempt: 1,
      fingerprint: 'f',
      vm: planned,
      paths: { work, out: join(scratch, 'out'), logs: scratch },
    };
  };
  const contextFor = (inputs: Partial<Record<StageName, unknown>>, options: LabOptions): StageContext => ({
    signal: options.signal ?? new AbortController().signal,
    input: (stage) => inputs[stage] as never,
    progress: (progress) => options.progress?.(progress),
    log: () => undefined,
    spawned: async () => undefined,
    session: { get: () => undefined, keep: (_, thing) => thing, drop: async () => undefined },
  });
  const describe = (dir: string, vm: LabVm): Promise<DescribeResult> => {
    const source: LoadedSource = {
      name: 'images',
      type: 'local',
      dir,
      allowDirs: vm.allowDirs ?? [],
      connections: 16,
      location: here,
    };
    return createLocalSource(host, source).describe(loadedVm(vm));
  };
  const fetch = async (dir: string, vm: LabVm, options: LabOptions = {}): Promise<StageOutcome<'FETCH'>> => {
    const described = options.description === undefined ? await describe(dir, vm) : undefined;
    const description = options.description ?? described?.description;
    if (description === undefined) {
      throw new Error(`not described: ${described?.diagnostics.map((d) => `${d.code} ${d.message}`).join('\n') ?? ''}`);
    }
    return createFetchStage({ host }).run(taskFor('FETCH', vm, description), contextFor({}, options));
  };
  const flatten = (vm: LabVm, fetched: FetchResult, options: LabOptions = {}): Promise<StageOutcome<'FLATTEN'>> =>
    createFlattenStage({ host }).run(
      taskFor('FLATTEN', vm, fetched.description),
      contextFor({ FETCH: fetched }, options),
    );
  return {
    host,
    scratch,
    describe,
    fetch,
    flatten,
    async run(dir, vm) {
      const fetched = (await fetch(dir, vm)).result;
      const flat = (await flatten(vm, fetched)).result;
      return { fetched, flat, work: join(scratch, `${works}-FLATTEN`) };
    },
    remove: () => rmSync(scratch, { recursive: true, force: true }),
  };
}
