import type { Fixer } from '../fixers/types.js';
import { stepNotes } from '../fixers/types.js';
import { fixFstab } from './fix.js';
import { MAX_LINES } from './parse.js';
import { fixResume, fixUnits, reportAutomounts } from './units.js';

const path = '/etc/fstab';

/** Step `fstab`: everything that says what is mounted gets names that survive the change of hypervisor. */
export const fstabFixer: Fixer = {
  id: 'fstab',
  warningCode: 'guest.fstab',
  run(ctx) {
    const notes = stepNotes();
    if (ctx.settings.fix.fstab === 'off') return { status: 'skipped', notes: ['switched off by fix.fstab'] };
    const content = ctx.tree.text(path);
    if (content !== undefined && content.split('\n').length > MAX_LINES + 1) {
      notes.warnings.push(`${path} has more than ${MAX_LINES} lines; those behind them were left alone`);
    }
    if (content !== undefined) ctx.tree.write(path, fixFstab(content, ctx, notes));
    else if (ctx.tree.lstat(path) === undefined) notes.notes.push('there is no /etc/fstab');
    else notes.warnings.push('/etc/fstab cannot be read: too big, no regular file, or a link out of the guest');
    fixUnits(ctx, notes);
    fixResume(ctx, notes);
    reportAutomounts(ctx, notes);
    return notes;
  },
};
