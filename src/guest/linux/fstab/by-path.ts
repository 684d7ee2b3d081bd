/** Names below /dev/disk/by-path, which spell out a controller's PCI address and the disk's place on it. */
import type { SourceBus, SourceDisk } from '../../../model/vm.js';

/** What is known about a disk's place at the source. */
export type SourceDiskFacts = Pick<SourceDisk, 'index' | 'bus' | 'controller' | 'unit' | 'serial'>;

/** The part of a by-path name that matters: who hands the disk out, and its place there. */
export interface PathPlace {
  /** PCI address or whatever stands before the bus word; equal for disks of one controller. */
  readonly controller: string;
  readonly buses: readonly SourceBus[];
  readonly unit: number;
  /** Port of an IDE controller, two units each. */
  readonly channel?: number;
}

/** Takes a by-path name without its partition apart; undefined for kinds without a place, such as USB. */
export function parseByPath(path: string): PathPlace | undefined {
  const scsi = /^(.*?)-?scsi-(\d+):(\d+):(\d+):(\d+)$/.exec(path);
  if (scsi !== null) {
    const isHyperV = /vmbus/i.test(scsi[1] ?? '');
    // Storage of Hyper-V numbers disks by LUN; everyone else by target.
    return { controller: scsi[1] ?? '', buses: ['scsi', 'sata', 'ide'], unit: Number(isHyperV ? scsi[5] : scsi[4]) };
  }
  const vmbus = /^(.*vmbus.*)-lun-(\d+)$/i.exec(path);
  if (vmbus !== null) return { controller: vmbus[1] ?? '', buses: ['scsi', 'ide'], unit: Number(vmbus[2]) };
  const sas = /^(.*?)-sas-(?:exp0x[0-9a-f]+-)?phy(\d+)-/.exec(path);
  if (sas !== null) return { controller: sas[1] ?? '', buses: ['scsi'], unit: Number(sas[2]) };
  const ata = /^(.*?)-ata-(\d+)(?:\.(\d+))?$/.exec(path);
  if (ata !== null) {
    const port = Number(ata[2]) - 1;
    return {
      controller: ata[1] ?? '',
      buses: ['sata', 'ide'],
      unit: ata[3] === undefined || ata[3] === '0' ? port : Number(ata[3]),
      channel: port,
    };
  }
  const nvme = /^(.*?)-nvme-(\d+)$/.exec(path);
  if (nvme !== null) return { controller: nvme[1] ?? '', buses: ['nvme'], unit: Number(nvme[2]) - 1 };
  return undefined;
}

/**
 * The source disk at a by-path name. Controllers are matched by rank: PCI addresses seen in the guest's files, sorted,
 * against the controllers the source describes, but only when there are as many of one as of the other.
 */
export function findDiskByPath(
  path: string,
  disks: readonly SourceDiskFacts[],
  siblings: readonly string[],
): SourceDiskFacts | undefined {
  const place = parseByPath(path);
  if (place === undefined) return undefined;
  for (const bus of place.buses) {
    const family = disks.filter((disk) => disk.bus === bus);
    if (family.length === 0) continue;
    const found = findOnBus(place, bus, family, siblings);
    if (found !== undefined) return found;
  }
  return findByUnitOrder(place, disks, siblings);
}

function findOnBus(
  place: PathPlace,
  bus: SourceBus,
  family: readonly SourceDiskFacts[],
  siblings: readonly string[],
): SourceDiskFacts | undefined {
  if (bus === 'ide' && place.channel !== undefined) {
    const channel = place.channel;
    const unit = place.unit === channel ? 0 : place.unit;
    return only(family.filter((disk) => disk.controller === channel && disk.unit === unit));
  }
  const atUnit = family.filter((disk) => disk.unit === place.unit);
  const controllers = [...new Set(family.map((disk) => disk.controller ?? 0))].sort((a, b) => a - b);
  if (controllers.length <= 1) return only(atUnit);
  const addresses = controllerAddresses(place, siblings);
  if (addresses.length !== controllers.length) return undefined;
  const controller = controllers[addresses.indexOf(place.controller)];
  return only(atUnit.filter((disk) => (disk.controller ?? 0) === controller));
}

/**
 * A plain list of disk files says nothing about controllers and units, but its order is bus order: on a single
 * controller the n-th disk has the n-th unit, 7 being the controller itself on SCSI.
 */
function findByUnitOrder(
  place: PathPlace,
  disks: readonly SourceDiskFacts[],
  siblings: readonly string[],
): SourceDiskFacts | undefined {
  if (disks.some((disk) => disk.unit !== undefined || disk.bus !== 'unknown')) return undefined;
  if (controllerAddresses(place, siblings).length > 1) return undefined;
  const isScsi = place.buses.includes('scsi');
  if (isScsi && place.unit === 7) return undefined;
  return disks[isScsi && place.unit > 7 ? place.unit - 1 : place.unit];
}

function controllerAddresses(place: PathPlace, siblings: readonly string[]): string[] {
  const addresses = new Set([place.controller]);
  for (const sibling of siblings) {
    const other = parseByPath(sibling);
    if (other !== undefined && other.buses[0] === place.buses[0]) addresses.add(other.controller);
  }
  return [...addresses].sort();
}

function only<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}
