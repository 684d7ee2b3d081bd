import { posix } from 'node:path';
import type { Host } from '../host/index.js';
import type { StageContext, StageTask } from '../model/index.js';

/** The host acting for a task: everything it starts ends with the task, is logged for it and registered with it. */
export function taskHost(host: Host, task: StageTask, context: StageContext): Host {
  return host.within({
    signal: context.signal,
    log: (level, message) => context.log(level, message),
    spawned: (group) => context.spawned(group),
    where: { vm: task.vm.name, stage: task.stage },
  });
}

/** Where facts about this machine are remembered from run to run; they belong to no project. */
export function machineCacheDir(host: Host): string {
  const base = host.env('XDG_CACHE_HOME');
  return posix.join(
    base === undefined || base === '' ? posix.join(host.env('HOME') ?? '/tmp', '.cache') : base,
    'drover',
  );
}
