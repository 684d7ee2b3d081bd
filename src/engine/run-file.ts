/** run.json: what a run is, written at its start and at its end. The journal decides; this is for quick listing. */
import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';
import type { RunOutcome } from '../model/event.js';
import type { TaskGraph } from '../model/graph.js';
import { planFromJson } from '../model/plan-json.js';
import { isRunId, runPaths, statePaths } from './layout.js';
import type { RunPaths } from './layout.js';
import type { RunInvocation } from './run-types.js';

export interface RunFile {
  readonly v: 1;
  readonly runId: string;
  readonly playbook: string;
  readonly planHash: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly outcome?: RunOutcome;
  readonly exitCode?: number;
  readonly vms: number;
  readonly tasks: number;
  readonly host: string;
  readonly user: string;
  readonly version: string;
  /** Folder above the artefacts of this run. */
  readonly storeDir: string;
  readonly invocation?: RunInvocation;
}

export async function writeRunFile(host: Host, paths: RunPaths, file: RunFile): Promise<void> {
  await host.files.writeAtomic(paths.runFile, `${JSON.stringify(file, null, 2)}\n`);
}

/** A run that ended is open again: what run.json says about its end is no longer true. */
export async function reopenRunFile(host: Host, paths: RunPaths, file: RunFile): Promise<void> {
  const { endedAt, outcome, exitCode, ...open } = file;
  if (endedAt === undefined && outcome === undefined && exitCode === undefined) return;
  await writeRunFile(host, paths, open);
}

/** Undefined when the folder holds no run (one that never got its locks, say). */
export async function readRunFile(host: Host, paths: RunPaths): Promise<RunFile | undefined> {
  if ((await host.files.stat(paths.runFile)) === undefined) return undefined;
  try {
    const file = JSON.parse(await host.files.readText(paths.runFile)) as Partial<RunFile>;
    return file.v === 1 && typeof file.runId === 'string' ? (file as RunFile) : undefined;
  } catch {
    return undefined;
  }
}

/** Ids of the runs of a state folder, oldest first. */
export async function runIds(host: Host, stateDir: string): Promise<readonly string[]> {
  const { runs } = statePaths(stateDir);
  if ((await host.files.stat(runs)) === undefined) return [];
  return (await host.files.list(runs)).filter(isRunId);
}

/** A run by its id, by a prefix that fits one only, or the newest one. Throws `cli.no-run`. */
export async function findRun(
  host: Host,
  stateDir: string,
  runId?: string,
): Promise<{ readonly paths: RunPaths; readonly file: RunFile }> {
  const all = await runIds(host, stateDir);
  const exact = runId === undefined ? undefined : all.find((id) => id === runId);
  const fitting =
    runId === undefined || runId === 'last' ? [...all].reverse() : all.filter((id) => id.startsWith(runId));
  const candidates = exact !== undefined ? [exact] : fitting;
  if (runId !== undefined && runId !== 'last' && candidates.length > 1) {
    throw new DroverError({ code: 'cli.no-run', message: `${runId} fits ${candidates.length} runs of ${stateDir}` });
  }
  for (const id of candidates) {
    const paths = runPaths(stateDir, id);
    const file = await readRunFile(host, paths);
    if (file !== undefined) return { paths, file };
  }
  const what = runId === undefined || runId === 'last' ? 'no run' : `no run ${runId}`;
  throw new DroverError({ code: 'cli.no-run', message: `there is ${what} in ${stateDir}` });
}

/** The plan a run was started with. */
export async function readPlan(host: Host, paths: RunPaths): Promise<TaskGraph> {
  return planFromJson(await host.files.readText(paths.plan, 1024 ** 3));
}
