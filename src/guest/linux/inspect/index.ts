/** Reading a guest: everything that later stages know about it is found here, and nothing of it is executed. */
export { inspectGuest } from './inspect.js';
export { inspectDisksOnly } from './without-guest.js';
