/** Ends process groups that a crashed Drover left behind, before anything is run again. */
import type { Host } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { ProcessGroup } from '../model/stage-runner.js';

const TERM_MS = 2_000;
const KILL_MS = 5_000;
const POLL_MS = 50;

/** Says in words what was ended. Throws `engine.unresponsive` when a group survives SIGKILL. */
export async function endLeftovers(host: Host, groups: readonly ProcessGroup[]): Promise<readonly string[]> {
  const notices: string[] = [];
  const alive: ProcessGroup[] = [];
  const once = new Map(groups.map((group) => [`${group.pgid} ${group.startTicks}`, group]));
  for (const group of once.values()) if (await host.signalGroup(group, 'SIGTERM')) alive.push(group);
  let left = await waitFor(host, alive, TERM_MS);
  for (const group of left) await host.signalGroup(group, 'SIGKILL');
  left = await waitFor(host, left, KILL_MS);
  const stuck = left[0];
  if (stuck !== undefined) {
    throw new DroverError({
      code: 'engine.unresponsive',
      message: `${stuck.tool} (process group ${stuck.pgid}) of the crashed run does not end`,
      hint: 'Its files may still be written. End it by hand, then resume.',
    });
  }
  for (const group of alive)
    notices.push(`ended ${group.tool} (process group ${group.pgid}), left by the crashed process`);
  return notices;
}

/** The groups that are still alive after a while. */
async function waitFor(host: Host, groups: readonly ProcessGroup[], ms: number): Promise<readonly ProcessGroup[]> {
  const deadline = host.clock.monotonic() + ms;
  let left = groups;
  for (;;) {
    const still: ProcessGroup[] = [];
    for (const group of left) if (await host.isGroupAlive(group)) still.push(group);
    left = still;
    if (left.length === 0 || host.clock.monotonic() >= deadline) return left;
    await host.clock.sleep(POLL_MS);
  }
}
