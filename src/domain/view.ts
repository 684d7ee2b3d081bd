import { DroverError } from '../lib/error.js';
import { sha256 } from '../lib/canonical-json.js';
import type {
  DiskBus,
  DomainDisk,
  DomainFirmware,
  DomainNic,
  DomainView,
  FixPlan,
  FixResult,
  NicPlan,
  VmDescription,
} from '../model/index.js';
import { isXmlText } from './text.js';

const MIB = 1024 ** 2;

export interface DomainInputs {
  /** Name of the machine in the playbook; becomes the domain's name. */
  readonly name: string;
  readonly vmKey: string;
  readonly playbook: string;
  /** What writes the domain, with its version, such as `drover 0.1.0`. */
  readonly tool: string;
  readonly plan: FixPlan;
  /** Absent when nothing was fixed. */
  readonly fix?: Pick<FixResult, 'buses'>;
  readonly description: VmDescription;
  /** Architecture of the guest as inspected; anything that x86_64 runs becomes x86_64. */
  readonly arch: string;
  readonly products: readonly { readonly index: number; readonly path: string; readonly format: 'qcow2' | 'raw' }[];
  readonly firmware: DomainFirmware;
  /** Hypervisor the domain is for. @default 'kvm' */
  readonly virt?: 'kvm' | 'qemu';
}

/** The same machine gets the same UUID in every run, and two machines never share one. */
export function domainUuid(vmKey: string): string {
  const hex = sha256(`drover-domain:${vmKey}`);
  const variant = ((parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}

function domainArch(arch: string): DomainView['arch'] {
  if (/^(x86_64|amd64|i[3-6]86|unknown|none|)$/.test(arch)) return 'x86_64';
  throw new DroverError({
    code: 'vm.domain.unsupported',
    message: `a guest for ${arch.slice(0, 40)} has no machine here: domains are made for x86_64`,
    details: { arch },
  });
}

// What libvirt accepts in <serial>; virtio-blk hands the guest no more than 20 bytes of it.
const SERIAL = /^[A-Za-z0-9_.+-]{1,20}$/;

function domainDisk(inputs: DomainInputs, product: DomainInputs['products'][number], bootOrder: number): DomainDisk {
  const place =
    inputs.fix?.buses.find((bus) => bus.index === product.index) ??
    inputs.plan.disks.find((disk) => disk.index === product.index);
  if (place === undefined) {
    throw new DroverError({ code: 'internal.bug', message: `the plan knows no disk ${product.index}` });
  }
  const serial = inputs.description.disks.find((disk) => disk.index === product.index)?.serial;
  return {
    index: product.index,
    path: product.path,
    format: product.format,
    bus: place.bus,
    target: place.target,
    ...(serial !== undefined && SERIAL.test(serial) ? { serial } : {}),
    bootOrder,
  };
}

/** All disks in bus order. libvirt starts QEMU with strict boot order, so that every disk gets a place; the one that boots the first. */
function domainDisks(inputs: DomainInputs): readonly DomainDisk[] {
  const products = [...inputs.products].sort((a, b) => a.index - b.index);
  const first = products.filter((product) => product.index === inputs.plan.bootDisk);
  const tried = [...first, ...products.filter((product) => !first.includes(product))];
  return products.map((product) => domainDisk(inputs, product, tried.indexOf(product) + 1));
}

function domainNic(nic: NicPlan): DomainNic {
  const bridge = nic.network.startsWith('bridge:') ? nic.network.slice('bridge:'.length) : undefined;
  return {
    index: nic.index,
    ...(nic.mac === undefined ? {} : { mac: nic.mac.toLowerCase() }),
    model: nic.model,
    attach: bridge === undefined ? { kind: 'network', name: nic.network } : { kind: 'bridge', name: bridge },
  };
}

/** The name at the origin as a title: one line, without what XML cannot carry. */
function plainTitle(text: string): string {
  const characters = [...text.replaceAll(/\s+/g, ' ')].filter(isXmlText);
  return characters.join('').trim().slice(0, 200);
}

/** The machine for a migrated guest, from what was planned, fixed and written. Throws `vm.domain.unsupported`. */
export function domainView(inputs: DomainInputs): DomainView {
  const title = plainTitle(inputs.description.name);
  const view: DomainView = {
    name: inputs.name,
    uuid: domainUuid(inputs.vmKey),
    ...(title === inputs.name || title === '' ? {} : { title }),
    memoryBytes: Math.ceil(inputs.plan.memoryBytes / MIB) * MIB,
    cpus: inputs.plan.cpus,
    arch: domainArch(inputs.arch),
    machine: inputs.plan.machine,
    firmware: inputs.firmware,
    clock: 'utc',
    tpm: inputs.plan.tpm,
    disks: domainDisks(inputs),
    nics: [...inputs.plan.nics].sort((a, b) => a.index - b.index).map(domainNic),
    agentChannel: true,
    virt: inputs.virt ?? 'kvm',
    origin: { playbook: inputs.playbook, vmKey: inputs.vmKey, tool: inputs.tool },
  };
  checkDomain(view);
  return view;
}

function refuse(message: string, details: Readonly<Record<string, unknown>>): never {
  throw new DroverError({ code: 'vm.domain.unsupported', message, details });
}

const TARGET_PREFIX: Readonly<Record<DiskBus, string>> = {
  'virtio-blk': 'vd',
  'virtio-scsi': 'sd',
  sata: 'sd',
  ide: 'hd',
};

/** What no schema says: combinations that libvirt or QEMU refuse. Throws `vm.domain.unsupported`. */
export function checkDomain(view: DomainView): void {
  const { machine, firmware } = view;
  if (view.memoryBytes <= 0 || view.memoryBytes % 1024 !== 0) {
    refuse('the memory of a domain is a positive number of KiB', { memoryBytes: view.memoryBytes });
  }
  if (!Number.isInteger(view.cpus) || view.cpus < 1) {
    refuse('a domain has at least one processor', { cpus: view.cpus });
  }
  if (machine === 'q35' && view.disks.some((disk) => disk.bus === 'ide')) {
    refuse('machine type q35 has no IDE bus; use machine pc, or bus sata', { machine });
  }
  if (view.disks.filter((disk) => disk.bus === 'ide').length > 4) refuse('an IDE bus holds at most 4 disks', {});
  if (machine === 'pc' && firmware.kind === 'uefi-secure') {
    refuse('secure boot needs machine type q35', { machine, firmware: firmware.kind });
  }
  if (firmware.kind !== 'bios' && (firmware.loader === undefined || firmware.varsTemplate === undefined)) {
    refuse('UEFI needs a loader and a variable template', { firmware: firmware.kind });
  }
  const seen = new Set<string>();
  for (const disk of view.disks) {
    if (seen.has(disk.target)) refuse(`two disks have the target ${disk.target}`, { target: disk.target });
    seen.add(disk.target);
    if (!new RegExp(`^${TARGET_PREFIX[disk.bus]}[a-z]{1,3}$`).test(disk.target)) {
      refuse(`a disk on bus ${disk.bus} cannot be ${disk.target}`, { bus: disk.bus, target: disk.target });
    }
  }
}
