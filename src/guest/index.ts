/** Everything that happens inside a guest's disks. The two families never import each other. */
export type * from './common/ports.js';
