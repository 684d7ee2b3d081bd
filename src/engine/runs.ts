import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';
import type { RunEvent } from '../model/event.js';
import type { RunSummary, RunView } from './run-types.js';

/** All runs of a state folder, oldest first; an empty list when there is no such folder. */
export async function listRuns(host: Host, stateDir: string): Promise<readonly RunSummary[]> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${host.cwd} ${stateDir}` });
}

/** A run as its journal tells it; the newest one without an id. Throws `engine.no-run`, `engine.journal-damaged`. */
export async function readRun(host: Host, stateDir: string, runId?: string): Promise<RunView> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${host.cwd} ${stateDir} ${runId ?? ''}` });
}

/** The events of a run in order, from after a sequence number. A torn last line is left out. */
export async function readEvents(host: Host, runDir: string, afterSeq = 0): Promise<readonly RunEvent[]> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${host.cwd} ${runDir} ${afterSeq}` });
}
