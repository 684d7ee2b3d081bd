import { listRuns, readEvents, readRun } from '../engine/index.js';
import type { RunView } from '../engine/index.js';
import type { Host } from '../host/index.js';
import { createProgressView } from '../report/index.js';

/** The state of every machine of a run, by name, as `state:` selectors mean it. */
export async function vmStates(host: Host, run: RunView): Promise<ReadonlyMap<string, string>> {
  const view = createProgressView(run.runId, run.graph);
  for (const event of await readEvents(host, run.dir)) view.apply(event);
  return new Map([...view.vms.values()].map((vm) => [vm.name, vm.phase === 'waiting' ? 'pending' : vm.phase]));
}

/** The same of the newest run of a playbook; undefined when it never ran. */
export async function lastStates(
  host: Host,
  stateDir: string,
  playbook: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  const newest = (await listRuns(host, stateDir)).filter((run) => run.playbook === playbook).at(-1);
  return newest === undefined ? undefined : vmStates(host, await readRun(host, stateDir, newest.runId));
}
