import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeOvf, vsphereItems } from '../../../test/support/ovf-maker.js';
import type { MadeOvf } from '../../../test/support/ovf-maker.js';
import { DroverError } from '../../lib/error.js';
import { parseOvf } from './package.js';
import type { OvfPackage } from './package.js';
import { allocationUnit } from './units.js';

const GIB = 1024 ** 3;

function parse(made: MadeOvf): OvfPackage {
  return parseOvf('x.ovf', Buffer.from(makeOvf(made)));
}

function refusal(text: string): DroverError {
  try {
    parseOvf('x.ovf', Buffer.from(text));
  } catch (error) {
    if (error instanceof DroverError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

const one: MadeOvf = {
  files: [
    { id: 'f1', href: 'a%20b.vmdk', size: 1000 },
    { id: 'f2', href: 'second.vmdk', compression: 'gzip', chunkSize: 500 },
  ],
  disks: [
    { id: 'd1', file: 'f1', capacity: '10', units: 'byte * 2^30' },
    { id: 'd2', file: 'f2', capacity: '4096' },
    { id: 'd3', capacity: '1', units: 'byte * 2^30' },
  ],
  systems: [
    {
      id: 'web',
      name: 'Web 01',
      items: vsphereItems([
        { disk: 'd2', unit: 5 },
        { disk: 'd3', unit: 2 },
        { disk: 'd1', unit: 0 },
      ]),
      config: { firmware: 'efi', 'bootOptions.efiSecureBootEnabled': 'true' },
    },
  ],
};

describe('parseOvf', () => {
  it('reads a vSphere export; disks stand in the order of the hardware', () => {
    const pack = parse(one);
    expect([...pack.files.values()]).toEqual([
      { id: 'f1', href: 'a b.vmdk', sizeBytes: 1000, compression: 'none' },
      { id: 'f2', href: 'second.vmdk', compression: 'gzip', chunkBytes: 500 },
    ]);
    expect([...pack.disks.values()]).toEqual([
      { id: 'd1', fileId: 'f1', capacityBytes: 10 * GIB, isRaw: false },
      { id: 'd2', fileId: 'f2', capacityBytes: 4096, isRaw: false },
      { id: 'd3', capacityBytes: GIB, isRaw: false },
    ]);
    expect(pack.systems).toEqual([
      {
        id: 'web',
        name: 'Web 01',
        cpus: 2,
        memoryBytes: GIB,
        firmware: 'uefi',
        secureBoot: true,
        tpm: false,
        guestId: 'debian11_64Guest',
        drives: [
          { bus: 'scsi', controller: 0, unit: 0, target: { kind: 'disk', id: 'd1' } },
          { bus: 'scsi', controller: 0, unit: 2, target: { kind: 'disk', id: 'd3' } },
          { bus: 'scsi', controller: 0, unit: 5, target: { kind: 'disk', id: 'd2' } },
        ],
        nics: [{ index: 0, mac: '00:50:56:3a:5b:7c', model: 'vmxnet3', network: 'VM Network' }],
      },
    ]);
    expect(pack.notes).toEqual([]);
  });

  it('orders controllers of a class by address, classes by the document', () => {
    const pack = parse({
      disks: ['a', 'b', 'c', 'd'].map((id) => ({ id, capacity: '1024' })),
      systems: [
        {
          id: 's',
          items: [
            { InstanceID: 7, ResourceType: 20, ResourceSubType: 'vmware.sata.ahci', Address: 0 },
            { InstanceID: 4, ResourceType: 6, Address: 1 },
            { InstanceID: 3, ResourceType: 6, Address: 0 },
            { InstanceID: 9, ResourceType: 20, ResourceSubType: 'vmware.nvme.controller' },
            { InstanceID: 20, ResourceType: 17, HostResource: '/disk/a', Parent: 9, AddressOnParent: 0 },
            { InstanceID: 21, ResourceType: 17, HostResource: '/disk/b', Parent: 4, AddressOnParent: 0 },
            { InstanceID: 22, ResourceType: 17, HostResource: '/disk/c', Parent: 3, AddressOnParent: 10 },
            { InstanceID: 23, ResourceType: 17, HostResource: '/disk/d', Parent: 7, AddressOnParent: 1 },
          ],
        },
      ],
    });
    const order = pack.systems[0]?.drives.map((d) => `${d.target.id} ${d.bus}${d.controller}:${d.unit}`);
    expect(order).toEqual(['d sata0:1', 'c scsi0:10', 'b scsi1:0', 'a nvme0:0']);
  });

  it('takes several systems, also without namespaced attributes', () => {
    const text = makeOvf({
      systems: [
        { id: 'a', name: 'A' },
        { id: 'b', name: 'B' },
      ],
    });
    expect(parseOvf('x', Buffer.from(text)).systems.map((s) => s.name)).toEqual(['A', 'B']);
    expect(parseOvf('x', Buffer.from(text.replaceAll(' ovf:id', ' id'))).systems.map((s) => s.id)).toEqual(['a', 'b']);
  });

  it('reads VirtualBox: MAC addresses and firmware from its own section', () => {
    const pack = parse({
      systems: [
        {
          id: 'v',
          items: [{ InstanceID: 1, ResourceType: 10, ResourceSubType: 'E1000', Connection: 'NAT' }],
          more: '<vbox:Machine><Hardware><Firmware type="EFI"/><Network><Adapter slot="0" enabled="false" MACAddress="080027000001"/><Adapter slot="1" enabled="true" MACAddress="0800271234AB"/></Network></Hardware></vbox:Machine>',
        },
      ],
    });
    expect(pack.systems[0]).toMatchObject({ firmware: 'uefi', nics: [{ mac: '08:00:27:12:34:ab' }] });
  });

  it('takes a MAC address from settings when the item has none', () => {
    const pack = parse({
      systems: [
        {
          id: 'v',
          items: [{ InstanceID: 1, ResourceType: 10 }],
          config: { 'ethernet0.generatedAddress': '00:0c:29:aa:bb:cc', 'ethernet0.pciSlotNumber': '192' },
        },
      ],
    });
    expect(pack.systems[0]?.nics[0]).toMatchObject({ mac: '00:0c:29:aa:bb:cc', pciSlot: 192 });
  });

  it('reads properties, deployment options and memory without a unit', () => {
    const pack = parse({
      disks: [{ id: 'd', capacity: '${size}', units: 'byte * 2^30' }],
      systems: [
        {
          id: 'v',
          items: [
            { InstanceID: 1, ResourceType: 4, VirtualQuantity: 2048 },
            { InstanceID: 2, ResourceType: 3, VirtualQuantity: 8, '@': 'ovf:configuration="large"' },
            { InstanceID: 3, ResourceType: 3, VirtualQuantity: 1, '@': 'ovf:configuration="small tiny"' },
            { InstanceID: 4, ResourceType: 3, VirtualQuantity: 9, '@': 'ovf:bound="max"' },
          ],
          more: '<ProductSection><Info/><Property ovf:key="size" ovf:type="uint8" ovf:value="3"/></ProductSection>',
        },
      ],
      prolog: '',
    });
    expect(pack.disks.get('d')?.capacityBytes).toBe(3 * GIB);
    expect(pack.systems[0]?.memoryBytes).toBe(2 * GIB);
    expect(pack.notes.join()).toContain('MiB');
    const withOptions = makeOvf({
      systems: [
        { id: 'v', items: [{ InstanceID: 2, ResourceType: 3, VirtualQuantity: 8, '@': 'ovf:configuration="large"' }] },
      ],
    });
    const options =
      '<DeploymentOptionSection><Info/><Configuration ovf:id="small"/><Configuration ovf:id="large" ovf:default="true"/></DeploymentOptionSection>';
    const chosen = parseOvf('x', Buffer.from(withOptions.replace('<DiskSection>', `${options}<DiskSection>`)));
    expect(chosen.systems[0]?.cpus).toBe(8);
  });

  it('reads other envelope versions with a note, and nothing else', () => {
    const two = parse({ ...one, envelopeUri: 'http://schemas.dmtf.org/ovf/envelope/2' });
    expect(two.systems[0]?.drives).toHaveLength(3);
    expect(two.notes[0]).toContain('envelope/2');
    const old = `<Envelope xmlns="http://www.vmware.com/schema/ovf/1/envelope" xmlns:ovf="http://www.vmware.com/schema/ovf/1/envelope" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
<References><File ovf:href="a.vmdk" ovf:id="f"/></References><Section xsi:type="ovf:DiskSection_Type"><Disk ovf:capacity="512" ovf:diskId="d" ovf:fileRef="f" ovf:format="x"/></Section>
<Content ovf:id="n" xsi:type="ovf:VirtualSystem_Type"><Section xsi:type="ovf:VirtualHardwareSection_Type"><Item><rasd:InstanceId>3</rasd:InstanceId><rasd:ResourceType>6</rasd:ResourceType></Item>
<Item><rasd:HostResource>disk/d</rasd:HostResource><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item></Section></Content></Envelope>`;
    expect(parseOvf('x', Buffer.from(old)).systems[0]?.drives).toHaveLength(1);
    expect(refusal('<Envelope xmlns="urn:other"/>').code).toBe('source.descriptor');
    expect(refusal('<html/>').code).toBe('source.descriptor');
  });

  const bad: readonly [string, string][] = [
    ['a document type', makeOvf({ ...one, prolog: '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' })],
    ['not XML', 'hello'],
    ['no system', makeOvf({ systems: [] }).replace(/<VirtualSystemCollection.*<\/VirtualSystemCollection>/s, '')],
    ['a capacity of -1', makeOvf({ ...one, disks: [{ id: 'd1', capacity: '-1' }] })],
    ['a capacity of 1e999', makeOvf({ ...one, disks: [{ id: 'd1', capacity: '1e999' }] })],
    ['a capacity beyond all', makeOvf({ ...one, disks: [{ id: 'd1', capacity: '99999999', units: 'byte * 2^40' }] })],
    ['an unknown unit', makeOvf({ ...one, disks: [{ id: 'd1', capacity: '1', units: 'furlong' }] })],
    ['an unset property', makeOvf({ ...one, disks: [{ id: 'd1', capacity: '${x}' }] })],
    [
      'a disk id twice',
      makeOvf({
        ...one,
        disks: [
          { id: 'd', capacity: '1' },
          { id: 'd', capacity: '1' },
        ],
      }),
    ],
    [
      'a file id twice',
      makeOvf({
        files: [
          { id: 'f', href: 'a' },
          { id: 'f', href: 'b' },
        ],
        systems: [{ id: 's' }],
      }),
    ],
    ['a disk without its file', makeOvf({ disks: [{ id: 'd', capacity: '1', file: 'no' }], systems: [{ id: 's' }] })],
    ['a drive without its disk', makeOvf({ systems: [{ id: 's', items: vsphereItems([{ disk: 'no', unit: 0 }]) }] })],
    [
      'an unknown compression',
      makeOvf({ files: [{ id: 'f', href: 'a', compression: 'rar' }], systems: [{ id: 's' }] }),
    ],
    ['no processors', makeOvf({ systems: [{ id: 's', items: [{ ResourceType: 3, VirtualQuantity: 0 }] }] })],
    ['no memory', makeOvf({ systems: [{ id: 's', items: [{ ResourceType: 4, VirtualQuantity: 'x' }] }] })],
  ];
  it.each(bad)('refuses: %s', (_, text) => {
    const error = refusal(text);
    expect(error.code).toBe('source.descriptor');
    expect(error.message).toMatch(/^x\.ovf/);
  });

  it('never crashes on mutated documents', () => {
    const good = Buffer.from(makeOvf(one));
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          parseOvf('x', bytes);
        } catch (error) {
          expect((error as DroverError).code).toBe('source.descriptor');
        }
      }),
      { numRuns: 300 },
    );
  });
});

it('allocationUnit reads every form', () => {
  expect(allocationUnit('byte * 2^30')).toBe(GIB);
  expect(allocationUnit('byte*2^20')).toBe(1024 ** 2);
  expect(allocationUnit('byte * 10^9')).toBe(1e9);
  expect(allocationUnit('byte * 1024')).toBe(1024);
  expect(allocationUnit('MegaBytes')).toBe(1024 ** 2);
  expect(allocationUnit('GB')).toBe(GIB);
  expect(allocationUnit('byte')).toBe(1);
  expect(allocationUnit('byte * 2^99')).toBeUndefined();
  expect(allocationUnit('hertz * 10^6')).toBeUndefined();
});
