/** PLAN: from facts to decisions. Pure. */
export { decide, placeDisks } from './decide.js';
