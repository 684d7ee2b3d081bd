/**
 * The machine that a product runs on, complete: libvirt XML and the QEMU command line of the boot proof are both made
 * from it, so that what is proven is what is handed over.
 */
export type DiskBus = 'virtio-blk' | 'virtio-scsi' | 'sata' | 'ide';
export type NicModel = 'virtio' | 'e1000e' | 'e1000' | 'rtl8139';

export interface DomainDisk {
  readonly index: number;
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly bus: DiskBus;
  /** Target name in the domain (`vda`, `sda`, `hda`). */
  readonly target: string;
  readonly serial?: string;
  /** Place in the order in which the firmware tries the disks, from 1; one without is never tried. */
  readonly bootOrder?: number;
}

export interface DomainNic {
  readonly index: number;
  readonly mac?: string;
  readonly model: NicModel;
  readonly attach: { readonly kind: 'network' | 'bridge'; readonly name: string };
}

export interface DomainFirmware {
  readonly kind: 'bios' | 'uefi' | 'uefi-secure';
  /** Code and variable template files of the host, found through its firmware descriptors (uefi only). */
  readonly loader?: string;
  readonly varsTemplate?: string;
  readonly format?: 'raw' | 'qcow2';
}

export interface DomainView {
  readonly name: string;
  readonly uuid: string;
  readonly title?: string;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly arch: 'x86_64' | 'aarch64';
  readonly machine: 'q35' | 'pc';
  readonly firmware: DomainFirmware;
  readonly clock: 'utc' | 'localtime';
  readonly tpm: boolean;
  readonly disks: readonly DomainDisk[];
  readonly nics: readonly DomainNic[];
  /** Guest agent channel, serial console, random number generator. */
  readonly agentChannel: boolean;
  /** Hypervisor the domain asks libvirt for. */
  readonly virt: 'kvm' | 'qemu';
  /** What made this domain; goes into `<metadata>`. */
  readonly origin: { readonly playbook: string; readonly vmKey: string; readonly tool: string };
}
