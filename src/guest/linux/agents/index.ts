/** Agents of other hypervisors: finding them, and taking them out of service. */
export { detectAgents } from './detect.js';
