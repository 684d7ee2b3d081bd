/** Labels of what was created. Files that existed keep theirs; new ones get theirs when they are written. */
import type { FixContext, Fixer } from '../fixers/types.js';
import type { FixAppliance } from '../fixers/appliance.js';
import { readLabeler } from './file-contexts.js';
import type { Labeler } from './file-contexts.js';
import { findUnlabelled } from './unlabelled.js';

const marker = '/.autorelabel';
/** More files than package removal and an initramfs leave. */
const maxFiles = 200;

/** Step `selinux`. A full relabel costs the first boot minutes and a restart, so it is asked for only where it must be. */
export const selinuxFixer: Fixer = {
  id: 'selinux',
  warningCode: 'guest.selinux',
  async run(ctx) {
    const { selinux } = ctx.inspection;
    const mode = ctx.settings.fix.selinux;
    if (selinux === 'none' || selinux === 'disabled') {
      return { status: 'skipped', notes: ['the guest does not use SELinux'] };
    }
    if (mode === 'off') return { status: 'skipped', notes: ['switched off by fix.selinux'] };
    if (ctx.state.writtenPaths.length === 0 && ctx.tree.changes().length === 0) {
      return { notes: ['nothing was written that needs a label'] };
    }
    const why = mode === 'autorelabel' ? 'asked for by fix.selinux' : await labelNewFiles(ctx);
    if (why === undefined) return { notes: ["new files have their labels from the guest's own file_contexts"] };
    ctx.state.selinuxRelabelPending = true;
    if (ctx.tree.lstat(marker) === undefined) ctx.tree.write(marker, '', 0o644);
    return { notes: [`the first boot relabels every file and restarts once: ${why}`] };
  },
};

/** Why a full relabel is needed; undefined when every new file has its label, or gets it when it is written. */
async function labelNewFiles(ctx: FixContext): Promise<string | undefined> {
  const label = readLabeler(ctx.tree);
  if (label === undefined) return 'the guest has no file_contexts that can be read';
  if (!ctx.state.ranGuestPrograms || ctx.appliance === undefined) return undefined;
  return labelUnlabelled(label, ctx.appliance);
}

/** Programs of the guest ran in an appliance without SELinux: what they created has no label yet. */
async function labelUnlabelled(label: Labeler, appliance: FixAppliance): Promise<string | undefined> {
  const files = await findUnlabelled(appliance.session);
  if (files.length > maxFiles) return `${files.length} files that programs of the guest wrote have no label`;
  const calls = files.flatMap(({ path, kind }) => {
    const value = label(path, kind);
    return value === undefined ? [] : [['lsetxattr', 'security.selinux', value, String(value.length), path]];
  });
  const failed = (await appliance.session.batch(calls)).filter((result) => !result.ok);
  return failed.length === 0 ? undefined : 'labels could not be set';
}
