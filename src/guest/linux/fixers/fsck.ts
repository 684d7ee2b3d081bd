/** Filesystem checks before anything is edited. */
import { DroverError } from '../../../lib/error.js';
import type { BlockDevice, Mountpoint } from '../../../model/inspection.js';
import { isPlainWord } from '../../common/words.js';
import { rootDevice } from '../fstab/fix.js';
import type { FixAppliance } from './appliance.js';
import type { FixContext, Fixer, StepNotes } from './types.js';
import { stepNotes } from './types.js';

/** Step `fsck`. `check` replays journals, which mounting does; `repair` runs the filesystem's own program first. */
export const fsckFixer: Fixer = {
  id: 'fsck',
  warningCode: 'guest.fsck',
  async run(ctx) {
    const notes = stepNotes();
    if (ctx.settings.fix.fsck === 'off') return { status: 'skipped', notes: ['switched off by fix.fsck'] };
    if (ctx.settings.fix.fsck === 'repair' && ctx.appliance !== undefined) await repair(ctx, ctx.appliance, notes);
    for (const mount of ctx.inspection.mountpoints) judge(mount, notes);
    return notes;
  },
};

function judge(mount: Mountpoint, notes: StepNotes): void {
  if (!mount.dirty) return;
  if (mount.readOnlyReason === undefined) {
    notes.notes.push(`${mount.path}: the journal of ${mount.device} was replayed`);
    return;
  }
  const message = `${mount.path} (${mount.device}): ${mount.readOnlyReason}`;
  if (mount.path === '/') throw new DroverError({ code: 'guest.fsck', message });
  notes.warnings.push(message);
}

const programs: Readonly<Record<string, string>> = {
  // -p mends what loses no data; exit 1 means mended, 2 mended and a restart wanted.
  ext2: 'e2fsck -f -p',
  ext3: 'e2fsck -f -p',
  ext4: 'e2fsck -f -p',
  vfat: 'fsck.vfat -a',
  // Never with -L: that throws the journal away.
  xfs: 'xfs_repair -e',
};
const timeoutMs = 1_800_000;

async function repair(ctx: FixContext, appliance: FixAppliance, notes: StepNotes): Promise<void> {
  const devices = ctx.inspection.block.filter(
    (device) =>
      programs[device.fsType ?? ''] !== undefined &&
      device.uuid !== undefined &&
      isPlainWord(device.uuid) &&
      ctx.inspection.mountpoints.some((mount) => mount.device === device.device),
  );
  // Paths in the appliance are its own affair: the identifier finds the device.
  const checks = devices.map(
    (device) =>
      `d=$(findfs UUID=${device.uuid}) && { ${programs[device.fsType ?? '']} "$d" >/tmp/fsck.out 2>&1; c=$?; } || c=8\n` +
      `echo "fsck ${device.uuid} $c $(tail -c 400 /tmp/fsck.out | base64 -w0)"`,
  );
  const script = ['cd /', 'umount -R /sysroot || exit 1', ...checks].join('\n');
  const answer = (await appliance.session.script(script, { timeoutMs })).toString('latin1');
  await appliance.remount();
  const root = rootDevice(ctx)?.uuid;
  for (const device of devices) report(device, device.uuid === root, answer, notes);
}

function report(device: BlockDevice, isRoot: boolean, answer: string, notes: StepNotes): void {
  const line = new RegExp(`^fsck ${device.uuid ?? ''} (\\d+) ?(\\S*)$`, 'm').exec(answer);
  const code = Number(line?.[1] ?? 8);
  if (code === 0) return;
  const tail = Buffer.from(line?.[2] ?? '', 'base64')
    .toString('latin1')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
  const isMended = code === 1 || (code === 2 && device.fsType !== 'xfs') || (code === 4 && device.fsType === 'xfs');
  if (isMended) {
    notes.notes.push(`${device.device}: damage was repaired: ${tail}`);
    return;
  }
  const message = `${device.device} (${device.fsType ?? ''}) could not be repaired: ${tail}`;
  if (isRoot) throw new DroverError({ code: 'guest.fsck', message });
  notes.warnings.push(message);
}
