/** Writing edits back into the guest. */
export { applyChanges } from './apply.js';
export { rereadEtc, rereadFiles } from './reread.js';
