import { DroverError } from '../../../lib/error.js';
import type { Inspection } from '../../../model/inspection.js';

const ARCHITECTURES = /^(x86_64|amd64|i[3-6]86)$/;

/** Throws when a system cannot be fixed, before anything long begins. */
export function refuse(inspection: Inspection): void {
  const { family, root } = inspection;
  if (family === 'windows' || family === 'bsd') {
    throw new DroverError({
      code: 'guest.unsupported',
      message: `the disks hold a ${family === 'windows' ? 'Windows' : 'BSD'} system, which this version does not fix`,
      hint: 'Set fix.mode: none to convert the disks as they are.',
    });
  }
  if (root === undefined) {
    const locked = inspection.unreadable.map((entry) => `${entry.device}: ${entry.reason}`);
    throw new DroverError({
      code: 'guest.no-root',
      message: `no operating system was found on the disks${locked.length === 0 ? '' : ` (not readable: ${locked.join('; ')})`}`,
      hint: 'For data disks set guest.family: none; for a system that is in a locked or unknown container, see the reasons above.',
      details: {
        unreadable: inspection.unreadable,
        devices: inspection.block.map((device) => `${device.device} ${device.fsType ?? '?'}`),
      },
    });
  }
  if (root.candidates.length > 1) {
    throw new DroverError({
      code: 'guest.multi-root',
      message: `the disks hold ${root.candidates.length} systems: ${root.candidates.join(', ')}`,
      hint: `Say which one boots, for example guest: { root: "${root.candidates[0] ?? ''}" }.`,
      details: { candidates: root.candidates },
    });
  }
  if (!ARCHITECTURES.test(inspection.arch)) {
    throw new DroverError({
      code: 'guest.arch',
      message: `the guest is built for ${inspection.arch}; machines are made for x86_64`,
      details: { arch: inspection.arch },
    });
  }
  const lost = inspection.fstab.filter(
    (entry) => entry.bootCritical && entry.class === 'volatile' && entry.device === undefined,
  );
  const [first] = lost;
  if (first !== undefined) {
    throw new DroverError({
      code: 'guest.root-spec',
      message: `/etc/fstab line ${first.line}: ${first.spec} (${first.mountpoint}) fits no device of this machine`,
      hint: 'Check that every disk of the machine is listed, in the order of its bus.',
      details: { lines: lost.map((entry) => ({ line: entry.line, spec: entry.spec, mountpoint: entry.mountpoint })) },
    });
  }
}
