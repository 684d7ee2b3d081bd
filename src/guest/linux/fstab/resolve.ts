/**
 * From a device specification of the guest to the block device it means. The appliance's own /dev/disk/by-path is
 * meaningless (it describes the appliance's controllers), so nothing here asks it.
 */
import type { BlockDevice } from '../../../model/inspection.js';
import type { SourceDisk } from '../../../model/vm.js';
import { findDiskByPath } from './by-path.js';
import type { SourceDiskFacts } from './by-path.js';
import { parseSpec } from './spec.js';
import type { PlainPrefix, SpecForm } from './spec.js';

export type { SourceDiskFacts } from './by-path.js';

/** What is known about the machine when a specification is resolved. */
export interface ResolveContext {
  readonly block: readonly BlockDevice[];
  /** Disks at the source in bus order; the appliance has them in the same order. */
  readonly disks: readonly SourceDiskFacts[];
  /** Filesystem that the line expects (`auto` or absent when it does not say). */
  readonly fsType?: string;
  /** Devices that other lines already stand for; excluded when guessing by elimination. */
  readonly taken?: readonly string[];
  /** All device specifications of the guest's files, so that controllers can be told apart by their PCI addresses. */
  readonly siblings?: readonly string[];
  /** Device of the inspected root filesystem. */
  readonly rootDevice?: string;
  /** Names that only the guest's own tables explain: mapper name to device. */
  readonly aliases?: Readonly<Record<string, string>>;
}

/** Which rule found the device. */
type ResolveRule = 'identifier' | 'name' | 'order' | 'controller' | 'serial' | 'only-disk' | 'elimination';

export interface Resolution {
  readonly device: string;
  readonly rule: ResolveRule;
}

/** The appliance device that a specification means, or undefined. Total: never throws. */
export function resolveSpec(spec: string, ctx: ResolveContext): string | undefined {
  return explainSpec(spec, ctx)?.device;
}

/** `resolveSpec` with the rule that decided. A device whose filesystem contradicts the line is no answer. */
export function explainSpec(spec: string, ctx: ResolveContext): Resolution | undefined {
  const form = parseSpec(spec, ctx.fsType);
  for (const [rule, find] of rules) {
    const device = find(form, ctx);
    if (device !== undefined && fsTypeAgrees(device, ctx.fsType)) return { device: device.device, rule };
  }
  return undefined;
}

const rules: readonly (readonly [ResolveRule, (form: SpecForm, ctx: ResolveContext) => BlockDevice | undefined])[] = [
  ['identifier', byIdentifier],
  ['name', byName],
  ['order', byOrder],
  ['controller', byController],
  ['serial', bySerial],
  ['only-disk', onlyDisk],
  ['elimination', byElimination],
];

/** Position and partition that a volatile specification names, when it names one. */
function partitionOf(form: SpecForm): { readonly partition?: number } | undefined {
  switch (form.kind) {
    case 'plain':
    case 'by-path':
    case 'by-id':
    case 'cloud':
    case 'mpath':
      return form.partition === undefined ? {} : { partition: form.partition };
    default:
      return undefined;
  }
}

function byIdentifier(form: SpecForm, ctx: ResolveContext): BlockDevice | undefined {
  const real = ctx.block.filter((device) => device.kind !== 'btrfs-subvolume');
  switch (form.kind) {
    case 'uuid':
      return firstInBusOrder(real.filter((device) => sameId(device.uuid, form.value)));
    case 'partuuid':
      return firstInBusOrder(real.filter((device) => sameId(device.partUuid, form.value)));
    case 'label':
      return firstInBusOrder(real.filter((device) => device.label === form.value));
    case 'partlabel':
      return firstInBusOrder(real.filter((device) => device.partLabel === form.value));
    default:
      return undefined;
  }
}

function sameId(have: string | undefined, want: string): boolean {
  return have !== undefined && have.toLowerCase() === want.toLowerCase();
}

