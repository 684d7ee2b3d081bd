/** Drivers of the new machine into the initramfs: appended where that is possible, rebuilt by the guest's tool where not. */
import { DroverError } from '../../../lib/error.js';
import type { FileChange, KernelPlan } from '../../../model/fix.js';
import type { KernelFacts } from '../../../model/inspection.js';
import { placeDisks } from '../decide/index.js';
import { findRebuildTool, persistDrivers, readInitramfs } from '../initramfs/index.js';
import type { RebuildTool } from '../initramfs/index.js';
import type { FixAppliance } from './appliance.js';
import type { FileChanges, ImageOutcome } from './image-outcome.js';
import { appendToImage } from './initramfs-append.js';
import { rebuildImage } from './initramfs-rebuild.js';
import type { FixContext, Fixer, RebuildReason, StepNotes } from './types.js';
import { stepNotes } from './types.js';

/** Step `initramfs`. Throws when the kernel that boots could not be completed and no other bus is left. */
export const initramfsFixer: Fixer = {
  id: 'initramfs',
  warningCode: 'guest.initramfs',
  isNeeded: (ctx) => ctx.state.rebuildReasons.length > 0 && ctx.settings.fix.initramfs.when !== 'never',
  async run(ctx) {
    const notes = stepNotes();
    const changes: FileChange[] = [];
    // Written first: a rebuild reads it.
    keepForUpdates(ctx, notes);
    for (const plan of ctx.plan.kernels) {
      const facts = ctx.inspection.kernels.find(
        (kernel) => kernel.version === plan.version && kernel.initramfs?.path === plan.initramfs,
      );
      if (facts?.initramfs !== undefined) await handleKernel(plan, facts, ctx, notes, changes);
    }
    return { ...notes, changes };
  },
};

/** So that the next kernel update keeps the drivers, the guest's own tool is told about them. */
function keepForUpdates(ctx: FixContext, notes: StepNotes): void {
  const touched = ctx.plan.kernels.filter((kernel) => kernel.action === 'append' || kernel.action === 'rebuild');
  const modules = [...new Set(touched.flatMap((kernel) => kernel.modules))];
  const tool = guestTool(ctx);
  const setting = tool === undefined ? undefined : persistDrivers(tool, ctx.tree, modules);
  if (setting === undefined) return;
  ctx.tree.write(setting.path, setting.content, ctx.tree.stat(setting.path) === undefined ? 0o644 : undefined);
  notes.notes.push(`${setting.path}: the next kernel update keeps ${modules.join(', ')}`);
}

/** The tool that is installed; where no program was found, the one that made the image. */
function guestTool(ctx: FixContext): RebuildTool | undefined {
  const found = findRebuildTool(ctx.tree);
  if (found !== undefined) return found;
  const made = ctx.inspection.kernels.find((kernel) => kernel.isDefault)?.initramfs?.tool;
  return made === 'unknown' ? undefined : made;
}

async function handleKernel(
  plan: KernelPlan,
  facts: KernelFacts,
  ctx: FixContext,
  notes: StepNotes,
  changes: FileChanges,
): Promise<void> {
  const image = facts.initramfs?.path ?? '';
  if (ctx.appliance === undefined) {
    if (plan.action === 'keep' || plan.action === 'none') return;
    notes.notes.push(`${image}: would ${plan.action} ${plan.modules.join(', ')}: ${plan.reason}`);
    return;
  }
  const stale = await staleReasons(image, ctx, ctx.appliance);
  const isOutdated = stale.some((reason) => reason.critical);
  // An image that is completed anyway gets a true copy as well.
  const isCorrected = !isOutdated && plan.action === 'append';
  for (const reason of stale.filter((each) => !each.critical && !(isCorrected && each.content !== undefined))) {
    notes.warnings.push(`${image}: ${reason.why}; make it anew in the running guest`);
  }
  if (!isOutdated && plan.action !== 'append' && plan.action !== 'rebuild') return;
  const outcome = await complete(plan, facts, stale, ctx, ctx.appliance, notes, changes);
  if (outcome.done) notes.notes.push(`${image}: ${outcome.why}`);
  else giveUp(plan, facts, outcome.why, isOutdated, ctx, notes);
}

async function complete(
  plan: KernelPlan,
  facts: KernelFacts,
  stale: readonly RebuildReason[],
  ctx: FixContext,
  appliance: FixAppliance,
  notes: StepNotes,
  changes: FileChanges,
): Promise<ImageOutcome> {
  if (!stale.some((reason) => reason.critical) && plan.action === 'append') {
    const appended = await appendToImage(plan, facts, stale, ctx, appliance, changes);
    if (appended.done || ctx.settings.fix.initramfs.method === 'append') return appended;
    notes.notes.push(`${facts.initramfs?.path ?? ''}: nothing could be appended: ${appended.why}`);
  }
  return rebuildImage(plan, facts, guestTool(ctx), ctx, appliance, notes, changes);
}

/** Reasons that apply to an image: those whose file it holds a copy of. */
async function staleReasons(image: string, ctx: FixContext, appliance: FixAppliance): Promise<RebuildReason[]> {
  const copy = appliance.copies.get(image);
  if (copy === undefined || ctx.state.rebuildReasons.length === 0) return [];
  await using source = await appliance.host.files.open(copy);
  const inside = new Set((await readInitramfs(appliance.host, source)).entries.map((entry) => entry.name));
  return ctx.state.rebuildReasons.filter((reason) => reason.copies.some((path) => inside.has(path)));
}

/** A kernel that stays without its drivers: another bus, or the end, when it is the one that boots. */
function giveUp(
  plan: KernelPlan,
  facts: KernelFacts,
  why: string,
  isOutdated: boolean,
  ctx: FixContext,
  notes: StepNotes,
): void {
  const message = `the initramfs of kernel ${plan.version} could not be completed: ${why}`;
  if (!facts.isDefault) {
    notes.warnings.push(message);
    return;
  }
  const bus = ctx.plan.fallbackBus;
  // Another bus does not make an outdated copy of a configuration true.
  if (bus === undefined || isOutdated) {
    throw new DroverError({ code: 'guest.initramfs', message, details: { kernel: plan.version, why } });
  }
  ctx.state.buses = placeDisks(
    ctx.plan.disks.map((disk) => disk.index),
    () => bus,
  );
  ctx.state.degraded = true;
  notes.warnings.push(`${message}; the disks go to ${bus} instead`);
}
