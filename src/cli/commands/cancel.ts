import { readRun, sendControl } from '../../engine/index.js';
import type { Cli } from '../context.js';
import { printResult } from '../context.js';
import { Exit } from '../exit-codes.js';
import { findRun, noVm } from '../runs.js';

/** `drover cancel`: leaves a command in the run's control folder; the process that runs it acts on it. */
export async function cancel(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { stateDir, run } = await findRun(cli, args[0]);
  const vms = options['vm'] as readonly string[] | undefined;
  if (vms !== undefined) {
    const { graph } = await readRun(cli.host, stateDir, run.runId);
    const names = graph.vms.map((vm) => vm.name);
    for (const name of vms) if (!names.includes(name)) noVm(run.runId, names, name);
  }
  if (!run.active) {
    printResult(
      cli,
      { run: run.runId, active: false, changed: false },
      () => `run ${run.runId} is not running; nothing to cancel\n`,
    );
    return Exit.ok;
  }
  const now = options['now'] === true;
  await sendControl(cli.host, run.dir, { command: 'cancel', now, ...(vms === undefined ? {} : { vms }) });
  printResult(cli, { run: run.runId, active: true, changed: true, vms: vms ?? [], now }, () =>
    vms === undefined
      ? `run ${run.runId} is asked to stop${now ? ' now' : ''}; drover status shows when it has\n`
      : `${vms.join(', ')}: asked to stop in run ${run.runId}\n`,
  );
  return Exit.ok;
}
