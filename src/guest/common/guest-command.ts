/** Programs of the guest, run in a chroot of the appliance. The guest's own shell reports how they ended. */
import { shellWord } from './words.js';

const TAIL_BYTES = 64 * 1024;
const GRACE_S = 10;

/** A script for the guest's `/bin/sh`: runs the program under a deadline and prints its exit code behind `marker`. */
export function guestCommandScript(argv: readonly string[], timeoutS: number, marker: string): string {
  const words = argv.map(shellWord).join(' ');
  return [
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'export LC_ALL=C DEBIAN_FRONTEND=noninteractive HOME=/root',
    'limit=',
    `if command -v timeout >/dev/null 2>&1; then limit="timeout -k ${GRACE_S} ${timeoutS}"; fi`,
    // One subshell writes both streams into the pipe; its status travels beside the output, not through the pipe.
    `{ { $limit ${words}; echo "${marker}$?" >&3; } 2>&1 </dev/null | tail -c ${TAIL_BYTES}; } 3>&1`,
  ].join('\n');
}

export interface GuestCommandResult {
  readonly available: boolean;
  readonly exitCode: number;
  readonly output: string;
}

/** What the script printed, taken apart. Without the marker the guest's shell could not run at all. */
export function readGuestCommand(text: string, marker: string): GuestCommandResult {
  const at = text.indexOf(marker);
  const code = at === -1 ? null : /^\d{1,3}/.exec(text.slice(at + marker.length));
  if (code === null) return { available: false, exitCode: 127, output: text };
  const end = at + marker.length + code[0].length;
  const output = `${text.slice(0, at)}${text.slice(end).replace(/^\n/, '')}`;
  return { available: true, exitCode: Number(code[0]), output };
}