function firstInBusOrder(devices: readonly BlockDevice[]): BlockDevice | undefined {
  return [...devices].sort((a, b) => a.diskIndex - b.diskIndex || compareText(a.device, b.device))[0];
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byName(form: SpecForm, ctx: ResolveContext): BlockDevice | undefined {
  switch (form.kind) {
    case 'mapper': {
      const alias = ctx.aliases?.[form.name];
      return ctx.block.find(
        (device) =>
          device.device === alias || mapperName(device) === form.name || device.device === `/dev/mapper/${form.name}`,
      );
    }
    case 'lv':
      return ctx.block.find(
        (device) =>
          device.device === `/dev/${form.vg}/${form.lv}` || mapperName(device) === joinMapperName(form.vg, form.lv),
      );
    case 'md':
      return ctx.block.find(
        (device) => device.kind === 'md' && /^\/dev\/(?:md\/)?(.*)$/.exec(device.device)?.[1] === form.name,
      );
    case 'stable-id': {
      const alias = ctx.aliases?.[form.name];
      const name = /^dm-name-(.*)$/.exec(form.name)?.[1];
      return ctx.block.find((device) => device.device === alias || (name !== undefined && mapperName(device) === name));
    }
    default:
      return undefined;
  }
}

/** Device-mapper name of a logical volume or unlocked container: hyphens inside names are doubled. */
export function mapperName(device: BlockDevice): string | undefined {
  const mapper = /^\/dev\/mapper\/(.+)$/.exec(device.device);
  if (mapper?.[1] !== undefined) return mapper[1];
  const lv = device.kind === 'lv' ? /^\/dev\/([^/]+)\/([^/]+)$/.exec(device.device) : null;
  return lv?.[1] !== undefined && lv[2] !== undefined ? joinMapperName(lv[1], lv[2]) : undefined;
}

function joinMapperName(vg: string, lv: string): string {
  return `${vg.replaceAll('-', '--')}-${lv.replaceAll('-', '--')}`;
}

/** The disk with this position, or its partition. */
function onDisk(ctx: ResolveContext, diskIndex: number, partition: number | undefined): BlockDevice | undefined {
  const kind = partition === undefined ? 'disk' : 'partition';
  return ctx.block.find(
    (device) => device.kind === kind && device.diskIndex === diskIndex && device.partition === partition,
  );
}

function byOrder(form: SpecForm, ctx: ResolveContext): BlockDevice | undefined {
  if (form.kind !== 'plain') return undefined;
  const disk = plainDisk(form, ctx.disks);
  if (disk === undefined) return undefined;
  const found = onDisk(ctx, disk.index, form.partition);
  // Para-virtual Xen machines export a filesystem as `xvda1` without any partition table around it.
  if (found === undefined && form.prefix === 'xvd' && form.partition === 1) return onDisk(ctx, disk.index, undefined);
  return found;
}

const namespacesOf: Readonly<Record<PlainPrefix, readonly SourceDisk['bus'][]>> = {
  sd: ['scsi', 'sata', 'ide', 'unknown'],
  hd: ['ide', 'unknown'],
  vd: ['virtio', 'unknown'],
  xvd: ['ide', 'scsi', 'sata', 'virtio', 'nvme', 'unknown'],
  nvme: ['nvme', 'unknown'],
  mmcblk: ['unknown'],
  cciss: ['scsi', 'unknown'],
};

/** Disk letters count within the family of controllers that hands them out, in bus order. */
function plainDisk(
  form: Extract<SpecForm, { kind: 'plain' }>,
  disks: readonly SourceDiskFacts[],
): SourceDiskFacts | undefined {
  const family = disks.filter((disk) => namespacesOf[form.prefix].includes(disk.bus));
  if (form.prefix === 'hd' && family.every((disk) => disk.controller !== undefined && disk.unit !== undefined)) {
    const slot = family.find((disk) => (disk.controller ?? 0) * 2 + (disk.unit ?? 0) === form.disk);
    if (slot !== undefined) return slot;
  }
  if (form.unit === undefined) return family[form.disk];
  const exact = family.filter((disk) => disk.controller === form.disk && disk.unit === (form.unit ?? 1) - 1);
  if (exact.length === 1) return exact[0];
  return form.prefix === 'nvme' && form.unit === 1
    ? family[form.disk]
    : form.disk === 0
      ? family[form.unit]
      : undefined;
}

function byController(form: SpecForm, ctx: ResolveContext): BlockDevice | undefined {
  if (form.kind !== 'by-path') return undefined;
  const disk = findDiskByPath(form.path, ctx.disks, siblingPaths(ctx));
  return disk === undefined ? undefined : onDisk(ctx, disk.index, form.partition);
}

function siblingPaths(ctx: ResolveContext): string[] {
  return (ctx.siblings ?? []).flatMap((spec) => {
    const form = parseSpec(spec);
    return form.kind === 'by-path' ? [form.path] : [];
  });
}

function bySerial(form: SpecForm, ctx: ResolveContext): BlockDevice | undefined {
  if (form.kind !== 'by-id') return undefined;
  const id = plainHex(form.name);
  const matches = ctx.disks.filter((disk) => {
    const serial = plainHex(disk.serial ?? '');
    return serial.length >= 8 && id.includes(serial);
  });
  const disk = matches.length === 1 ? matches[0] : undefined;
  return disk === undefined ? undefined : onDisk(ctx, disk.index, form.partition);
}

function plainHex(text: string): string {
  return text.toLowerCase().replace(/[^0-9a-z]/g, '');
}

function onlyDisk(form: SpecForm, ctx: ResolveContext): BlockDevice | undefined {
  const place = partitionOf(form);
  const disks = ctx.block.filter((device) => device.kind === 'disk');
  if (form.kind === 'cloud' && /root/.test(form.name) && ctx.rootDevice !== undefined) {
    const root = ctx.block.find((device) => device.device === ctx.rootDevice);
    if (root !== undefined) return onDisk(ctx, root.diskIndex, form.partition);
  }
  if (place === undefined || disks.length !== 1 || disks[0] === undefined) return undefined;
  // A letter that the only disk never had means another disk, one that was not brought along.
  if (form.kind === 'plain' && form.disk > 0) return undefined;
  return onDisk(ctx, disks[0].diskIndex, place.partition);
}

function byElimination(form: SpecForm, ctx: ResolveContext): BlockDevice | undefined {
  const taken = new Set(ctx.taken ?? []);
  const free = ctx.block.filter((device) => !taken.has(device.device) && device.kind !== 'btrfs-subvolume');
  if (ctx.fsType === undefined || ctx.fsType === 'auto') return undefined;
  if (form.kind === 'dm') {
    return single(free.filter((device) => isMapped(device) && fsTypeAgrees(device, ctx.fsType, true)));
  }
  const place = partitionOf(form);
  if (place === undefined) return undefined;
  const kind = place.partition === undefined ? 'disk' : 'partition';
  return single(
    free.filter(
      (device) =>
        device.kind === kind && device.partition === place.partition && fsTypeAgrees(device, ctx.fsType, true),
    ),
  );
}

function isMapped(device: BlockDevice): boolean {
  return device.kind === 'lv' || device.kind === 'luks';
}

function single<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

/** Whether a device can hold what a line expects. Without `strict`, not knowing is agreement. */
function fsTypeAgrees(device: BlockDevice, fsType: string | undefined, strict = false): boolean {
  if (fsType === undefined || fsType === 'auto' || fsType === 'none') return !strict;
  if (device.fsType === undefined) return !strict;
  if (/^ext[234]$/.test(fsType)) return /^ext[234]$/.test(device.fsType);
  const names = fsType.split(',').map(canonicalFs);
  return names.includes(canonicalFs(device.fsType));
}

function canonicalFs(name: string): string {
  if (name === 'msdos' || name === 'fat' || name === 'fat32') return 'vfat';
  if (name.startsWith('ntfs')) return 'ntfs';
  return name === 'swsuspend' ? 'swap' : name;
}
