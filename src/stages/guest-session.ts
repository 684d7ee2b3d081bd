import { join } from 'node:path';
import { inspectGuest, openGuest } from '../guest/index.js';
import type { OpenGuest } from '../guest/index.js';
import type { Host } from '../host/index.js';
import { probeAccelerator } from '../machine/index.js';
import type { StageContext, StageTask } from '../model/index.js';
import { machineCacheDir, taskHost } from './task-host.js';

/** Name under which the open guest is kept between INSPECT and FIX. */
const KEY = 'guest';

/**
 * The guest in its running appliance: the one that an earlier stage of this machine left open in this process, else a new
 * one. It works on throw-away overlays, so that what FLATTEN made is never written to, and it is inspected as part of being
 * opened. `launched` says whether an appliance had to be started.
 */
export async function guestSessionFor(
  host: Host,
  task: StageTask,
  context: StageContext,
): Promise<{ readonly guest: OpenGuest; readonly launched: boolean }> {
  const kept = context.session.get<OpenGuest>(KEY);
  if (kept !== undefined) return { guest: kept, launched: false };
  const own = taskHost(host, task, context);
  const { accelerator } = await probeAccelerator(own, machineCacheDir(own), { signal: context.signal });
  // Not the stage's own folder: the appliance outlives the stage that starts it.
  const dir = await host.files.makeTempDir('drover-guest-', task.paths.logs);
  const scratchDir = join(dir, 'scratch');
  await host.files.makeDir(scratchDir);
  const { description } = context.input('FETCH');
  const { settings } = task.vm;
  context.progress({ phase: 'starting the appliance', doneBytes: 0, totalBytes: 0, totalKind: 'exact' });
  const session = await openGuest(own, {
    disks: context.input('FLATTEN').disks,
    workDir: dir,
    accelerator,
    signal: context.signal,
  });
  try {
    context.progress({ phase: 'reading the guest', doneBytes: 0, totalBytes: 0, totalKind: 'exact' });
    const inspected = await inspectGuest(own, session, {
      scratchDir,
      disks: description.disks,
      ...(description.firmware === undefined ? {} : { firmware: description.firmware }),
      ...(settings.guest.root === undefined ? {} : { root: settings.guest.root }),
    });
    const guest: OpenGuest = {
      session: inspected.session,
      inspection: inspected.inspection,
      tree: inspected.tree,
      copies: inspected.copies,
      get mounted() {
        return inspected.mounted;
      },
      remount: (mode) => inspected.remount(mode),
      [Symbol.asyncDispose]: async () => {
        await inspected[Symbol.asyncDispose]();
        await host.files.removeTree(dir);
      },
    };
    return { guest: context.session.keep(KEY, guest), launched: true };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    await host.files.removeTree(dir);
    throw error;
  }
}

/** Ends the appliance of this machine now. */
export function endGuestSession(context: StageContext): Promise<void> {
  return context.session.drop(KEY);
}
