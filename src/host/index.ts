/** The only door to the outside: processes, files, clock, random, sockets, environment. */
export type * from './ports.js';
export { TOOLS, TOOL_NAMES } from './tools.js';
export type { ToolFacts, ToolName } from './tools.js';
export { createHost } from './real-host.js';
