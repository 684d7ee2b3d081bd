/** The only door to the outside: processes, files, clock, random, sockets, environment. */
export type * from './ports.js';
export { TOOLS, TOOL_NAMES } from './tools.js';
export type { ToolName } from './tools.js';
export { createHost } from './real-host.js';
export { createFakeHost } from './fake-host.js';
export type { FakeHost } from './fake-host.js';
export { createFakeProcess } from './fake-exec.js';
export type { FakeFiles } from './fake-files.js';
export type { VirtualClock } from './fake-clock.js';
