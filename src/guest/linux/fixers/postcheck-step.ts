import { DroverError } from '../../../lib/error.js';
import { expectNics } from '../network/expect.js';
import { rootArgument } from '../bootloader/arguments.js';
import { readBootEntries } from '../bootloader/index.js';
import { classifySpec, resolveSpec } from '../fstab/index.js';
import { resolveContext, rootDevice } from '../fstab/fix.js';
import { readNetworkFacts } from '../network/index.js';
import { shown } from '../text/display.js';
import { bootRelevantSpecs } from './postcheck.js';
import type { FixContext, Fixer, StepNotes } from './types.js';
import { stepNotes } from './types.js';

/**
 * Step `postcheck`: writes what is pending, reads the guest again, and judges that. Nothing here trusts what a step said
 * about its own edit.
 */
export const postcheckFixer: Fixer = {
  id: 'postcheck',
  warningCode: 'guest.postcheck',
  async run(ctx) {
    const notes = stepNotes();
    if (ctx.appliance !== undefined) {
      await ctx.appliance.flush(ctx.tree);
      ctx.tree = await ctx.appliance.reread();
    }
    checkNames(ctx);
    checkDefaultEntry(ctx, notes);
    ctx.state.nics = expectNics(ctx.plan.nics, readNetworkFacts(ctx.tree));
    return notes;
  },
};

/** No file that matters for booting may hold a name that could have been replaced. */
function checkNames(ctx: FixContext): void {
  const mode = ctx.settings.fix.fstab;
  const left = bootRelevantSpecs(ctx.tree).filter(({ path, spec }) => {
    if (ctx.state.toleratedSpecs.includes(spec)) return false;
    // With fixing restricted by the playbook, what it restricts is no failure.
    if (path === '/etc/fstab' && mode === 'off') return false;
    return !(mode === 'bypath-only' && !spec.includes('by-path'));
  });
  const first = left[0];
  if (first === undefined) return;
  throw new DroverError({
    code: 'guest.postcheck',
    message: `${first.path} still names ${shown(first.spec)}, which does not exist on the new machine`,
    details: { left },
  });
}

function checkDefaultEntry(ctx: FixContext, notes: StepNotes): void {
  const entry = readBootEntries(ctx.tree).find((each) => each.isDefault);
  if (entry === undefined) {
    notes.warnings.push('no boot entry is understood; whether the guest finds its kernel was not checked');
    return;
  }
  const missing = [entry.kernel, ...entry.initrds].filter((path) => ctx.tree.stat(path) === undefined);
  if (missing.length > 0) {
    throw new DroverError({
      code: 'guest.postcheck',
      message: `${entry.path}: the default entry loads ${shown(missing[0] ?? '')}, which is not there`,
    });
  }
  const spec = rootArgument(entry.cmdline);
  const root = rootDevice(ctx);
  if (spec === undefined || root === undefined || ctx.state.toleratedSpecs.includes(spec)) return;
  const kind = classifySpec(spec);
  const found = resolveSpec(spec, resolveContext(ctx));
  if (found === root.device || (kind !== 'stable' && kind !== 'volatile')) return;
  const isSameFilesystem = found !== undefined && sameUuid(ctx, found, root.device);
  if (isSameFilesystem) return;
  throw new DroverError({
    code: 'guest.postcheck',
    message: `${entry.path}: root=${shown(spec)} of the default entry is not the root filesystem ${root.device}`,
  });
}

/** Members of one btrfs, or two names of one device. */
function sameUuid(ctx: FixContext, a: string, b: string): boolean {
  const uuid = (device: string): string | undefined =>
    ctx.inspection.block.find((each) => each.device === device)?.uuid;
  return uuid(a) !== undefined && uuid(a) === uuid(b);
}
