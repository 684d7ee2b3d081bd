/** The virtual hardware of one system: processors, memory, controllers, disks in the order of the machine, NICs. */
import { showName } from '../../lib/safe-path.js';
import { attributeOf } from '../../lib/xml.js';
import type { XmlElement } from '../../lib/xml.js';
import type { Firmware, SourceBus, SourceNic } from '../../model/index.js';
import { normaliseMac, pciSlotOf } from '../vmx.js';
import { descriptorError, itemProperties, partsOf, vmwareSettings } from './document.js';
import { allocationUnit } from './units.js';

export interface OvfDrive {
  readonly bus: SourceBus;
  /** Number of the controller within its class. */
  readonly controller?: number;
  readonly unit?: number;
  readonly target: { readonly kind: 'disk' | 'file'; readonly id: string };
}

export interface OvfHardware {
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly firmware?: Firmware;
  readonly secureBoot?: boolean;
  readonly tpm: boolean;
  /** In the order of the machine. */
  readonly drives: readonly OvfDrive[];
  readonly nics: readonly SourceNic[];
}

interface Item {
  readonly element: XmlElement;
  readonly type: number;
  readonly id: string;
  readonly get: (property: string) => string | undefined;
}

interface Controller {
  readonly id: string;
  readonly bus: SourceBus;
  readonly address: number;
}

function readItems(hardware: XmlElement, configuration: string | undefined): Item[] {
  const items: Item[] = [];
  for (const element of hardware.children) {
    if (!['Item', 'StorageItem', 'EthernetPortItem'].includes(element.local)) continue;
    const only = attributeOf(element, 'configuration');
    if (only !== undefined && (configuration === undefined || !only.split(/\s+/).includes(configuration))) continue;
    // Bounds are no values of their own.
    if (['min', 'max'].includes(attributeOf(element, 'bound') ?? 'normal')) continue;
    const properties = itemProperties(element);
    const get = (name: string): string | undefined => properties.get(name.toLowerCase())?.find((text) => text !== '');
    items.push({ element, type: Number(get('ResourceType') ?? Number.NaN), id: get('InstanceID') ?? '', get });
  }
  return items;
}

function busOf(item: Item): SourceBus | undefined {
  if (item.type === 5) return 'ide';
  if (item.type === 6) return 'scsi';
  if (item.type !== 20) return undefined;
  const subtype = (item.get('ResourceSubType') ?? '').toLowerCase();
  if (subtype.includes('nvme')) return 'nvme';
  if (subtype.includes('virtio')) return 'virtio';
  return /ahci|sata/.test(subtype) ? 'sata' : undefined;
}

/** Classes in the order in which the document begins with them; within one by address, then by place. */
function orderControllers(items: readonly Item[]): readonly Controller[] {
  const found: Controller[] = [];
  for (const item of items) {
    const bus = busOf(item);
    if (bus === undefined) continue;
    const address = Number(item.get('Address') ?? Number.NaN);
    found.push({ id: item.id, bus, address: Number.isFinite(address) ? address : Number.POSITIVE_INFINITY });
  }
  const classes = [...new Set(found.map((controller) => controller.bus))];
  // Sorting is stable, so equal addresses keep the order of the document.
  const byAddress = (a: Controller, b: Controller): number => (a.address === b.address ? 0 : a.address - b.address);
  return classes.flatMap((bus) => found.filter((controller) => controller.bus === bus).sort(byAddress));
}

function readDrives(path: string, items: readonly Item[], notes: string[]): OvfDrive[] {
  const controllers = orderControllers(items);
  const placed: { readonly drive: OvfDrive; readonly rank: number; readonly unit: number }[] = [];
  for (const item of items) {
    if (item.type !== 17) continue;
    const resource = item.get('HostResource');
    if (resource === undefined) {
      notes.push(`the disk drive ${showName(item.id)} refers to no disk and is left out`);
      continue;
    }
    const match = /^(?:ovf:)?\/?(disk|file)\/(.+)$/.exec(resource);
    const [, kind, id] = match ?? [];
    if (kind === undefined || id === undefined) {
      throw descriptorError(path, `the disk drive refers to ${showName(resource)}, which is no disk`, item.element);
    }
    const rank = controllers.findIndex((controller) => controller.id === item.get('Parent'));
    const controller = controllers[rank];
    const unitText = item.get('AddressOnParent');
    const unit = unitText === undefined ? Number.NaN : Number(unitText);
    const siblings = controllers.filter((other) => other.bus === controller?.bus);
    placed.push({
      drive: {
        bus: controller?.bus ?? 'unknown',
        ...(controller === undefined ? {} : { controller: siblings.indexOf(controller) }),
        ...(Number.isInteger(unit) && unit >= 0 ? { unit } : {}),
        target: { kind: kind as 'disk' | 'file', id },
      },
      rank: rank === -1 ? Number.MAX_SAFE_INTEGER : rank,
      unit: Number.isNaN(unit) ? Number.MAX_SAFE_INTEGER : unit,
    });
  }
  return placed.sort((a, b) => a.rank - b.rank || a.unit - b.unit).map((entry) => entry.drive);
}

