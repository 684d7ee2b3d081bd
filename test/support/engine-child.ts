/** A process of its own that runs the engine on real files, for tests that kill it. Called with one JSON argument. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRunControl, resumeRun, runPlan } from '../../src/engine/index.js';
import { createHost } from '../../src/host/index.js';
import type { Host } from '../../src/host/index.js';
import type { TaskGraph } from '../../src/model/graph.js';
import type { StageContext, StageOutcome, StageRunners, StageTask } from '../../src/model/stage-runner.js';
import { STAGES } from '../../src/model/stage.js';
import type { StageName } from '../../src/model/stage.js';
import { makePlan } from './engine-fixture.js';

export interface ChildOrder {
  readonly dir: string;
  readonly command: 'run' | 'resume';
  /** `name STAGE`: there a program is started that never ends, and `marker` is written. */
  readonly hangAt?: string;
  readonly vms: readonly string[];
  /** Let what hangs survive this process. */
  readonly survives?: boolean;
}

export function planFor(order: Pick<ChildOrder, 'dir' | 'vms'>): TaskGraph {
  return makePlan({
    vms: order.vms.map((name) => ({ name, outDir: join(order.dir, 'out', name) })),
    pools: { slots: 2 },
  });
}

/** Stages that write real files, count their calls in a file and start a real program. */
export function realStages(host: Host, order: ChildOrder): StageRunners {
  const run = async (task: StageTask, context: StageContext): Promise<StageOutcome<StageName>> => {
    const who = `${task.vm.name} ${task.stage}`;
    await appendFile(join(order.dir, 'calls'), `${who}\n`);
    const scoped = host.within({
      signal: context.signal,
      log: (level, message) => context.log(level, message),
      spawned: (group) => context.spawned(group),
      where: { vm: task.vm.name, stage: task.stage },
    });
    if (order.hangAt === who) {
      const dieWithParent = order.survives !== true;
      const purpose = 'hang';
      const hanging = scoped.exec({ tool: 'gzip', args: [], purpose, mutates: false, timeoutMs: 1e8, dieWithParent });
      await writeFile(join(order.dir, 'marker'), who);
      await hanging;
    }
    const isProduct = task.stage === 'CONVERT';
    const folder = isProduct ? task.paths.out : task.paths.work;
    const path = join(folder, 'disk');
    await mkdir(folder, { recursive: true });
    await writeFile(path, `${who} ${task.fingerprint}\n`.repeat(2000));
    return {
      result: { who } as never,
      outputs: [{ role: 'disk', path, kind: isProduct ? 'product' : 'intermediate' }],
    };
  };
  const runner = (stage: StageName): unknown => ({ stage, implVersion: 1, readsSettings: [], tools: [], run });
  return Object.fromEntries(STAGES.map((stage) => [stage, runner(stage)])) as unknown as StageRunners;
}

async function main(order: ChildOrder): Promise<void> {
  const host = createHost();
  const control = createRunControl();
  let presses = 0;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      presses += 1;
      control.cancel({ by: name, force: presses > 1 });
    });
  }
  const common = {
    host,
    runners: realStages(host, order),
    stateDir: join(order.dir, 'state'),
    control,
    options: { version: '0.1.0', graceS: 20 },
  };
  const result =
    order.command === 'run' ? await runPlan({ ...common, graph: planFor(order) }) : await resumeRun(common);
  process.exitCode = result.exitCode;
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  await main(JSON.parse(process.argv[2] ?? '{}') as ChildOrder);
}
