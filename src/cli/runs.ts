import { join } from 'node:path';
import { listRuns } from '../engine/index.js';
import type { RunSummary } from '../engine/index.js';
import { DroverError } from '../lib/error.js';
import { suggest } from '../lib/suggest.js';
import { isStageName, STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import type { Cli } from './context.js';
import { stateDirOf } from './context.js';

/** Names that an error lists when nothing is close. */
const MOST_LISTED = 12;

/** The run that a command means: the named one (a unique beginning of its id will do), else the newest. */
export async function findRun(
  cli: Cli,
  runId: string | undefined,
): Promise<{ readonly stateDir: string; readonly run: RunSummary }> {
  const stateDir = await stateDirOf(cli);
  const runs = await listRuns(cli.host, stateDir);
  if (runId === undefined) {
    const newest = runs.at(-1);
    if (newest === undefined) throw new DroverError({ code: 'cli.no-run', message: `there is no run in ${stateDir}` });
    return { stateDir, run: newest };
  }
  const exact = runs.find((run) => run.runId === runId);
  const matches = exact === undefined ? runs.filter((run) => run.runId.startsWith(runId)) : [exact];
  const [only] = matches;
  if (only === undefined || matches.length > 1) {
    const near = suggest(
      runId,
      runs.map((run) => run.runId),
    );
    throw new DroverError({
      code: 'cli.no-run',
      message:
        matches.length > 1 ? `${matches.length} runs begin with ${runId}` : `there is no run ${runId} in ${stateDir}`,
      ...(near.length === 0 ? {} : { hint: `did you mean ${near.join(' or ')}?` }),
    });
  }
  return { stateDir, run: only };
}

/** Throws `cli.usage` with the nearest names for a machine that a run does not have. */
export function noVm(runId: string, names: readonly string[], name: string): never {
  const near = suggest(name, names);
  const some = names.slice(0, MOST_LISTED).join(', ') + (names.length > MOST_LISTED ? ', …' : '');
  throw new DroverError({
    code: 'cli.usage',
    message: `run ${runId} has no machine ${name}`,
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are: ${some}`,
  });
}

/** A stage named on the command line. */
export function stageOption(named: unknown, option: string): StageName | undefined {
  if (named === undefined) return undefined;
  const value = named as string;
  const text = value.toUpperCase();
  if (isStageName(text)) return text;
  const near = suggest(text, STAGES);
  throw new DroverError({
    code: 'cli.usage',
    message: `${option}: ${value} is no stage`,
    hint: near.length === 0 ? `stages are ${STAGES.join(', ')}` : `did you mean ${near.join(' or ')}?`,
  });
}

export function stageOptions(values: unknown, option: string): readonly StageName[] {
  return ((values as readonly string[] | undefined) ?? []).flatMap((value) => stageOption(value, option) ?? []);
}

/** Folder of the logs of a run. */
export function logDir(run: { readonly dir: string }): string {
  return join(run.dir, 'logs');
}
