/**
 * Commands from other processes: files in the control folder of a run, written as a whole, taken in the order of their
 * names, acknowledged in the journal and then removed. Only the owner of the run can write there.
 */
import { join } from 'node:path';
import type { Host } from '../host/index.js';
import type { ControlCommand, ControlScope } from './control.js';
import { DIR_MODE, pathsOfRunDir } from './layout.js';
import type { RecordBody } from './record.js';

const LIMIT_BYTES = 64 * 1024;

/** Hands a command to the process that works on a run. It is acknowledged in the journal; returns the file's name. */
export async function sendControl(host: Host, runDir: string, command: ControlCommand): Promise<string> {
  const { control } = pathsOfRunDir(runDir);
  await host.files.makeDir(control, DIR_MODE);
  const name = `${String(host.clock.now()).padStart(15, '0')}-${host.random.base32(8)}.json`;
  await host.files.writeAtomic(join(control, name), `${JSON.stringify(command)}\n`);
  return name;
}

/** A command that was found, or why a file is none. */
export interface FoundCommand {
  readonly file: string;
  readonly command: ControlCommand | undefined;
  readonly refusal: string | undefined;
}

/** The commands that lie in a control folder, oldest first, without those that were acknowledged already. */
export async function findCommands(
  host: Host,
  dir: string,
  ownerUid: number,
  acknowledged: ReadonlySet<string>,
): Promise<readonly FoundCommand[]> {
  if ((await host.files.stat(dir)) === undefined) return [];
  const found: FoundCommand[] = [];
  for (const file of await host.files.list(dir)) {
    if (!file.endsWith('.json') || file.startsWith('.')) continue;
    if (acknowledged.has(file)) {
      // Executed before a crash that came before its removal.
      await host.files.remove(join(dir, file));
      continue;
    }
    found.push(await readCommand(host, dir, file, ownerUid));
  }
  return found;
}

/**
 * What lies in a control folder when a process takes a run up that nobody worked on: meant for the process before it, for
 * the run as it was then. A cancel that came too late must not stop a run that somebody has just resumed.
 */
export async function lateCommands(
  host: Host,
  dir: string,
  ownerUid: number,
  acknowledged: ReadonlySet<string>,
): Promise<readonly (RecordBody & { readonly type: 'control.ack' })[]> {
  const found = await findCommands(host, dir, ownerUid, acknowledged);
  return found.map(({ file, command, refusal }) => ({
    type: 'control.ack',
    file,
    command: command?.command ?? 'unknown',
    by: `uid ${ownerUid}`,
    answer: refusal ?? 'came too late: nobody worked on the run when it was given',
  }));
}

async function readCommand(host: Host, dir: string, file: string, ownerUid: number): Promise<FoundCommand> {
  const path = join(dir, file);
  const facts = await host.files.lstat(path);
  const refuse = (refusal: string): FoundCommand => ({ file, command: undefined, refusal });
  if (facts?.kind !== 'file') return refuse('refused: not a regular file');
  if (facts.uid !== ownerUid) return refuse(`refused: written by uid ${facts.uid}`);
  if ((facts.mode & 0o022) !== 0) return refuse('refused: others may write to the file');
  try {
    const value = JSON.parse(await host.files.readText(path, LIMIT_BYTES)) as unknown;
    return isCommand(value) ? { file, command: value, refusal: undefined } : refuse('refused: not a known command');
  } catch {
    return refuse('refused: not readable as JSON');
  }
}

function isScope(value: unknown): value is ControlScope {
  const scope = value as Partial<Record<string, unknown>> | null;
  if (typeof scope !== 'object' || scope === null) return false;
  if (scope['kind'] === 'run') return true;
  const kind = scope['kind'];
  return (kind === 'wave' || kind === 'vm' || kind === 'pool') && typeof scope[kind] === 'string';
}

function isCommand(value: unknown): value is ControlCommand {
  const body = value as Partial<Record<string, unknown>> | null;
  if (typeof body !== 'object' || body === null) return false;
  switch (body['command']) {
    case 'cancel': {
      const vms = body['vms'];
      const now = body['now'];
      const areNames = vms === undefined || (Array.isArray(vms) && vms.every((vm) => typeof vm === 'string'));
      return areNames && (now === undefined || typeof now === 'boolean');
    }
    case 'pause':
    case 'resume':
      return isScope(body['scope']);
    case 'limits.set':
      return typeof body['pool'] === 'string' && typeof body['units'] === 'number';
    case 'priority.bump':
      return typeof body['vm'] === 'string';
    default:
      return false;
  }
}
