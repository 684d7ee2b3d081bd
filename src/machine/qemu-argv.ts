import type { DomainDisk, DomainNic, DomainView } from '../model/index.js';

/** An image file as a block node: the format is said, and what lies below it is spelled out, never read from its header. */
export interface BlockImage {
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly backing?: BlockImage;
}

/** What a machine needs at run time besides its definition. */
export interface QemuRuntime {
  readonly accelerator: 'kvm' | 'tcg';
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** The images to run from, by disk position. */
  readonly images: readonly { readonly index: number; readonly image: BlockImage }[];
  /** Private copy of the firmware variables (UEFI only). */
  readonly nvram?: { readonly path: string; readonly format: 'raw' | 'qcow2' };
  readonly qmpSocket: string;
  readonly pidFile: string;
  /** Where the first serial port is written. */
  readonly serialLog: string;
  /** Where the firmware's debug port is written; SeaBIOS says there that it found nothing to boot from. */
  readonly debugLog: string;
  readonly agentSocket?: string;
  /**
   * `isolated`: user networking that answers DHCP and lets nothing out or in. `unplugged`: a link to nowhere, for builds of QEMU
   * without user networking.
   */
  readonly network: 'isolated' | 'unplugged';
  /** Packet capture per NIC position. */
  readonly captures: readonly { readonly index: number; readonly path: string }[];
  readonly sandbox: boolean;
  /** `shutdown` ends the run at the first reset; `reset` lets the guest restart. */
  readonly onReboot: 'shutdown' | 'reset';
}

/** Text for one value of a string-form option: a comma would begin the next key. */
export function optionValue(text: string): string {
  return text.replaceAll(',', ',,');
}

const json = (value: unknown): string => JSON.stringify(value);

function fileNode(path: string, readOnly: boolean): Record<string, unknown> {
  return { driver: 'file', filename: path, aio: 'threads', 'auto-read-only': false, 'read-only': readOnly };
}

function backingNode(image: BlockImage): Record<string, unknown> {
  return {
    driver: image.format,
    'read-only': true,
    file: fileNode(image.path, true),
    ...(image.format === 'raw' ? {} : { backing: image.backing === undefined ? null : backingNode(image.backing) }),
  };
}

/** Options for one writable disk. Its writes are thrown away after the run, so that flushes are not waited for. */
function diskNode(name: string, image: BlockImage): string {
  return json({
    'node-name': name,
    driver: image.format,
    cache: { direct: false, 'no-flush': true },
    discard: 'unmap',
    file: { ...fileNode(image.path, false), cache: { direct: false, 'no-flush': true }, discard: 'unmap' },
    ...(image.format === 'raw' ? {} : { backing: image.backing === undefined ? null : backingNode(image.backing) }),
  });
}

/** Gives out PCI places: behind a port each on q35, on the one bus on pc. Hands back the bus for the next device. */
class PciPlaces {
  readonly ports: string[] = [];
  readonly #isQ35: boolean;
  #count = 0;
  #bridge = false;

  constructor(isQ35: boolean) {
    this.#isQ35 = isQ35;
  }

