import Handlebars from 'handlebars';
import type { DiskBus, DomainDisk, DomainView } from '../model/index.js';
import { checkXmlText, escapeXml } from './text.js';
import { checkDomain } from './view.js';

/** Names of the templates; the files in `templates/` are called `<name>.xml.hbs`. */
export const DOMAIN_TEMPLATES = ['domain', 'domain-disk', 'domain-nic'] as const;
export type DomainTemplate = (typeof DOMAIN_TEMPLATES)[number];

/** The text of every template. The caller reads the files: this room does no input or output. */
export type TemplateTexts = Readonly<Record<DomainTemplate, string>>;

/** libvirt's names of the buses. */
export const LIBVIRT_BUS: Readonly<Record<DiskBus, string>> = {
  'virtio-blk': 'virtio',
  'virtio-scsi': 'scsi',
  sata: 'sata',
  ide: 'ide',
};

/**
 * What the templates see: every value they name is always there. Handlebars takes a misspelt name in `{{#if}}` for false even
 * in strict mode, so a test compares the names in the templates with this object.
 */
export function templateModel(view: DomainView): Record<string, unknown> {
  const { firmware } = view;
  return {
    virt: view.virt,
    name: view.name,
    uuid: view.uuid,
    hasTitle: view.title !== undefined,
    title: view.title ?? '',
    origin: view.origin,
    memoryKiB: view.memoryBytes / 1024,
    cpus: view.cpus,
    arch: view.arch,
    machine: view.machine,
    isUefi: firmware.kind !== 'bios',
    isSecure: firmware.kind === 'uefi-secure',
    isQcow2Firmware: firmware.format === 'qcow2',
    secure: firmware.kind === 'uefi-secure' ? 'yes' : 'no',
    loader: firmware.loader ?? '',
    varsTemplate: firmware.varsTemplate ?? '',
    cpuMode: view.virt === 'kvm' ? 'host-model' : 'maximum',
    clock: view.clock,
    hasScsi: view.disks.some((disk) => disk.bus === 'virtio-scsi'),
    agentChannel: view.agentChannel,
    tpm: view.tpm,
    tpmModel: firmware.kind === 'bios' ? 'tpm-tis' : 'tpm-crb',
    disks: diskModels(view.disks),
    nics: view.nics.map((nic) => ({
      index: nic.index,
      hasMac: nic.mac !== undefined,
      mac: nic.mac ?? '',
      model: nic.model,
      isBridge: nic.attach.kind === 'bridge',
      attach: nic.attach,
    })),
  };
}

function diskModels(disks: readonly DomainDisk[]): readonly Record<string, unknown>[] {
  return disks.map((disk) => ({
    index: disk.index,
    path: disk.path,
    format: disk.format,
    target: disk.target,
    bus: LIBVIRT_BUS[disk.bus],
    hasSerial: disk.serial !== undefined,
    serial: disk.serial ?? '',
    hasBoot: disk.bootOrder !== undefined,
    bootOrder: disk.bootOrder ?? 0,
  }));
}

const cache = new WeakMap<TemplateTexts, (model: unknown) => string>();

/** Compiling takes far longer than rendering, so each set of templates is compiled once. */
function compiled(templates: TemplateTexts): (model: unknown) => string {
  const known = cache.get(templates);
  if (known !== undefined) return known;
  const handlebars = Handlebars.create();
  handlebars.registerHelper('xml', (value: unknown) => new Handlebars.SafeString(escapeXml(String(value))));
  for (const name of DOMAIN_TEMPLATES) handlebars.registerPartial(name, templates[name]);
  const render = handlebars.compile(templates.domain, {
    strict: true,
    knownHelpersOnly: true,
    knownHelpers: { xml: true },
  });
  cache.set(templates, render);
  return render;
}

function checkTexts(where: string, value: unknown): void {
  if (typeof value === 'string') checkXmlText(where, value);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) checkTexts(`${where}.${key}`, member);
  }
}

/**
 * The libvirt XML of a machine; the same view gives the same bytes. Throws `vm.domain.unsafe-text` for text that XML cannot
 * carry and `vm.domain.unsupported` for machines that libvirt would refuse.
 */
export function renderDomainXml(view: DomainView, templates: TemplateTexts): string {
  checkDomain(view);
  const model = templateModel(view);
  checkTexts('domain', model);
  return compiled(templates)(model);
}
