import { DroverError } from '../lib/error.js';
import { attributeOf, parseXml, XmlError } from '../lib/xml.js';
import type { XmlElement } from '../lib/xml.js';
import type { DiskBus, DomainDisk, DomainFirmware, DomainNic, DomainView, NicModel } from '../model/index.js';
import { LIBVIRT_BUS } from './render.js';

function refuse(message: string, cause?: unknown): never {
  throw new DroverError({ code: 'vm.domain.unreadable', message, ...(cause === undefined ? {} : { cause }) });
}

function child(element: XmlElement, ...path: readonly string[]): XmlElement {
  let at = element;
  for (const local of path) {
    const next = at.children.find((candidate) => candidate.local === local);
    at = next ?? refuse(`<${at.local}> (line ${at.line}) has no <${local}>`);
  }
  return at;
}

function optional(element: XmlElement, local: string): XmlElement | undefined {
  return element.children.find((candidate) => candidate.local === local);
}

function attribute(element: XmlElement, name: string): string {
  return attributeOf(element, name) ?? refuse(`<${element.local}> (line ${element.line}) has no attribute ${name}`);
}

function oneOf<const T extends string>(value: string, allowed: readonly T[], what: string): T {
  return (
    allowed.find((entry) => entry === value) ??
    refuse(`${what} ${JSON.stringify(value)} is none of ${allowed.join(', ')}`)
  );
}

function wholeNumber(text: string, what: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : refuse(`${what} ${JSON.stringify(text)} is no number`);
}

function aliasIndex(element: XmlElement, kind: string): number {
  const name = attribute(child(element, 'alias'), 'name');
  const digits = new RegExp(`^ua-${kind}(\\d{1,4})$`).exec(name)?.[1];
  return wholeNumber(digits ?? name, `the position in the alias of a ${kind}`);
}

function readDisk(element: XmlElement): DomainDisk {
  const target = child(element, 'target');
  const bus = attribute(target, 'bus');
  const entry = (Object.entries(LIBVIRT_BUS) as [DiskBus, string][]).find(([, name]) => name === bus);
  const serial = optional(element, 'serial')?.text;
  const boot = optional(element, 'boot');
  return {
    index: aliasIndex(element, 'disk'),
    path: attribute(child(element, 'source'), 'file'),
    format: oneOf(attribute(child(element, 'driver'), 'type'), ['qcow2', 'raw'], 'the disk format'),
    bus: entry?.[0] ?? refuse(`the disk bus ${JSON.stringify(bus)} is not known`),
    target: attribute(target, 'dev'),
    ...(serial === undefined ? {} : { serial }),
    ...(boot === undefined ? {} : { bootOrder: Number(attribute(boot, 'order')) }),
  };
}

function readNic(element: XmlElement): DomainNic {
  const kind = oneOf(attribute(element, 'type'), ['network', 'bridge'], 'the type of an interface');
  const mac = optional(element, 'mac');
  const models: readonly NicModel[] = ['virtio', 'e1000e', 'e1000', 'rtl8139'];
  return {
    index: aliasIndex(element, 'nic'),
    ...(mac === undefined ? {} : { mac: attribute(mac, 'address') }),
    model: oneOf(attribute(child(element, 'model'), 'type'), models, 'the model of an interface'),
    attach: { kind, name: attribute(child(element, 'source'), kind) },
  };
}

function readFirmware(os: XmlElement): DomainFirmware {
  const loader = optional(os, 'loader');
  if (loader === undefined) return { kind: 'bios' };
  return {
    kind: attributeOf(loader, 'secure') === 'yes' ? 'uefi-secure' : 'uefi',
    loader: loader.text,
    varsTemplate: attribute(child(os, 'nvram'), 'template'),
    format: oneOf(attributeOf(loader, 'format') ?? 'raw', ['raw', 'qcow2'], 'the firmware format'),
  };
}

/**
 * The machine that a domain XML of ours describes: the inverse of `renderDomainXml`. Throws `vm.domain.unreadable` for what is no
 * XML or not in the form that Drover writes.
 */
export function parseDomainXml(text: string): DomainView {
  let root: XmlElement;
  try {
    root = parseXml(text);
  } catch (cause) {
    if (!(cause instanceof XmlError)) throw cause;
    return refuse(`the domain XML cannot be read: line ${cause.line}: ${cause.message}`, cause);
  }
  if (root.local !== 'domain') refuse(`the document is a <${root.local}>, not a <domain>`);
  const os = child(root, 'os');
  const type = child(os, 'type');
  const devices = child(root, 'devices');
  const memory = child(root, 'memory');
  if (attributeOf(memory, 'unit') !== 'KiB') refuse('the memory is not given in KiB');
  const origin = child(root, 'metadata', 'origin');
  const title = optional(root, 'title')?.text;
  return {
    name: child(root, 'name').text,
    uuid: child(root, 'uuid').text,
    ...(title === undefined ? {} : { title }),
    memoryBytes: wholeNumber(memory.text, 'the memory') * 1024,
    cpus: wholeNumber(child(root, 'vcpu').text, 'the number of processors'),
    arch: oneOf(attribute(type, 'arch'), ['x86_64', 'aarch64'], 'the architecture'),
    machine: oneOf(attribute(type, 'machine'), ['q35', 'pc'], 'the machine type'),
    firmware: readFirmware(os),
    clock: oneOf(attribute(child(root, 'clock'), 'offset'), ['utc', 'localtime'], 'the clock'),
    tpm: optional(devices, 'tpm') !== undefined,
    disks: devices.children.filter((element) => element.local === 'disk').map(readDisk),
    nics: devices.children.filter((element) => element.local === 'interface').map(readNic),
    agentChannel: optional(devices, 'channel') !== undefined,
    virt: oneOf(attribute(root, 'type'), ['kvm', 'qemu'], 'the hypervisor'),
    origin: {
      playbook: attribute(origin, 'playbook'),
      vmKey: attribute(origin, 'vm'),
      tool: attribute(origin, 'tool'),
    },
  };
}
