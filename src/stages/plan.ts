import { decide } from '../guest/index.js';
import type { StageRunner } from '../model/stage-runner.js';

/** PLAN: every decision about a machine from what INSPECT found, with its reason. Touches nothing. */
export function createPlanStage(): StageRunner<'PLAN'> {
  return {
    stage: 'PLAN',
    implVersion: 2,
    readsSettings: [
      '/firmware',
      '/machine',
      '/memory',
      '/cpus',
      '/nics',
      '/disk/bus',
      '/disks',
      '/guest',
      '/fix',
      '/network',
    ],
    tools: [],
    run: async (task, context) => {
      const plan = decide({
        inspection: context.input('INSPECT'),
        description: context.input('FETCH').description,
        settings: task.vm.settings,
      });
      for (const { what, value, why } of plan.decisions) context.log('info', `${what}: ${value} (${why})`);
      for (const warning of plan.warnings) context.log('warn', warning);
      return {
        result: plan,
        outputs: [],
        degraded: plan.warnings.length > 0,
        warnings: plan.warnings.map((message) => ({ code: 'guest.network', message })),
      };
    },
  };
}
