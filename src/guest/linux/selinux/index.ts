/** Labels of files, from the guest's own rules. */
export { readLabeler } from './file-contexts.js';
