/** Where machines come from: what they are (describe), how their bytes get here (FETCH), and as what they are opened (FLATTEN). */
export { detectKind, formatOf } from './formats/index.js';
export { createLocalSource } from './local/local-source.js';
export type { DescribeResult } from './local/local-source.js';
export { fetchVm } from './fetch/fetch-vm.js';
export { flattenDisk } from './flatten/flatten-disk.js';
