/** The steps of FIX: what they need, how they run, and their fixed order. */
export { runFixers } from './runner.js';
export type { RunOptions } from './runner.js';
export { fixers, textFixers } from './registry.js';
export { newState } from './types.js';
export type { FixContext, FixSettings, FixState, Fixer, StepOutcome } from './types.js';
export type { FixAppliance } from './appliance.js';
