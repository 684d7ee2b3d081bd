/** Labels of what was created. Files that existed keep theirs; new ones get theirs when they are written. */
import type { Fixer } from '../fixers/types.js';
import { readLabeler } from './file-contexts.js';

const marker = '/.autorelabel';

/** Step `selinux`. A full relabel costs the first boot minutes and a restart, so it is asked for only where it must be. */
export const selinuxFixer: Fixer = {
  id: 'selinux',
  warningCode: 'guest.selinux',
  run(ctx) {
    const { selinux } = ctx.inspection;
    if (selinux === 'none' || selinux === 'disabled')
      return { status: 'skipped', notes: ['the guest does not use SELinux'] };
    if (ctx.settings.fix.selinux === 'off') return { status: 'skipped', notes: ['switched off by fix.selinux'] };
    if (!ctx.state.wroteFiles && ctx.tree.changes().length === 0 && ctx.tree.lstat(marker) === undefined) {
      return { notes: ['nothing was written that needs a label'] };
    }
    const known = readLabeler(ctx.tree) !== undefined;
    if (ctx.settings.fix.selinux === 'auto' && known && !ctx.state.ranGuestPrograms) {
      return { notes: ["new files got their labels from the guest's file_contexts"] };
    }
    ctx.state.selinuxRelabelPending = true;
    const why =
      ctx.settings.fix.selinux === 'autorelabel'
        ? 'asked for by fix.selinux'
        : known
          ? 'programs of the guest ran without SELinux'
          : 'the guest has no file_contexts that can be read';
    if (ctx.tree.lstat(marker) === undefined) ctx.tree.write(marker, '', 0o644);
    return { notes: [`the first boot relabels every file and restarts once: ${why}`] };
  },
};
