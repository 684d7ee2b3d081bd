import { readFile } from 'node:fs/promises';

/** Start time of a process in clock ticks (field 22 of /proc/PID/stat); undefined when it is gone. */
export async function startTicksOf(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command name may hold spaces and parentheses: the fields start after the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A zombie holds its number and nothing else.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

let bootId: Promise<string> | undefined;

/** Identity of this boot of the machine; pids mean nothing across it. */
export function currentBootId(): Promise<string> {
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => 'unknown',
  );
  return bootId;
}

/** Whether exactly this process lives: number, start time and boot must all match. */
export async function isSameProcess(identity: {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}): Promise<boolean> {
  return identity.bootId === (await currentBootId()) && (await startTicksOf(identity.pid)) === identity.startTicks;
}
