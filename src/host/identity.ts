/** Who a process is: its number alone may belong to another one a moment later. */
import { readdir, readFile } from 'node:fs/promises';

interface ProcStat {
  readonly state: string;
  readonly pgrp: number;
  readonly session: number;
  /** Start time since boot, clock ticks. */
  readonly startTicks: string;
}

/** Facts of /proc/PID/stat; undefined when there is no such process. */
async function procStat(pid: number): Promise<ProcStat | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command name may hold spaces and parentheses: the fields start after the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, , pgrp, session] = fields;
    return { state: state ?? '', pgrp: Number(pgrp), session: Number(session), startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** A zombie holds its number and nothing else. */
function isGone(stat: ProcStat | undefined): boolean {
  return stat === undefined || stat.state === 'Z' || stat.state === 'X';
}

/** Start time of a process in clock ticks (field 22 of /proc/PID/stat); undefined when it is gone. */
export async function startTicksOf(pid: number): Promise<string | undefined> {
  const stat = await procStat(pid);
  return isGone(stat) ? undefined : stat?.startTicks;
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

export interface GroupIdentity {
  readonly pgid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

/**
 * Whether anything of a process group lives. The leader may be gone while its children hold files and memory: the number
 * of a group is not given to a new process as long as the group has members, so members that lead no other session and
 * started after the leader are its own.
 */
export async function isGroupAlive(group: GroupIdentity): Promise<boolean> {
  if (group.bootId !== (await currentBootId())) return false;
  const leader = await procStat(group.pgid);
  if (leader !== undefined && !isGone(leader)) return leader.startTicks === group.startTicks;
  // A zombie that is somebody else's says that the number was given away.
  if (leader !== undefined && leader.startTicks !== group.startTicks) return false;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const member = await procStat(Number(name));
    if (member === undefined || isGone(member)) continue;
    const isOurs = member.pgrp === group.pgid && member.session === group.pgid;
    if (isOurs && BigInt(member.startTicks) >= BigInt(group.startTicks)) return true;
  }
  return false;
}

/** Signals a process group after checking that it is the one meant; false when nothing of it lives. */
export async function signalGroup(group: GroupIdentity, signal: NodeJS.Signals): Promise<boolean> {
  if (!(await isGroupAlive(group))) return false;
  try {
    process.kill(-group.pgid, signal);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw cause;
  }
}
