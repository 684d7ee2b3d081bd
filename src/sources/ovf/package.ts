/** OVF descriptors (DSP0243): files, disks and virtual systems. Pure; hrefs are resolved elsewhere. */
import { showName } from '../../lib/safe-path.js';
import { attributeOf, childrenOf, childText } from '../../lib/xml.js';
import type { XmlElement } from '../../lib/xml.js';
import type { Firmware, SourceNic } from '../../model/index.js';
import { MAX_VIRTUAL_BYTES } from '../formats/types.js';
import { normaliseMac } from '../vmx.js';
import { descriptorError, findSystems, parseEnvelope, partsOf, VIRTUALBOX } from './document.js';
import type { OvfDocument } from './document.js';
import { readHardware } from './hardware.js';
import type { OvfHardware } from './hardware.js';
import { allocationUnit } from './units.js';

export interface OvfFile {
  readonly id: string;
  /** Relative to the descriptor; percent signs are decoded. */
  readonly href: string;
  readonly sizeBytes?: number;
  readonly compression: 'none' | 'gzip';
  /** The file comes in pieces `<href>.000000000`, … of this many bytes. */
  readonly chunkBytes?: number;
}

export interface OvfDisk {
  readonly id: string;
  /** Absent for a disk that is to be created empty. */
  readonly fileId?: string;
  readonly capacityBytes?: number;
  /** The format says that the bytes are the disk. */
  readonly isRaw: boolean;
  readonly parentId?: string;
}

export interface OvfSystem extends OvfHardware {
  readonly id: string;
  readonly name: string;
  readonly guestId?: string;
}

export interface OvfPackage {
  readonly files: ReadonlyMap<string, OvfFile>;
  /** In the order of the disk section. */
  readonly disks: ReadonlyMap<string, OvfDisk>;
  readonly systems: readonly OvfSystem[];
  readonly notes: readonly string[];
}

function required(path: string, element: XmlElement, name: string): string {
  const value = attributeOf(element, name);
  if (value === undefined || value === '') throw descriptorError(path, `<${element.local}> has no ${name}`, element);
  return value;
}

function wholeNumber(path: string, element: XmlElement, name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!/^\d{1,19}$/.test(text) || !Number.isSafeInteger(value)) {
    throw descriptorError(path, `${name} is ${showName(text)}, which is no usable number`, element);
  }
  return value;
}

function decodeHref(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that begins no code is a percent sign.
    return text;
  }
}

function readFiles({ path, envelope }: OvfDocument): Map<string, OvfFile> {
  const files = new Map<string, OvfFile>();
  for (const references of childrenOf(envelope, 'References')) {
    for (const element of childrenOf(references, 'File')) {
      const id = required(path, element, 'id');
      if (files.has(id)) throw descriptorError(path, `the file id ${showName(id)} is used twice`, element);
      const compression = attributeOf(element, 'compression') ?? '';
      if (!['', 'identity', 'gzip'].includes(compression)) {
        throw descriptorError(path, `the compression ${showName(compression)} is not known`, element);
      }
      const sizeBytes = wholeNumber(path, element, 'size', attributeOf(element, 'size'));
      const chunkBytes = wholeNumber(path, element, 'chunkSize', attributeOf(element, 'chunkSize'));
      files.set(id, {
        id,
        href: decodeHref(required(path, element, 'href')),
        ...(sizeBytes === undefined ? {} : { sizeBytes }),
        compression: compression === 'gzip' ? 'gzip' : 'none',
        ...(chunkBytes === undefined || chunkBytes === 0 ? {} : { chunkBytes }),
      });
    }
  }
  return files;
}

/** Default values of the properties that `${key}` may refer to. */
function readProperties(envelope: XmlElement): ReadonlyMap<string, string> {
  const properties = new Map<string, string>();
  for (const holder of [envelope, ...findSystems(envelope)]) {
    for (const product of partsOf(holder, 'ProductSection')) {
      for (const element of childrenOf(product, 'Property')) {
        const key = attributeOf(element, 'key');
        const value = attributeOf(element, 'value');
        if (key !== undefined && value !== undefined) properties.set(key, value);
      }
    }
  }
  return properties;
}

function capacityOf(
  document: OvfDocument,
  element: XmlElement,
  properties: ReadonlyMap<string, string>,
): number | undefined {
  const { path } = document;
  const written = attributeOf(element, 'capacity');
  const reference = written === undefined ? null : /^\$\{(.+)\}$/.exec(written);
  const text = reference === null ? written : properties.get(reference[1] ?? '');
  if (reference !== null && text === undefined) {
    throw descriptorError(path, `the capacity refers to ${showName(written ?? '')}, which has no value`, element);
  }
  const count = wholeNumber(path, element, 'capacity', text);
  if (count === undefined) return undefined;
  const units = attributeOf(element, 'capacityAllocationUnits') ?? 'byte';
  const unit = allocationUnit(units);
  if (unit === undefined) throw descriptorError(path, `the unit ${showName(units)} is not known`, element);
  const bytes = count * unit;
  if (bytes === 0 || bytes > MAX_VIRTUAL_BYTES) {
    throw descriptorError(path, `a capacity of ${bytes} bytes cannot be`, element);
  }
  return bytes;
}

