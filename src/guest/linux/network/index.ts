/** Network configuration of Linux guests: reading all backends, and keeping names and addresses valid on new hardware. */
export { networkFiles, readNetworkFacts } from './facts.js';
