/** Writes OVF descriptors the way exporters do, with the order of disks and hardware under the test's control. */
export interface MadeOvf {
  readonly files?: readonly {
    readonly id: string;
    readonly href: string;
    readonly size?: number;
    readonly compression?: string;
    readonly chunkSize?: number;
  }[];
  readonly disks?: readonly {
    readonly id: string;
    readonly file?: string;
    readonly capacity: string;
    readonly units?: string;
    readonly format?: string;
    readonly parent?: string;
  }[];
  readonly systems?: readonly MadeSystem[];
  /** Put in front of everything. */
  readonly prolog?: string;
  readonly envelopeUri?: string;
}

export interface MadeSystem {
  readonly id: string;
  readonly name?: string;
  /** Items as maps of rasd properties, plus attributes under `@`. */
  readonly items?: readonly (Readonly<Record<string, string | number>> & { readonly '@'?: string })[];
  readonly config?: Readonly<Record<string, string>>;
  readonly more?: string;
}

export function makeOvf(made: MadeOvf): string {
  const attribute = (name: string, value: string | number | undefined): string =>
    value === undefined ? '' : ` ovf:${name}="${value}"`;
  const files = (made.files ?? []).map(
    (f) =>
      `<File ovf:id="${f.id}" ovf:href="${f.href}"${attribute('size', f.size)}${attribute('compression', f.compression)}${attribute('chunkSize', f.chunkSize)}/>`,
  );
  const disks = (made.disks ?? []).map(
    (d) =>
      `<Disk ovf:diskId="${d.id}"${attribute('fileRef', d.file)} ovf:capacity="${d.capacity}"${attribute('capacityAllocationUnits', d.units)}${attribute('parentRef', d.parent)} ovf:format="${d.format ?? 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized'}"/>`,
  );
  const systems = (made.systems ?? []).map((s) => {
    const items = (s.items ?? []).map((item) => {
      const children = Object.entries(item)
        .filter(([key]) => key !== '@')
        .map(([key, value]) => `<rasd:${key}>${value}</rasd:${key}>`);
      return `<Item${item['@'] === undefined ? '' : ` ${item['@']}`}>${children.join('')}</Item>`;
    });
    const config = Object.entries(s.config ?? {}).map(
      ([key, value]) => `<vmw:Config ovf:required="false" vmw:key="${key}" vmw:value="${value}"/>`,
    );
    return `<VirtualSystem ovf:id="${s.id}"><Info>one</Info>${s.name === undefined ? '' : `<Name>${s.name}</Name>`}
<OperatingSystemSection ovf:id="94" vmw:osType="debian11_64Guest"><Info/></OperatingSystemSection>
<VirtualHardwareSection><Info/>${items.join('\n')}${config.join('\n')}</VirtualHardwareSection>${s.more ?? ''}</VirtualSystem>`;
  });
  const content =
    systems.length === 1
      ? systems[0]
      : `<VirtualSystemCollection ovf:id="all"><Info/>${systems.join('\n')}</VirtualSystemCollection>`;
  return `${made.prolog ?? '<?xml version="1.0" encoding="UTF-8"?>\n'}<Envelope xmlns="${made.envelopeUri ?? 'http://schemas.dmtf.org/ovf/envelope/1'}" xmlns:ovf="${made.envelopeUri ?? 'http://schemas.dmtf.org/ovf/envelope/1'}" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vbox="http://www.virtualbox.org/ovf/machine">
<References>${files.join('\n')}</References>
<DiskSection><Info/>${disks.join('\n')}</DiskSection>
${content ?? ''}
</Envelope>`;
}

/** Hardware as vSphere exports it: SCSI and IDE controllers, the given disks on SCSI, one NIC. */
export function vsphereItems(
  disks: readonly { readonly disk: string; readonly unit: number }[],
): NonNullable<MadeSystem['items']> {
  return [
    { InstanceID: 1, ResourceType: 3, VirtualQuantity: 2, AllocationUnits: 'hertz * 10^6' },
    { InstanceID: 2, ResourceType: 4, VirtualQuantity: 1024, AllocationUnits: 'byte * 2^20' },
    { InstanceID: 3, ResourceType: 6, ResourceSubType: 'VirtualSCSI', Address: 0 },
    { InstanceID: 4, ResourceType: 5, Address: 1 },
    { InstanceID: 5, ResourceType: 15, Parent: 4, AddressOnParent: 0, '@': 'ovf:required="false"' },
    ...disks.map(({ disk, unit }, index) => ({
      InstanceID: 10 + index,
      ResourceType: 17,
      HostResource: `ovf:/disk/${disk}`,
      Parent: 3,
      AddressOnParent: unit,
    })),
    {
      InstanceID: 30,
      ResourceType: 10,
      ResourceSubType: 'VmxNet3',
      Address: '00:50:56:3A:5B:7C',
      Connection: 'VM Network',
      AddressOnParent: 7,
    },
  ];
}
