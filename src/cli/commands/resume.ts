import { readEvents, readRun, resumeRun } from '../../engine/index.js';
import { allOf } from '../node-select.js';
import type { Cli } from '../context.js';
import { playbookDrift } from '../drift.js';
import { execute } from '../execute.js';
import { Exit } from '../exit-codes.js';
import { verifyOption } from '../options.js';
import { findRun, stageOptions } from '../runs.js';
import type { RendererName } from '../screen/index.js';
import { stageRunners } from '../stages.js';
import { VERSION } from '../version.js';
import { vmStates } from '../vm-states.js';
import { run as runCommand } from './run.js';

/** `drover resume`: goes on with the stored plan; `--replan` compiles the playbook again instead. */
export async function resume(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { stateDir, run } = await findRun(cli, args[0]);
  const view = await readRun(cli.host, stateDir, run.runId);
  for (const notice of view.notices) cli.err(`note: ${notice}\n`);
  if (options['replan'] === true) {
    // What is still good counts as cached, so that planning again is the same as going on with another plan.
    const file = view.graph.playbookDigests[0]?.file;
    return file === undefined ? Exit.usage : runCommand(cli, [file], { ...options, yes: true });
  }
  for (const line of await playbookDrift(cli, view.graph)) cli.err(`note: ${line}\n`);
  const force = stageOptions(options['force'], '--force');
  const states = await vmStates(cli.host, view);
  const events = options['events'] as string | undefined;
  return execute(cli, {
    stateDir,
    graph: view.graph,
    renderer: (options['renderer'] as RendererName | undefined) ?? 'auto',
    earlier: await readEvents(cli.host, view.dir),
    ...(events === undefined ? {} : { events }),
    start: async (control, onEvent) =>
      resumeRun({
        host: cli.host,
        runners: await stageRunners(cli.host),
        stateDir,
        runId: run.runId,
        control,
        onEvent,
        options: {
          version: VERSION,
          verify: verifyOption(options),
          breakLock: options['breakLock'] === true,
          onlyFailed: options['onlyFailed'] === true,
          ...(force.length === 0 ? {} : { force }),
          select: allOf(view.graph, states, options),
        },
      }),
  });
}
