import { readEvents, readRun, resumeRun } from '../../engine/index.js';
import type { ResumeOptions, RunView } from '../../engine/index.js';
import { DroverError } from '../../lib/error.js';
import type { TaskNode } from '../../model/graph.js';
import { stageIndex } from '../../model/stage.js';
import type { Cli } from '../context.js';
import { playbookDrift } from '../drift.js';
import { execute } from '../execute.js';
import { screenOptions, selectionOptions, SELECTORS, verifyOption } from '../options.js';
import type { Options } from '../options.js';
import { findRun, stageOptions } from '../runs.js';
import { selectionOfRun } from '../select.js';
import { stageRunners } from '../stages.js';
import { VERSION } from '../version.js';
import { vmStates } from '../vm-states.js';
import { run } from './run.js';

/** What the selectors mean for the stored plan; tasks of no machine are never left out. */
function selected(
  view: RunView,
  states: ReadonlyMap<string, string>,
  options: Options,
): Pick<ResumeOptions, 'select' | 'from'> {
  const { vms, from, until } = selectionOfRun(view.graph, states, selectionOptions(options));
  const nameOf = new Map(view.graph.vms.map((vm) => [vm.vmKey, vm.name]));
  const select = (node: TaskNode): boolean =>
    node.vmKey === undefined ||
    ((vms?.has(nameOf.get(node.vmKey) ?? '') ?? true) &&
      (node.stage === undefined || until === undefined || stageIndex(node.stage) <= stageIndex(until)));
  return { select, ...(from === undefined ? {} : { from }) };
}

/**
 * What is still good counts as cached, so that planning again is the same as going on with another plan. Selectors that
 * were given now take the place of those that the run was started with; settings are added to them.
 */
async function replan(cli: Cli, view: RunView, options: Options): Promise<number> {
  const { invocation } = view;
  if (invocation === undefined || invocation.playbooks.length === 0) {
    throw new DroverError({
      code: 'cli.usage',
      message: `run ${view.runId} was started from a saved plan: there is no playbook to plan again`,
      hint: 'Run the playbook itself: what is still good counts as cached.',
    });
  }
  const asked: Options = options['onlyFailed'] === true ? { ...options, only: ['state:failed'] } : options;
  const isSelecting = SELECTORS.some((name) => asked[name] !== undefined);
  const replaced: readonly string[] = isSelecting ? SELECTORS : [];
  const kept = Object.entries(invocation.options).filter(([name]) => !replaced.includes(name));
  const sets = [invocation.options['set'], options['set']].flatMap(
    (set) => (set as readonly string[] | undefined) ?? [],
  );
  return run(cli, invocation.playbooks, {
    ...Object.fromEntries(kept),
    ...asked,
    ...(sets.length === 0 ? {} : { set: sets }),
  });
}

/** `drover resume`: goes on with the stored plan; `--replan` compiles the playbook again instead. */
export async function resume(cli: Cli, args: readonly string[], options: Options): Promise<number> {
  const { stateDir, run: found } = await findRun(cli, args[0]);
  const view = await readRun(cli.host, stateDir, found.runId);
  for (const notice of view.notices) cli.err(`note: ${notice}\n`);
  if (options['replan'] === true) return replan(cli, view, options);
  if (options['set'] !== undefined) {
    throw new DroverError({
      code: 'cli.usage',
      message: '--set: a stored plan is not changed',
      hint: 'Add `--replan` to compile the playbook again with this setting.',
    });
  }
  for (const line of await playbookDrift(cli, view.graph, view.invocation?.cwd)) cli.err(`note: ${line}\n`);
  const force = stageOptions(options['force'], '--force');
  const selection = selected(view, await vmStates(cli.host, view), options);
  return execute(cli, {
    stateDir,
    graph: view.graph,
    ...screenOptions(options),
    earlier: await readEvents(cli.host, view.dir),
    start: async (control, onEvent) =>
      resumeRun({
        host: cli.host,
        runners: await stageRunners(cli.host),
        stateDir,
        runId: found.runId,
        control,
        onEvent,
        options: {
          version: VERSION,
          verify: verifyOption(options),
          breakLock: options['breakLock'] === true,
          onlyFailed: options['onlyFailed'] === true,
          ...(force.length === 0 ? {} : { force }),
          ...selection,
        },
      }),
  });
}
