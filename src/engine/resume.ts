import { DroverError } from '../lib/error.js';
import type { ResumeRequest, RunResult } from './run-types.js';

/**
 * Goes on with a run by its stored plan, after a failure, a cancel or a crash at any point. Process groups that are left
 * of the crashed process are killed first. Throws `engine.no-run`, `engine.journal-damaged`, `lock.held`.
 */
export async function resumeRun(request: ResumeRequest): Promise<RunResult> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${request.stateDir}` });
}
