import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';
import type { HistoryLine, PreviousRecords } from '../model/history.js';
import type { StageName } from '../model/stage.js';
import type { VerifyLevel } from './run-types.js';

/** A task about which the planner wants to know what earlier runs left. */
export interface PreviousQuery {
  readonly taskId: string;
  readonly vmKey: string;
  readonly stage: StageName;
}

/** What earlier runs left for these tasks, outputs verified. Reads only. */
export async function previousRecords(
  host: Host,
  stateDir: string,
  queries: readonly PreviousQuery[],
  verify: VerifyLevel = 'sampled',
): Promise<PreviousRecords> {
  throw new DroverError({
    code: 'internal.bug',
    message: `not built yet: ${host.cwd} ${stateDir} ${queries.length} ${verify}`,
  });
}

/** The newest lines of the history, oldest first, at most `limit`. */
export async function readHistory(host: Host, stateDir: string, limit = 100_000): Promise<readonly HistoryLine[]> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${host.cwd} ${stateDir} ${limit}` });
}
