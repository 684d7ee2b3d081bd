import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DiskBus, DomainView } from '../model/index.js';
import { DOMAIN_TEMPLATES, parseDomainXml, renderDomainXml, templateFile } from './index.js';
import type { TemplateTexts } from './index.js';
import { isXmlText } from './text.js';

const templates = Object.fromEntries(
  DOMAIN_TEMPLATES.map((name) => [name, readFileSync(templateFile(name), 'utf8')]),
) as TemplateTexts;

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter(isXmlText);
const path = text.map((name) => `/${name}`);
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
const PREFIX: Readonly<Record<DiskBus, string>> = { 'virtio-blk': 'vd', 'virtio-scsi': 'sd', sata: 'sd', ide: 'hd' };

const firmware = fc.oneof(
  fc.constant({ kind: 'bios' as const }),
  fc.record({
    kind: fc.constantFrom('uefi' as const, 'uefi-secure' as const),
    loader: path,
    varsTemplate: path,
    format: fc.constantFrom('raw' as const, 'qcow2' as const),
  }),
);

const view: fc.Arbitrary<DomainView> = fc
  .record(
    {
      name: text,
      uuid: fc.uuid(),
      title: text,
      memoryBytes: fc.integer({ min: 1, max: 2 ** 30 }).map((kib) => kib * 1024),
      cpus: fc.integer({ min: 1, max: 512 }),
      arch: fc.constantFrom('x86_64' as const, 'aarch64' as const),
      machine: fc.constantFrom('q35' as const, 'pc' as const),
      firmware,
      clock: fc.constantFrom('utc' as const, 'localtime' as const),
      tpm: fc.boolean(),
      disks: fc.array(
        fc.record(
          {
            path,
            format: fc.constantFrom('qcow2' as const, 'raw' as const),
            bus: fc.constantFrom('virtio-blk' as const, 'virtio-scsi' as const, 'sata' as const, 'ide' as const),
            serial: fc.stringMatching(/^[A-Za-z0-9_.+-]{1,20}$/),
            bootOrder: fc.integer({ min: 1, max: 99 }),
          },
          { requiredKeys: ['path', 'format', 'bus'] },
        ),
        { maxLength: 4 },
      ),
      nics: fc.array(
        fc.record(
          {
            mac,
            model: fc.constantFrom('virtio' as const, 'e1000e' as const, 'e1000' as const, 'rtl8139' as const),
            attach: fc.record({ kind: fc.constantFrom('network' as const, 'bridge' as const), name: text }),
          },
          { requiredKeys: ['model', 'attach'] },
        ),
        { maxLength: 4 },
      ),
      agentChannel: fc.boolean(),
      virt: fc.constantFrom('kvm' as const, 'qemu' as const),
      origin: fc.record({ playbook: text, vmKey: text, tool: text }),
    },
    {
      requiredKeys: [
        ...(['name', 'uuid', 'memoryBytes', 'cpus', 'arch', 'machine', 'firmware', 'clock', 'tpm', 'disks'] as const),
        ...(['nics', 'agentChannel', 'virt', 'origin'] as const),
      ],
    },
  )
  .map((v) => ({
    ...v,
    // Combinations that no machine may have are not part of the law.
    machine: v.firmware.kind === 'uefi-secure' ? ('q35' as const) : v.machine,
    disks: v.disks.map((disk, index) => {
      const isQ35 = v.machine === 'q35' || v.firmware.kind === 'uefi-secure';
      const bus = disk.bus === 'ide' && isQ35 ? ('sata' as const) : disk.bus;
      return { ...disk, index, bus, target: `${PREFIX[bus]}${String.fromCharCode(97 + index)}` };
    }),
    nics: v.nics.map((nic, index) => ({ ...nic, index })),
  }));

describe('reading domain XML', () => {
  it('gives back the view that was rendered', () => {
    fc.assert(
      fc.property(view, (machine) => {
        expect(parseDomainXml(renderDomainXml(machine, templates))).toEqual(machine);
      }),
      { numRuns: 300 },
    );
  });

  it('gives equal bytes for equal views', () => {
    fc.assert(
      fc.property(view, (machine) => {
        expect(renderDomainXml(structuredClone(machine), templates)).toBe(renderDomainXml(machine, templates));
      }),
      { numRuns: 50 },
    );
  });

  it.each(['', '<domain', '<html/>', '<domain type="kvm"/>', '<!DOCTYPE x><domain type="kvm"/>'])(
    'refuses %j',
    (xml) => {
      expect(() => parseDomainXml(xml)).toThrow(expect.objectContaining({ code: 'vm.domain.unreadable' }));
    },
  );
});
