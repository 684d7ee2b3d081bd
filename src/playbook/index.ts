/**
 * From text to a playbook: reading, including, referring, checking, merging. Everything a user got wrong comes back as
 * located diagnostics; nothing here touches a disk except through the files it is given.
 */
export { loadPlaybook } from './load.js';
export type { LoadOptions, LoadResult, PlaybookFiles } from './ports.js';
export { selectableOf, selectVms } from './selectors.js';
export type { Selectable, SelectorInput, VmSelection } from './selectors.js';
export { systemFolder } from './check-folders.js';
export { explainVm } from './explain.js';