  next(): Record<string, unknown> {
    if (!this.#isQ35) return { bus: 'pci.0' };
    const index = this.#count;
    this.#count += 1;
    const slot = 2 + Math.floor(index / 8);
    this.ports.push(
      json({
        driver: 'pcie-root-port',
        id: `port${index}`,
        bus: 'pcie.0',
        chassis: index + 1,
        port: 16 + index,
        addr: `${slot.toString(16)}.${index % 8}`,
        ...(index % 8 === 0 ? { multifunction: true } : {}),
      }),
    );
    return { bus: `port${index}` };
  }

  /** For devices of the old PCI kind, which no PCI Express port takes. */
  conventional(): Record<string, unknown> {
    if (!this.#isQ35) return { bus: 'pci.0' };
    if (!this.#bridge) {
      this.#bridge = true;
      this.ports.push(json({ driver: 'pcie-pci-bridge', id: 'bridge0', ...this.next() }));
    }
    return { bus: 'bridge0' };
  }
}

const NIC_DRIVER = { virtio: 'virtio-net-pci', e1000e: 'e1000e', e1000: 'e1000', rtl8139: 'rtl8139' } as const;

function nicArgs(nics: readonly DomainNic[], runtime: QemuRuntime, pci: PciPlaces): string[] {
  const args: string[] = [];
  for (const nic of nics) {
    const id = `net${nic.index}`;
    const capture = runtime.captures.find((entry) => entry.index === nic.index);
    const net = `10.${100 + (nic.index % 100)}.2.0/24`;
    args.push(
      '-netdev',
      json(
        runtime.network === 'isolated'
          ? { type: 'user', id, restrict: true, net }
          : { type: 'hubport', id, hubid: nic.index },
      ),
    );
    if (capture !== undefined) {
      args.push('-object', json({ 'qom-type': 'filter-dump', id: `dump${nic.index}`, netdev: id, file: capture.path }));
    }
    const old = nic.model === 'e1000' || nic.model === 'rtl8139';
    args.push(
      '-device',
      json({
        driver: NIC_DRIVER[nic.model],
        netdev: id,
        id: `nic${nic.index}`,
        ...(nic.mac === undefined ? {} : { mac: nic.mac }),
        ...(old ? pci.conventional() : pci.next()),
      }),
    );
  }
  return args;
}

/** Places of disks on buses, in the order in which libvirt hands them out. */
function diskArgs(view: DomainView, runtime: QemuRuntime, pci: PciPlaces): string[] {
  const args: string[] = [];
  const used = { sata: 0, ide: 0, scsi: 0 };
  const device = (disk: DomainDisk): Record<string, unknown> => {
    switch (disk.bus) {
      case 'virtio-blk':
        return { driver: 'virtio-blk-pci', ...pci.next() };
      case 'virtio-scsi': {
        const lun = used.scsi++;
        return { driver: 'scsi-hd', bus: 'scsi0.0', channel: 0, 'scsi-id': 0, lun };
      }
      case 'sata': {
        const place = used.sata++;
        const controller = Math.floor(place / 6);
        const isBuiltIn = view.machine === 'q35' && controller === 0;
        if (!isBuiltIn && place % 6 === 0) {
          args.push('-device', json({ driver: 'ahci', id: `sata${controller}`, ...pci.conventional() }));
        }
        return { driver: 'ide-hd', bus: isBuiltIn ? `ide.${place}` : `sata${controller}.${place % 6}` };
      }
      case 'ide': {
        const place = used.ide++;
        return { driver: 'ide-hd', bus: `ide.${Math.floor(place / 2)}`, unit: place % 2 };
      }
    }
  };
  for (const disk of view.disks) {
    const image = runtime.images.find((entry) => entry.index === disk.index)?.image;
    if (image === undefined) continue;
    const node = `disk${disk.index}`;
    const facts = device(disk);
    args.push(
      ...['-blockdev', diskNode(node, image)],
      ...[
        '-device',
        json({
          ...facts,
          drive: node,
          id: `dev${disk.index}`,
          ...(disk.bootOrder === undefined ? {} : { bootindex: disk.bootOrder }),
          ...(disk.serial === undefined ? {} : { serial: disk.serial }),
        }),
      ],
    );
  }
  return args;
}

function firmwareArgs(view: DomainView, runtime: QemuRuntime): { readonly machine: string; readonly args: string[] } {
  const { firmware } = view;
  if (firmware.kind === 'bios' || firmware.loader === undefined || runtime.nvram === undefined) {
    return { machine: '', args: [] };
  }
  const code = { 'node-name': 'firmware-code', driver: firmware.format ?? 'raw', 'read-only': true };
  const variables = { 'node-name': 'firmware-vars', driver: runtime.nvram.format };
  const isSecure = firmware.kind === 'uefi-secure';
  return {
    machine: `,pflash0=firmware-code,pflash1=firmware-vars${isSecure ? ',smm=on' : ''}`,
    args: [
      ...['-blockdev', json({ ...code, file: fileNode(firmware.loader, true) })],
      ...['-blockdev', json({ ...variables, file: fileNode(runtime.nvram.path, false) })],
      ...(isSecure ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
    ],
  };
}

const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

/**
 * The command line that runs a machine for a boot proof: the devices of its domain XML at the places where libvirt puts them,
 * started paused so that every observer is there before the first instruction. Pure; the same input gives the same words.
 * Pointer device and graphics server are left out (nobody looks), a TPM too (its emulator is a process of its own).
 */
export function qemuArgv(view: DomainView, runtime: QemuRuntime): readonly string[] {
  const isQ35 = view.machine === 'q35';
  const pci = new PciPlaces(isQ35);
  const firmware = firmwareArgs(view, runtime);
  const nics = nicArgs(view.nics, runtime, pci);
  const scsi = view.disks.some((disk) => disk.bus === 'virtio-scsi')
    ? ['-device', json({ driver: 'virtio-scsi-pci', id: 'scsi0', ...pci.next() })]
    : [];
  const agent =
    view.agentChannel && runtime.agentSocket !== undefined
      ? [
          ...['-device', json({ driver: 'virtio-serial-pci', id: 'vserial0', ...pci.next() })],
          ...['-chardev', `socket,id=agent0,path=${optionValue(runtime.agentSocket)},server=on,wait=off`],
          ...[
            '-device',
            json({
              driver: 'virtserialport',
              bus: 'vserial0.0',
              chardev: 'agent0',
              id: 'agentport0',
              name: 'org.qemu.guest_agent.0',
            }),
          ],
        ]
      : [];
  const disks = diskArgs(view, runtime, pci);
  const rest = [
    ...['-device', json({ driver: 'virtio-balloon-pci', id: 'balloon0', ...pci.next() })],
    ...['-object', json({ 'qom-type': 'rng-random', id: 'rng0', filename: '/dev/urandom' })],
    ...['-device', json({ driver: 'virtio-rng-pci', rng: 'rng0', id: 'rngdev0', ...pci.next() })],
  ];
  return [
    ...['-nodefaults', '-no-user-config'],
    ...['-name', `guest=${optionValue(view.name)},debug-threads=on`],
    ...['-uuid', view.uuid, '-pidfile', runtime.pidFile, '-msg', 'timestamp=on'],
    ...['-machine', `${view.machine},usb=off,hpet=off${firmware.machine}`],
    ...['-accel', runtime.accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi', '-cpu', runtime.cpuModel],
    ...['-m', `size=${Math.ceil(runtime.memoryBytes / 1024 ** 2)}M`, '-smp', `cpus=${runtime.cpus}`],
    ...['-rtc', `base=${view.clock === 'localtime' ? 'localtime' : 'utc'},driftfix=slew`],
    ...['-boot', 'strict=on', '-display', 'none', '-S'],
    ...['-action', `panic=pause,shutdown=pause,reboot=${runtime.onReboot}`],
    ...(runtime.sandbox ? ['-sandbox', SANDBOX] : []),
    ...['-chardev', `socket,id=qmp0,path=${optionValue(runtime.qmpSocket)},server=on,wait=off`],
    ...['-mon', 'chardev=qmp0,mode=control'],
    ...['-chardev', `file,id=serial0,path=${optionValue(runtime.serialLog)}`],
    ...['-device', json({ driver: 'isa-serial', chardev: 'serial0', index: 0 })],
    ...['-chardev', `file,id=debug0,path=${optionValue(runtime.debugLog)}`],
    ...['-device', json({ driver: 'isa-debugcon', iobase: 0x402, chardev: 'debug0' })],
    ...firmware.args,
    ...pci.ports.flatMap((port) => ['-device', port]),
    ...['-device', json({ driver: 'VGA', id: 'video0', ...(isQ35 ? { bus: 'pcie.0', addr: '1' } : {}) })],
    ...nics,
    ...scsi,
    ...agent,
    ...disks,
    ...rest,
  ];
}
