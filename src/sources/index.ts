/** Where machines come from: reading descriptors and headers, admitting them, and making their disks readable. */
export { createLocalSource } from './local/local-source.js';
export type { DescribeResult, LocalSource } from './local/local-source.js';
