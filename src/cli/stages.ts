import type { Host } from '../host/index.js';
import type { StageRunners } from '../model/stage-runner.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import type { StageFacts } from '../plan/index.js';
import {
  createConvertStage,
  createFetchStage,
  createFixStage,
  createFlattenStage,
  createInspectStage,
  createPlanStage,
  createValidateStage,
} from '../stages/index.js';
import { acceleratorOf } from './host-facts.js';
import { VERSION } from './version.js';

/** The seven stages, acting through this host. */
export async function stageRunners(host: Host): Promise<StageRunners> {
  const accelerator = await acceleratorOf(host);
  return {
    FETCH: createFetchStage({ host }),
    FLATTEN: createFlattenStage({ host }),
    INSPECT: createInspectStage(host),
    PLAN: createPlanStage(),
    FIX: createFixStage(host),
    CONVERT: createConvertStage(host, { tool: `drover ${VERSION}` }),
    VALIDATE: createValidateStage(host, { accelerator }),
  };
}

/** What the planner needs to know of the stages. */
export async function stageFacts(host: Host): Promise<Readonly<Record<StageName, StageFacts>>> {
  const runners = await stageRunners(host);
  return Object.fromEntries(
    STAGES.map((stage) => {
      const { implVersion, readsSettings, tools } = runners[stage];
      return [stage, { implVersion, readsSettings, tools }];
    }),
  ) as Record<StageName, StageFacts>;
}
