/** Reading a guest: everything that later stages know about it is found here, and nothing of it is executed. */
export { inspectGuest } from './inspect.js';
export type { InspectOptions, InspectedGuest } from './inspect.js';
export { readGuestTree } from './read-tree.js';
export type { TreeReading } from './read-tree.js';
