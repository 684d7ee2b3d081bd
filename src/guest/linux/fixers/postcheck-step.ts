import type { GuestTree } from '../../common/ports.js';
import { DroverError } from '../../../lib/error.js';
import { expectNics } from '../network/expect.js';
import { rootArgument } from '../bootloader/arguments.js';
import { readBootEntries } from '../bootloader/index.js';
import { classifySpec, resolveSpec } from '../fstab/index.js';
import { resolveContext, rootDevice } from '../fstab/fix.js';
import { networkFiles, readNetworkFacts } from '../network/index.js';
import { shown } from '../text/display.js';
import { bootFiles, bootRelevantSpecs } from './postcheck.js';
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
      ctx.tree = await ctx.appliance.rereadFiles(ctx.tree, [...decisiveFiles(ctx.tree), ...ctx.state.writtenPaths]);
    }
    checkNames(ctx);
    await checkDefaultEntry(ctx, notes);
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

async function checkDefaultEntry(ctx: FixContext, notes: StepNotes): Promise<void> {
  const entry = readBootEntries(ctx.tree).find((each) => each.isDefault);
  if (entry === undefined) {
    notes.warnings.push('no boot entry is understood; whether the guest finds its kernel was not checked');
    return;
  }
  const missing = await firstMissing(ctx, [entry.kernel, ...entry.initrds]);
  if (missing !== undefined) {
    throw new DroverError({
      code: 'guest.postcheck',
      message: `${entry.path}: the default entry loads ${shown(missing)}, which is not there`,
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

/** The first of these files that the guest does not have; asked of the guest itself where that can be. */
async function firstMissing(ctx: FixContext, paths: readonly string[]): Promise<string | undefined> {
  const unknown = paths.find((path) => ctx.tree.stat(path) === undefined);
  if (unknown !== undefined || ctx.appliance === undefined) return unknown;
  const answers = await ctx.appliance.session.batch(paths.map((path) => ['exists', ctx.tree.resolve(path) ?? path]));
  return paths.find((_path, index) => answers[index]?.output.trim() !== 'true');
}

/** Files by which the guest finds its disks and its network, by real path. */
function decisiveFiles(tree: GuestTree): string[] {
  const paths = [...bootFiles(tree), ...networkFiles(tree)];
  return [...new Set(paths.flatMap((path) => tree.resolve(path) ?? []))].filter(
    (path) => tree.read(path) !== undefined,
  );
}

/** Members of one btrfs, or two names of one device. */
function sameUuid(ctx: FixContext, a: string, b: string): boolean {
  const uuid = (device: string): string | undefined =>
    ctx.inspection.block.find((each) => each.device === device)?.uuid;
  return uuid(a) !== undefined && uuid(a) === uuid(b);
}
