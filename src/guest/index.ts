/** Everything that happens inside a guest's disks. The two families never import each other. */
export type * from './common/ports.js';
export { decide } from './linux/decide/index.js';
export type { DecideInput } from './linux/decide/index.js';
