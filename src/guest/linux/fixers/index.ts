/** The steps of FIX: what they need, how they run, and their fixed order. */
export { runFixers } from './runner.js';
export { fixers } from './registry.js';
export { newState } from './types.js';
export type { FixContext } from './types.js';
