/** What the description of one machine works with, and where it gathers what it finds. */
import type { Diagnostic, Location } from '../../lib/diagnostic.js';
import { DroverError, errorRecord } from '../../lib/error.js';
import type { ErrorCode } from '../../lib/catalog/index.js';
import type { Host } from '../../host/index.js';
import type { LoadedSource, LoadedVm } from '../../model/index.js';
import type { ReferencePolicy } from '../references.js';

export interface DescribeContext {
  readonly host: Host;
  readonly source: LoadedSource;
  readonly vm: LoadedVm;
  /** Real path of the source's folder. */
  readonly folder: string;
  readonly policy: ReferencePolicy;
  readonly signal: AbortSignal | undefined;
  readonly diagnostics: Diagnostic[];
  /** Texts of what is no error; they go into the description too. */
  readonly warnings: string[];
}

/** Records something to be read, not to be stopped by. */
export function note(ctx: DescribeContext, code: ErrorCode, message: string, location?: Location): void {
  ctx.warnings.push(message);
  ctx.diagnostics.push({
    code,
    severity: 'warning',
    message: `${ctx.vm.name}: ${message}`,
    location: location ?? ctx.vm.at.madeOf,
  });
}

/** Records a failure as a diagnostic. What is no fault of the files is thrown on. */
export function fault(ctx: DescribeContext, thrown: unknown, location?: Location): void {
  if (!(thrown instanceof DroverError) || thrown.class === 'internal' || thrown.class === 'cancelled') throw thrown;
  const { code, message, hint } = errorRecord(thrown);
  ctx.diagnostics.push({
    code: code as ErrorCode,
    severity: 'error',
    message: `${ctx.vm.name}: ${message}`,
    hint,
    location: location ?? ctx.vm.at.madeOf,
  });
}

/** Runs a step; its failure becomes a diagnostic and undefined is returned. */
export async function attempt<T>(
  ctx: DescribeContext,
  step: () => Promise<T>,
  location?: Location,
): Promise<T | undefined> {
  ctx.signal?.throwIfAborted();
  try {
    return await step();
  } catch (thrown) {
    fault(ctx, thrown, location);
    return undefined;
  }
}