function readNics(items: readonly Item[], extra: ReadonlyMap<string, string>, notes: string[]): SourceNic[] {
  const nics: SourceNic[] = [];
  for (const item of items) {
    if (item.type !== 10) continue;
    const index = nics.length;
    const own = vmwareSettings(item.element);
    const address =
      item.get('Address') ??
      own.get('macaddress') ??
      own.get('address') ??
      extra.get(`ethernet${index}.address`) ??
      extra.get(`ethernet${index}.generatedaddress`);
    const mac = address === undefined ? undefined : normaliseMac(address);
    if (address !== undefined && mac === undefined)
      notes.push(`NIC ${index} has the unusable address ${showName(address)}`);
    const model = item.get('ResourceSubType');
    const network = item.get('Connection');
    nics.push({
      index,
      ...(mac === undefined ? {} : { mac }),
      ...(model === undefined ? {} : { model: model.toLowerCase() }),
      ...(network === undefined ? {} : { network }),
      ...pciSlotOf(own.get('slotinfo.pcislotnumber') ?? extra.get(`ethernet${index}.pcislotnumber`)),
    });
  }
  return nics;
}

function readMemory(path: string, items: readonly Item[], notes: string[]): number | undefined {
  const item = items.find((candidate) => candidate.type === 4);
  if (item === undefined) return undefined;
  const text = item.get('VirtualQuantity') ?? '';
  const quantity = Number(text);
  if (!/^\d{1,15}$/.test(text) || quantity === 0) {
    throw descriptorError(path, `the memory is ${showName(text)}, which is no usable number`, item.element);
  }
  const units = item.get('AllocationUnits');
  let unit = units === undefined ? undefined : allocationUnit(units);
  if (unit === undefined) {
    if (units !== undefined) throw descriptorError(path, `the unit ${showName(units)} is not known`, item.element);
    // The standard says bytes then; machines with a few thousand bytes do not exist, writers that mean MiB do.
    unit = quantity <= 1_048_576 ? 2 ** 20 : 1;
    if (unit > 1) notes.push(`the memory has no unit; ${quantity} was understood as MiB`);
  }
  return quantity * unit;
}

function readCpus(path: string, items: readonly Item[]): number | undefined {
  const item = items.find((candidate) => candidate.type === 3);
  if (item === undefined) return undefined;
  const cpus = Number(item.get('VirtualQuantity') ?? Number.NaN);
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > 4096) {
    throw descriptorError(
      path,
      `the number of processors is ${showName(item.get('VirtualQuantity') ?? '')}`,
      item.element,
    );
  }
  return cpus;
}

function readFirmware(extra: ReadonlyMap<string, string>): Pick<OvfHardware, 'firmware' | 'secureBoot'> {
  const word = extra.get('firmware')?.toLowerCase();
  const secure = extra.get('bootoptions.efisecurebootenabled') ?? extra.get('uefi.secureboot.enabled');
  return {
    ...(word === undefined || word === '' ? {} : { firmware: word.startsWith('efi') ? 'uefi' : 'bios' }),
    ...(secure === undefined ? {} : { secureBoot: /^(true|1)$/i.test(secure) }),
  };
}

/**
 * Reads the hardware of one virtual system.
 * @param configuration the deployment option in force, when the document has several
 */
export function readHardware(
  path: string,
  system: XmlElement,
  configuration: string | undefined,
  notes: string[],
): OvfHardware {
  const [hardware, ...more] = partsOf(system, 'VirtualHardwareSection');
  if (hardware === undefined) return { tpm: false, drives: [], nics: [] };
  if (more.length > 0) notes.push('the system has several hardware sections; the first one is used');
  const items = readItems(hardware, configuration);
  const extra = vmwareSettings(hardware);
  const cpus = readCpus(path, items);
  const memoryBytes = readMemory(path, items, notes);
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...readFirmware(extra),
    tpm: items.some((item) => /vtpm/i.test(item.get('ResourceSubType') ?? '')),
    drives: readDrives(path, items, notes),
    nics: readNics(items, extra, notes),
  };
}
