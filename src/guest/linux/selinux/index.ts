/** Labels of files, from the guest's own rules. */
export { readLabeler } from './file-contexts.js';
export type { FileKind, Labeler } from './file-contexts.js';
