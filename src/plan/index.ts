/**
 * Compiles a playbook and the facts of the world into the graph of tasks, and says what it will do and why. Pure: no file,
 * no clock, no process; equal inputs give equal bytes.
 */
export { compilePlan } from './compile.js';
export { factsDrift } from './facts-used.js';
export type { HostFacts, PlanFacts, PlanInput, Selection, StageFacts, TargetFacts } from './facts.js';
export { forecast, willRun } from './forecast.js';
export { stageTaskIds } from './identity.js';
export { planDiff, planDiffText } from './plan-diff.js';
export { graphDot, graphJson, graphMermaid } from './graph-text.js';
export { graphView } from './graph-view.js';
export type { GraphOptions } from './graph-view.js';
export { sourceFiles } from './planned-vms.js';
export { blockers, preflight } from './preflight.js';
export type { Waiver } from './preflight.js';
export { concernsText, planSummaryMarkdown, planSummaryText } from './summary-text.js';
export type { Concern } from '../model/concern.js';
export { readSavedPlan } from './saved-plan.js';
export { withoutMachines } from './without-machines.js';
