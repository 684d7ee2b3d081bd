import { inspectDisksOnly } from '../guest/index.js';
import type { Host } from '../host/index.js';
import type { StageRunner } from '../model/stage-runner.js';
import { guestSessionFor } from './guest-session.js';
import { taskHost } from './task-host.js';

/** INSPECT: opens the guest read-only in its appliance and reads every fact once. The appliance stays open for FIX. */
export function createInspectStage(host: Host): StageRunner<'INSPECT'> {
  return {
    stage: 'INSPECT',
    implVersion: 2,
    readsSettings: ['/guest'],
    tools: ['guestfish', 'qemu-img'],
    run: async (task, context) => {
      if (task.vm.settings.guest.family === 'none') {
        const { disks, firmware } = context.input('FETCH').description;
        const result = await inspectDisksOnly(taskHost(host, task, context), {
          images: context.input('FLATTEN').disks,
          disks,
          workDir: task.paths.work,
          ...(firmware === undefined ? {} : { firmware }),
        });
        context.log('info', 'the playbook says that there is no system: only partition tables were read');
        return { result, outputs: [] };
      }
      const { guest } = await guestSessionFor(host, task, context);
      const { inspection } = guest;
      for (const warning of inspection.warnings) context.log('warn', warning);
      context.log('info', `${inspection.cost.rpcs} appliance calls after a launch of ${inspection.cost.launchMs} ms`);
      return { result: inspection, outputs: [] };
    },
  };
}