function readDisks(document: OvfDocument, files: ReadonlyMap<string, OvfFile>): Map<string, OvfDisk> {
  const { path, envelope } = document;
  const properties = readProperties(envelope);
  const disks = new Map<string, OvfDisk>();
  for (const section of partsOf(envelope, 'DiskSection')) {
    for (const element of childrenOf(section, 'Disk')) {
      const id = required(path, element, 'diskId');
      if (disks.has(id)) throw descriptorError(path, `the disk id ${showName(id)} is used twice`, element);
      const fileId = attributeOf(element, 'fileRef');
      if (fileId !== undefined && fileId !== '' && !files.has(fileId)) {
        throw descriptorError(path, `the disk ${showName(id)} refers to the unknown file ${showName(fileId)}`, element);
      }
      const capacityBytes = capacityOf(document, element, properties);
      if (capacityBytes === undefined && (fileId === undefined || fileId === '')) {
        throw descriptorError(path, `the empty disk ${showName(id)} has no capacity`, element);
      }
      const parentId = attributeOf(element, 'parentRef');
      disks.set(id, {
        id,
        ...(fileId === undefined || fileId === '' ? {} : { fileId }),
        ...(capacityBytes === undefined ? {} : { capacityBytes }),
        isRaw: /wiki\/Byte$|[#/]raw$/i.test(attributeOf(element, 'format') ?? ''),
        ...(parentId === undefined || parentId === '' ? {} : { parentId }),
      });
    }
  }
  return disks;
}

/** Disks lie on disks that there are, and in the end on one that lies on none. */
function checkParents(path: string, disks: ReadonlyMap<string, OvfDisk>): void {
  for (const { id, parentId } of disks.values()) {
    const seen = new Set([id]);
    for (let next = parentId; next !== undefined; next = disks.get(next)?.parentId) {
      if (seen.has(next)) throw descriptorError(path, `the disk ${showName(id)} lies on itself`);
      if (!disks.has(next)) throw descriptorError(path, `a disk lies on ${showName(next)}, which is not described`);
      seen.add(next);
    }
  }
}

/** The deployment option that counts when nobody chooses: the default one, else the first. */
function defaultConfiguration(envelope: XmlElement): string | undefined {
  const options = partsOf(envelope, 'DeploymentOptionSection').flatMap((section) =>
    childrenOf(section, 'Configuration'),
  );
  const chosen = options.find((option) => attributeOf(option, 'default') === 'true') ?? options[0];
  return chosen === undefined ? undefined : attributeOf(chosen, 'id');
}

interface BoxFacts {
  readonly firmware?: Firmware;
  readonly macs: readonly (string | undefined)[];
}

/** What only VirtualBox's own section says: firmware and MAC addresses. */
function readVirtualBox(system: XmlElement): BoxFacts {
  const [machine] = childrenOf(system, 'Machine', [VIRTUALBOX]);
  const [hardware] = machine === undefined ? [] : childrenOf(machine, 'Hardware');
  if (hardware === undefined) return { macs: [] };
  const [firmware] = childrenOf(hardware, 'Firmware');
  const type = firmware === undefined ? undefined : attributeOf(firmware, 'type');
  const [network] = childrenOf(hardware, 'Network');
  const adapters = network === undefined ? [] : childrenOf(network, 'Adapter');
  return {
    ...(type === undefined ? {} : { firmware: /^efi/i.test(type) ? 'uefi' : 'bios' }),
    macs: adapters
      .filter((adapter) => attributeOf(adapter, 'enabled') === 'true')
      .map((adapter) => normaliseMac(attributeOf(adapter, 'MACAddress') ?? '')),
  };
}

function readSystem(
  document: OvfDocument,
  element: XmlElement,
  configuration: string | undefined,
  notes: string[],
): OvfSystem {
  const id = attributeOf(element, 'id') ?? '';
  const hardware = readHardware(document.path, element, configuration, notes);
  const box = readVirtualBox(element);
  const firmware = hardware.firmware ?? box.firmware;
  const [os] = partsOf(element, 'OperatingSystemSection');
  const guestId = os === undefined ? undefined : (attributeOf(os, 'osType') ?? childText(os, 'Description'));
  return {
    ...hardware,
    id,
    name: childText(element, 'Name') ?? id,
    nics: hardware.nics.map((nic): SourceNic => {
      const mac = nic.mac ?? box.macs[nic.index];
      return mac === undefined ? nic : { ...nic, mac };
    }),
    ...(firmware === undefined ? {} : { firmware }),
    ...(guestId === undefined || guestId === '' ? {} : { guestId }),
  };
}

/** Parses an OVF descriptor. @param path for messages. Throws `source.descriptor`. */
export function parseOvf(path: string, bytes: Buffer): OvfPackage {
  const document = parseEnvelope(path, bytes);
  const files = readFiles(document);
  const disks = readDisks(document, files);
  checkParents(path, disks);
  const configuration = defaultConfiguration(document.envelope);
  const notes = document.notes;
  const elements = findSystems(document.envelope);
  if (elements.length === 0) throw descriptorError(path, 'describes no virtual system');
  const systems = elements.map((element) => readSystem(document, element, configuration, notes));
  for (const system of systems) {
    for (const { target } of system.drives) {
      const known = target.kind === 'disk' ? disks.has(target.id) : files.has(target.id);
      if (!known)
        throw descriptorError(path, `a disk drive refers to the unknown ${target.kind} ${showName(target.id)}`);
    }
  }
  return { files, disks, systems, notes };
}
