import { DroverError } from '../lib/error.js';
import type { RunRequest, RunResult } from './run-types.js';

/**
 * Runs a plan to its end. Failures of machines are part of the result; it throws only when nothing could be started:
 * `lock.held`, `engine.bad-graph`, `file.*`.
 */
export async function runPlan(request: RunRequest): Promise<RunResult> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${request.stateDir}` });
}
