import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';
import type { ControlCommand } from './control.js';

/** Hands a command to the process that works on a run. It is acknowledged in the journal; returns the file's name. */
export async function sendControl(host: Host, runDir: string, command: ControlCommand): Promise<string> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${host.cwd} ${runDir} ${command.command}` });
}
