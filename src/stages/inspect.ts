import type { Host } from '../host/index.js';
import type { StageRunner } from '../model/stage-runner.js';
import { guestSessionFor } from './guest-session.js';

/** INSPECT: opens the guest read-only in its appliance and reads every fact once. The appliance stays open for FIX. */
export function createInspectStage(host: Host): StageRunner<'INSPECT'> {
  return {
    stage: 'INSPECT',
    implVersion: 1,
    readsSettings: ['/guest'],
    tools: ['guestfish', 'qemu-img'],
    run: async (task, context) => {
      const { guest } = await guestSessionFor(host, task, context);
      const { inspection } = guest;
      for (const warning of inspection.warnings) context.log('warn', warning);
      context.log('info', `${inspection.cost.rpcs} appliance calls after a launch of ${inspection.cost.launchMs} ms`);
      return { result: inspection, outputs: [] };
    },
  };
}
