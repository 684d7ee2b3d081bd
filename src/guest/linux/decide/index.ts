/** PLAN: from facts to decisions. Pure. */
export { decide, diskLetters, placeDisks } from './decide.js';
export type { DecideInput } from './decide.js';
