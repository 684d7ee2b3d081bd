/** From the appliance's view of its disks to the VM's: names by bus order, stacks, and what cannot be read. */
import type { BlockDevice } from '../../model/inspection.js';

/** The columns of `lsblk -J -b` that are used; absent and null mean the same. */
export interface LsblkDevice {
  readonly name: string;
  readonly kname: string;
  readonly path: string;
  readonly type: string;
  readonly size: number | string;
  readonly fstype?: string | null;
  readonly uuid?: string | null;
  readonly label?: string | null;
  readonly partuuid?: string | null;
  readonly partlabel?: string | null;
  readonly parttype?: string | null;
  readonly serial?: string | null;
  readonly hctl?: string | null;
  readonly children?: readonly LsblkDevice[];
}

export interface LsblkReport {
  readonly blockdevices: readonly LsblkDevice[];
}

export interface BlockReading {
  /** Disks in bus order, each followed by what stands on it. */
  readonly block: readonly BlockDevice[];
  /** Path inside the appliance by device name. */
  readonly paths: ReadonlyMap<string, string>;
  /** Device name by kernel name (`dm-0`), as kernel messages use it. */
  readonly kernelNames: ReadonlyMap<string, string>;
  readonly unreadable: readonly { readonly device: string; readonly reason: string }[];
}

/** Kernel letters of a disk: 0 is a, 25 is z, 26 is aa. */
export function diskLetters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : diskLetters(Math.floor(index / 26) - 1) + last;
}

/**
 * Devices of the VM under the names that guestfish gives them. Kernel names follow the order in which the appliance's
 * controller answered, so disks are told apart by the serial number that libguestfs gives each (`hd0`, `hd1`, …).
 */
export function readBlockDevices(report: LsblkReport, diskCount: number): BlockReading {
  const block = new Map<string, BlockDevice>();
  const paths = new Map<string, string>();
  const kernelNames = new Map<string, string>();
  const visit = (device: LsblkDevice, diskIndex: number, parent: BlockDevice | undefined): void => {
    const name = deviceName(device, diskIndex, parent);
    const known = block.get(name);
    if (known !== undefined) {
      // A volume over several disks shows up below each of them.
      const parents = parent === undefined ? known.parents : [...known.parents, parent.device];
      block.set(name, { ...known, parents: [...new Set(parents)].sort() });
      return;
    }
    const entry = blockDevice(device, name, diskIndex, parent);
    block.set(name, entry);
    paths.set(name, device.path);
    kernelNames.set(device.kname, name);
    for (const child of device.children ?? []) visit(child, diskIndex, entry);
  };
  for (const [index, device] of disksInOrder(report, diskCount).entries()) visit(device, index, undefined);
  const devices = [...block.values()];
  return { block: devices, paths, kernelNames, unreadable: findUnreadable(devices) };
}

/** The VM's disks in bus order. Without serial numbers the place on the controller tells; the appliance's own disk is last. */
function disksInOrder(report: LsblkReport, diskCount: number): LsblkDevice[] {
  const disks = report.blockdevices.filter((device) => device.type === 'disk');
  const number = (device: LsblkDevice): number =>
    Number(/^hd(\d+)$/.exec(device.serial?.trim() ?? '')?.[1] ?? Number.NaN);
  const numbered = disks.filter((device) => Number.isInteger(number(device)));
  if (numbered.length === diskCount) return numbered.sort((a, b) => number(a) - number(b));
  const place = (device: LsblkDevice): number[] => (device.hctl ?? '').split(':').map(Number);
  return disks.sort((a, b) => comparePlaces(place(a), place(b))).slice(0, diskCount);
}

function comparePlaces(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function blockDevice(
  device: LsblkDevice,
  name: string,
  diskIndex: number,
  parent: BlockDevice | undefined,
): BlockDevice {
  const number = device.type === 'part' ? /(\d+)$/.exec(device.kname)?.[1] : undefined;
  const optional = {
    partition: number === undefined ? undefined : Number(number),
    fsType: device.fstype ?? undefined,
    uuid: device.uuid ?? undefined,
    label: device.label ?? undefined,
    partUuid: device.partuuid ?? undefined,
    partLabel: device.partlabel ?? undefined,
    partType: device.parttype?.toLowerCase(),
  };
  return {
    device: name,
    kind: kindOf(device.type),
    diskIndex,
    sizeBytes: Number(device.size),
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<BlockDevice>),
    parents: parent === undefined ? [] : [parent.device],
  };
}

function kindOf(type: string): BlockDevice['kind'] {
  if (type === 'disk') return 'disk';
  if (type === 'part') return 'partition';
  if (type === 'crypt') return 'luks';
  return /^(raid|md|linear)/.test(type) ? 'md' : 'lv';
}

function deviceName(device: LsblkDevice, diskIndex: number, parent: BlockDevice | undefined): string {
  if (device.type === 'disk') return `/dev/sd${diskLetters(diskIndex)}`;
  if (device.type === 'part' && parent?.kind === 'disk') {
    return `${parent.device}${/(\d+)$/.exec(device.kname)?.[1] ?? ''}`;
  }
  const volume = device.type === 'lvm' ? /^((?:[^-]|--)+)-((?:[^-]|--)+)$/.exec(device.name) : null;
  if (volume?.[1] !== undefined && volume[2] !== undefined) {
    return `/dev/${volume[1].replaceAll('--', '-')}/${volume[2].replaceAll('--', '-')}`;
  }
  return device.path;
}

const CLOSED: Readonly<Record<string, string>> = {
  crypto_LUKS: 'encrypted (LUKS), and no key was given',
  BitLocker: 'encrypted (BitLocker)',
  linux_raid_member: 'a member of a software RAID array that could not be assembled',
  LVM2_member: 'a physical volume of a volume group that could not be activated',
  zfs_member: 'ZFS cannot be read by this release',
  bcachefs: 'bcachefs cannot be read by this release',
  VMFS_volume_member: 'VMFS holds virtual machines, not a system',
  drbd: 'DRBD cannot be read by this release',
};

/** Containers that nothing was found in: closed, incomplete or of an unknown kind. */
function findUnreadable(devices: readonly BlockDevice[]): { device: string; reason: string }[] {
  return devices.flatMap((device) => {
    const reason = device.fsType === undefined ? undefined : CLOSED[device.fsType];
    if (reason === undefined || devices.some((other) => other.parents.includes(device.device))) return [];
    return [{ device: device.device, reason }];
  });
}
