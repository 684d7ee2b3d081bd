/** The only door to the outside: processes, files, clock, random, sockets, environment. */
export type * from './ports.js';
export { TOOLS, TOOL_NAMES } from './tools.js';
export type { ToolFacts, ToolName } from './tools.js';
export { createHost } from './real-host.js';
export { createFakeHost } from './fake-host.js';
export type { FakeHost, FakeHostOptions } from './fake-host.js';
export { createFakeProcess } from './fake-exec.js';
export type { ArgMatch, Expectation, FakeExec, FakeProcess, FakeReply } from './fake-exec.js';
export type { FakeFiles, FaultHook } from './fake-files.js';
export type { VirtualClock } from './fake-clock.js';
