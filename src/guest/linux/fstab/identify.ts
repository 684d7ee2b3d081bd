/** The most durable name for a device: one that no controller, bus or hypervisor takes part in. */
import type { BlockDevice } from '../../../model/inspection.js';
import { encodeFstab } from './parse.js';
import { mapperName } from './resolve.js';

export interface Identifier {
  readonly kind: 'UUID' | 'PARTUUID' | 'PARTLABEL' | 'LABEL' | 'mapper';
  /** As it stands in a mount table or on a kernel command line. */
  readonly token: string;
}

export interface IdentifyOptions {
  /** Kinds to try, best first. Default: UUID, PARTUUID, PARTLABEL, LABEL. */
  readonly prefer?: readonly Exclude<Identifier['kind'], 'mapper'>[];
}

/**
 * An identifier that exactly one device of the VM carries. Logical volumes and unlocked containers keep their mapper
 * name, which comes from inside the guest. Undefined when nothing unique exists.
 */
export function chooseIdentifier(
  device: string,
  block: readonly BlockDevice[],
  options: IdentifyOptions = {},
): Identifier | undefined {
  const target = block.find((candidate) => candidate.device === device);
  if (target === undefined) return undefined;
  for (const kind of options.prefer ?? ['UUID', 'PARTUUID', 'PARTLABEL', 'LABEL']) {
    const value = identifierValue(target, kind);
    if (value !== undefined && isUsable(value) && isUnique(target, kind, block)) {
      return { kind, token: `${kind}=${encodeFstab(value)}` };
    }
  }
  const name = target.kind === 'lv' || target.kind === 'luks' ? mapperName(target) : undefined;
  return name === undefined ? undefined : { kind: 'mapper', token: `/dev/mapper/${name}` };
}

function identifierValue(device: BlockDevice, kind: Exclude<Identifier['kind'], 'mapper'>): string | undefined {
  switch (kind) {
    case 'UUID':
      return device.uuid;
    case 'PARTUUID':
      return device.partUuid;
    case 'PARTLABEL':
      return device.partLabel;
    case 'LABEL':
      return device.label;
  }
}

/** Guest-derived text must not smuggle anything into a file or a command line. */
function isUsable(value: string): boolean {
  return value !== '' && value.length <= 128 && /^[\x20-\x7e]+$/.test(value) && !/["'`$\\#]/.test(value);
}

/** Whether no other device of the VM answers to the same identifier. */
export function isUnique(
  device: BlockDevice,
  kind: Exclude<Identifier['kind'], 'mapper'>,
  block: readonly BlockDevice[],
): boolean {
  const value = identifierValue(device, kind)?.toLowerCase();
  return !block.some(
    (other) =>
      other.device !== device.device &&
      other.kind !== 'btrfs-subvolume' &&
      !isSameFilesystem(device, other, kind) &&
      identifierValue(other, kind)?.toLowerCase() === value,
  );
}

/** Members of one btrfs share its UUID and label; the array above md members shows what the members hold. */
function isSameFilesystem(a: BlockDevice, b: BlockDevice, kind: string): boolean {
  if (kind !== 'UUID' && kind !== 'LABEL') return false;
  if (a.fsType === 'btrfs' && b.fsType === 'btrfs' && a.uuid !== undefined) return a.uuid === b.uuid;
  return a.parents.includes(b.device) || b.parents.includes(a.device);
}
