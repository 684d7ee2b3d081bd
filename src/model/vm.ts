/** What a source says about a virtual machine. Fields that are not known are absent, never guessed. */

/** Format of a disk image. `vhd` is what qemu-img calls `vpc`. */
export type DiskFormat = 'raw' | 'qcow2' | 'vmdk' | 'vhd' | 'vhdx' | 'vdi';

/** The driver name that QEMU and qemu-img know a format by. */
export function qemuFormat(format: DiskFormat): string {
  return format === 'vhd' ? 'vpc' : format;
}

export type SourceBus = 'ide' | 'scsi' | 'sata' | 'nvme' | 'virtio' | 'unknown';

/** One file of a disk's chain, leaf first: an image, one extent, a parent or a parent's extent. */
export interface ChainFile {
  /** Absolute real path. */
  readonly path: string;
  readonly role: 'image' | 'extent' | 'parent' | 'parent-extent';
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  readonly inode: string;
  /** SHA-256 over the first and the last MiB, hex. */
  readonly sampleSha256: string;
}

/** Where the bytes of a disk are: readable files, a member of an archive, or nowhere (a blank disk). */
type DiskLocation =
  | { readonly kind: 'file'; readonly path: string; readonly format: DiskFormat; readonly chain: readonly ChainFile[] }
  | {
      readonly kind: 'archive';
      /** The archive on disk; for pieces that lie beside an OVF descriptor, that descriptor. */
      readonly archive: string;
      /** The archive, or the pieces. */
      readonly files: readonly ChainFile[];
      /** Member names that make up this disk, in order (several for a chunked file). */
      readonly members: readonly string[];
      readonly compression: 'none' | 'gzip';
      readonly format: DiskFormat | 'unknown';
      /** Tools can read it where it is: FETCH unpacks nothing. */
      readonly inPlace?: boolean;
    }
  | { readonly kind: 'blank' };

export interface SourceDisk {
  /** Stable within the machine: `disk0`, `disk1`, … in bus order. */
  readonly id: string;
  /** Position in bus order, from 0. */
  readonly index: number;
  readonly bus: SourceBus;
  /** Number of the controller within its class. */
  readonly controller?: number;
  readonly unit?: number;
  /** Known before FETCH for files and descriptors; absent when only unpacking tells. */
  readonly virtualSizeBytes?: number;
  /** Bytes that hold data, when the format tells. */
  readonly allocatedBytes?: number;
  readonly serial?: string;
  readonly location: DiskLocation;
}

/** The files that the bytes of a disk are in; none for a blank disk. */
export function diskFiles({ location }: Pick<SourceDisk, 'location'>): readonly ChainFile[] {
  if (location.kind === 'blank') return [];
  return location.kind === 'file' ? location.chain : location.files;
}

export interface SourceNic {
  readonly index: number;
  /** Lower-case, with colons. */
  readonly mac?: string;
  /** Model at the origin (`vmxnet3`, `e1000`, …). */
  readonly model?: string;
  /** Network name at the origin. */
  readonly network?: string;
  /** VMware's number of its PCI slot (`pciSlotNumber`), from which the guest made its name. */
  readonly pciSlot?: number;
}

export type Firmware = 'bios' | 'uefi';

/** A virtual machine as its source describes it: metadata only, no disk byte moved. */
export interface VmDescription {
  readonly name: string;
  /** `<source>:<uid>`; the uid is the instance UUID when the descriptor has one, else the name. */
  readonly vmKey: string;
  readonly origin: { readonly kind: 'disks' | 'ova' | 'ovf' | 'vmx' | 'bundle'; readonly path: string };
  readonly disks: readonly SourceDisk[];
  readonly nics: readonly SourceNic[];
  readonly firmware?: Firmware;
  readonly secureBoot?: boolean;
  readonly tpm?: boolean;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly guestId?: string;
  readonly uuid?: string;
  /** Facts that an operator should read; each also a diagnostic. */
  readonly warnings: readonly string[];
}

/** An image that a tool may open: format always said, never probed. */
export interface DiskImage {
  readonly id: string;
  readonly index: number;
  readonly path: string;
  readonly format: DiskFormat;
  readonly virtualSizeBytes: number;
}
