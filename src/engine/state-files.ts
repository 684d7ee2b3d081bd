import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';

export interface StateFinding {
  readonly runId: string;
  readonly path: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** Reads every record of one run's or all runs' journals and compares snapshot and journal. Changes nothing. */
export async function verifyState(host: Host, stateDir: string, runId?: string): Promise<readonly StateFinding[]> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${host.cwd} ${stateDir} ${runId ?? ''}` });
}

export interface RepairResult {
  readonly runId: string;
  /** The journal as it was. */
  readonly copy: string;
  readonly recordsKept: number;
  readonly bytesCut: number;
}

/** Cuts a damaged journal before its first bad record and keeps a copy of what it was. Undefined when nothing is wrong. */
export async function repairState(host: Host, stateDir: string, runId: string): Promise<RepairResult | undefined> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${host.cwd} ${stateDir} ${runId}` });
}
