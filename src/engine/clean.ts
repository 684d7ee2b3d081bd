import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';

export interface CleanRequest {
  readonly host: Host;
  readonly stateDir: string;
  /** One run, or every run that is over. */
  readonly runId?: string;
  /** `intermediates`: what no later run needs to count its work as done. `all`: run folders and the whole store of their machines too. */
  readonly what: 'intermediates' | 'all';
  /** Only runs that ended longer ago than this. */
  readonly olderThanMs?: number;
  readonly dryRun?: boolean;
}

export interface CleanResult {
  readonly removed: readonly { readonly path: string; readonly bytes: number }[];
  /** What was left alone, and why. */
  readonly kept: readonly { readonly path: string; readonly why: string }[];
  readonly bytes: number;
}

/** Frees space in the state folder. Never touches products, nor anything that an unfinished run refers to. */
export async function cleanState(request: CleanRequest): Promise<CleanResult> {
  throw new DroverError({ code: 'internal.bug', message: `not built yet: ${request.stateDir}` });
}
