import pLimit from 'p-limit';
import { flattenDisk } from '../sources/index.js';
import type { Host } from '../host/index.js';
import { diskFiles } from '../model/index.js';
import type { ChainFile, FetchedDisk, FetchResult, StageRunner } from '../model/index.js';
import { taskHost } from './task-host.js';

/** Disks of one machine that are flattened at the same time. */
const DISKS_AT_ONCE = 2;

/** What was recorded of the files of a disk; nothing for what FETCH made, which the engine has checked. */
function recordedFiles(fetched: FetchResult, disk: FetchedDisk): readonly ChainFile[] {
  const source = fetched.description.disks.find((candidate) => candidate.id === disk.id);
  return disk.how !== 'in-place' || source === undefined ? [] : diskFiles(source);
}

/**
 * FLATTEN: one writable image per disk whose size is the source's. By default an empty overlay that costs nothing; later
 * stages lay their own overlays above it and never write into it.
 */
export function createFlattenStage(deps: { readonly host: Host }): StageRunner<'FLATTEN'> {
  return {
    stage: 'FLATTEN',
    implVersion: 1,
    readsSettings: ['/flatten'],
    tools: ['qemu-img'],
    run: async (task, context) => {
      const host = taskHost(deps.host, task, context);
      const fetched = context.input('FETCH');
      const limit = pLimit(DISKS_AT_ONCE);
      // All of them are waited for, so that nothing goes on behind a failure.
      const settled = await Promise.allSettled(
        fetched.disks.map((disk) =>
          limit(() =>
            flattenDisk(host, {
              disk,
              recorded: recordedFiles(fetched, disk),
              work: task.paths.work,
              settings: task.vm.settings.flatten,
              signal: context.signal,
              progress: (progress) => context.progress(progress),
            }),
          ),
        ),
      );
      const flattened = settled.map((one) => {
        if (one.status === 'rejected') throw one.reason;
        return one.value;
      });
      const warnings = flattened.flatMap((one) => one.notes);
      for (const warning of warnings) context.log('warn', warning);
      return {
        result: { disks: flattened.map((one) => one.disk), warnings },
        outputs: flattened.flatMap((one) =>
          one.outputs.map((path) => ({ role: 'disk', path, kind: 'intermediate' as const })),
        ),
        // An ignored content id means that the data may be wrong.
        degraded: warnings.some((warning) => warning.includes('content ids')),
        warnings: warnings.map((message) => ({ code: 'flatten.note', message })),
      };
    },
  };
}
