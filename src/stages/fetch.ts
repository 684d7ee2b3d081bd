import { fetchVm } from '../sources/index.js';
import type { Host } from '../host/index.js';
import type { StageRunner } from '../model/index.js';
import { taskHost } from './task-host.js';

/** FETCH: the disks of a machine where tools can open them, checked against manifests and the plan. The source is only read. */
export function createFetchStage(deps: { readonly host: Host }): StageRunner<'FETCH'> {
  return {
    stage: 'FETCH',
    implVersion: 1,
    readsSettings: ['/fetch', '/flatten/ignoreCid'],
    tools: ['qemu-img'],
    run: async (task, context) => {
      const { settings, description } = task.vm;
      const fetched = await fetchVm(taskHost(deps.host, task, context), {
        description,
        settings: settings.fetch,
        ignoreCid: settings.flatten.ignoreCid,
        work: task.paths.work,
        signal: context.signal,
        progress: (progress) => context.progress(progress),
      });
      for (const warning of fetched.warnings) context.log('warn', warning);
      return {
        result: { description: fetched.description, disks: fetched.disks, warnings: fetched.warnings },
        outputs: fetched.made.map((path) => ({ role: 'disk', path, kind: 'intermediate' as const })),
        warnings: fetched.warnings.map((message) => ({ code: 'source.image-note', message })),
        bytes: fetched.bytes,
      };
    },
  };
}
