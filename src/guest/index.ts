/** Everything that happens inside a guest's disks. The two families never import each other. */
export type * from './common/ports.js';
export { openGuest } from './common/session.js';
export { applyChanges, rereadEtc, rereadFiles } from './linux/apply/index.js';
export { decide } from './linux/decide/index.js';
export { inspectDisksOnly, inspectGuest } from './linux/inspect/index.js';
export { expectNics } from './linux/network/expect.js';
export { fixers, newState, runFixers } from './linux/fixers/index.js';
export type { FixContext } from './linux/fixers/index.js';
export { readLabeler } from './linux/selinux/index.js';
