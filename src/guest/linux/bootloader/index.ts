/** Boot loaders: what is booted with which arguments, and device names in those arguments that must not stay. */
export { readBootloaderFacts } from './facts.js';
export { readBootEntries, kernelVersion } from './entries.js';
export { compareVersions } from './version-order.js';
