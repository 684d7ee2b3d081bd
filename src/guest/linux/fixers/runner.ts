/** Runs the steps of FIX in their fixed order. A step that fails is undone and reported; only a few failures end FIX. */
import { asDroverError } from '../../../lib/error.js';
import type { DroverError } from '../../../lib/error.js';
import type { FixStepId, StepReport, StepStatus } from '../../../model/fix.js';
import { fileChanges, restore, snapshot } from './snapshot.js';
import type { FixContext, Fixer, StepOutcome } from './types.js';

/** Failures after which the guest could not boot. */
const fatalCodes = new Set<string>([
  'guest.root-spec',
  'guest.initramfs',
  'guest.no-loader',
  'guest.postcheck',
  'guest.uefi-fallback',
  'guest.fsck',
]);

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly onStep?: (id: FixStepId, position: number, total: number) => void;
  readonly monotonic?: () => number;
  readonly onStepDone?: (report: StepReport, milliseconds: number) => void;
}

/** Runs fixers one after the other. Throws what makes the machine unbootable, and what is no failure of a step at all. */
export async function runFixers(
  ctx: FixContext,
  fixers: readonly Fixer[],
  options: RunOptions = {},
): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for (const [position, fixer] of fixers.entries()) {
    options.signal?.throwIfAborted();
    options.onStep?.(fixer.id, position, fixers.length);
    const began = options.monotonic?.() ?? 0;
    const report = await runStep(ctx, fixer);
    reports.push(report);
    if (report.status === 'failed') ctx.state.degraded = true;
    options.onStepDone?.(report, (options.monotonic?.() ?? 0) - began);
  }
  return reports;
}

async function runStep(ctx: FixContext, fixer: Fixer): Promise<StepReport> {
  const planned = ctx.plan.steps.find((step) => step.id === fixer.id);
  if (planned?.willRun === false && fixer.isNeeded?.(ctx) !== true)
    return { ...emptyReport(fixer.id), status: 'skipped', notes: [planned.reason] };
  const tree = ctx.tree;
  const before = snapshot(tree);
  try {
    const outcome = await fixer.run(ctx);
    const changes = [...fileChanges(before, snapshot(ctx.tree)), ...(outcome.changes ?? [])];
    return { ...emptyReport(fixer.id), ...fields(outcome), changes, status: statusOf(outcome, changes.length) };
  } catch (thrown) {
    const error = asDroverError(thrown, { step: fixer.id });
    if (isFatal(error)) throw error;
    // A tree that was read anew holds what programs of the guest did; that cannot be taken back.
    if (ctx.tree === tree) restore(tree, before);
    return {
      ...emptyReport(fixer.id),
      status: 'failed',
      error: { code: error.code, message: error.message, hint: error.hint },
    };
  }
}

function isFatal(error: DroverError): boolean {
  return fatalCodes.has(error.code) || error.class === 'cancelled' || error.class === 'transient';
}

function emptyReport(id: FixStepId): StepReport {
  return { id, status: 'unchanged', changes: [], notes: [], warnings: [], mapped: [], commands: [] };
}

function fields(outcome: StepOutcome): Partial<StepReport> {
  return {
    notes: outcome.notes ?? [],
    warnings: outcome.warnings ?? [],
    mapped: outcome.mapped ?? [],
    commands: outcome.commands ?? [],
    ...(outcome.error === undefined ? {} : { error: outcome.error }),
  };
}

function statusOf(outcome: StepOutcome, changes: number): StepStatus {
  if (outcome.status !== undefined) return outcome.status;
  if (changes > 0) return 'changed';
  return (outcome.warnings?.length ?? 0) > 0 ? 'warned' : 'unchanged';
}
