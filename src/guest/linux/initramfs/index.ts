/** Initial RAM disks: what is inside, whether the new machine's drivers are, and how they get in. */
export { appendDrivers } from './append.js';
export type { AppendResult } from './append.js';
export { fetchModules, installAppended, kernelIndex, moduleLists } from './guest-files.js';
export type { ModuleIndex } from './module-names.js';
export { detectInitramfsTool, driverFacts } from './presence.js';
export { readInitramfs } from './read.js';
export type { InitramfsContents } from './read.js';
export {
  findRebuildTool,
  judgeRebuilt,
  persistDrivers,
  rebuildCommands,
  requestableModules,
  VIRTIO_MODULES,
} from './rebuild.js';
export type { RebuildTool } from './rebuild.js';
