/**
 * Runs a plan: decides what starts when, keeps the journal, retries, cancels and resumes. It does not know what a stage
 * does; the stages come in as a record of runners.
 */
export type * from './run-types.js';
export type { RunControl } from './control.js';
export { createRunControl } from './control.js';
export { runPlan } from './run.js';
export { resumeRun } from './resume.js';
export { lockedMachines } from './locks.js';
export { listRuns, readEvents, readRun } from './runs.js';
export { cleanState } from './clean.js';
export { repairState, verifyState } from './state-files.js';
export { previousRecords, readHistory } from './previous.js';
export { sendControl } from './control-files.js';
export { readResults } from './results.js';
