/** Types of the guest factory's door; the implementation is plain JavaScript so that the demo runs it uncompiled. */

/** A file system or swap area, on a partition or on a logical volume. */
export interface Volume {
  readonly fs: 'ext4' | 'xfs' | 'btrfs' | 'vfat' | 'swap';
  /** File system UUID, as blkid prints it (`ABCD-1234` for vfat). */
  readonly uuid: string;
  /** Absent for swap. */
  readonly mount?: string;
  /** 0 means: all that is left. */
  readonly sizeMiB: number;
  /** btrfs: subvolume name by mount point; the one for `/` holds the system. */
  readonly subvolumes?: Readonly<Record<string, string>>;
}

export type Partition =
  | (Volume & { readonly esp?: boolean })
  | { readonly vg: string; readonly sizeMiB: number }
  /** Where GRUB keeps its core image on a GPT disk that boots by BIOS. */
  | { readonly biosBoot: true; readonly sizeMiB: number };

export interface DiskLayout {
  readonly sizeMiB: number;
  readonly table: 'mbr' | 'gpt';
  readonly partitions: readonly Partition[];
}

/** Everything that decides what a guest looks like inside; equal recipes give one cached image. */
export interface Recipe {
  readonly name: string;
  /** What a test finds special in it, one line. */
  readonly about: string;
  readonly suite: 'bullseye' | 'bookworm' | 'trixie';
  /** Packages beside the common base. */
  readonly packages: readonly string[];
  readonly hostname: string;
  readonly firmware: 'bios' | 'uefi';
  readonly disks: readonly DiskLayout[];
  /** Logical volumes by volume group. */
  readonly volumeGroups?: Readonly<Record<string, readonly (Volume & { readonly lv: string })[]>>;
  readonly initramfs: {
    readonly tool: 'initramfs-tools' | 'dracut';
    /** The only drivers the image holds, beside what the tool always adds. */
    readonly drivers: readonly string[];
  };
  readonly network: {
    readonly backend: 'ifupdown' | 'NetworkManager' | 'netplan' | 'networkd';
    readonly ifname: string;
    readonly mac: string;
    /** Static address with prefix length; the gateway is the first of its /24. Without it DHCP. */
    readonly address?: string;
    /** NetworkManager: whether the profile is for the interface's name or for its MAC. @default 'name' */
    readonly bind?: 'name' | 'mac';
    /** What holds the name to the MAC; `none` relies on VMware's PCI slot, as most guests do. */
    readonly pin: 'udev' | 'link' | 'none';
    /** ifupdown: one more adapter, which nothing but its slot at VMware tells from the first. */
    readonly second?: { readonly ifname: string; readonly mac: string; readonly address: string };
  };
  /** How fstab, and RESUME= of initramfs-tools, name block devices that are not logical volumes. */
  readonly fstab: 'by-path' | 'uuid' | 'device';
  /** How the generated grub.cfg names a root that is not a logical volume. */
  readonly rootToken: 'uuid' | 'device';
  /** Kernel console on ttyS0. Without it a guest prints nothing on the serial port. */
  readonly serialConsole: boolean;
  /** Kernel arguments beside `quiet`, as in GRUB_CMDLINE_LINUX. */
  readonly kernelArguments?: string;
}

export type RecipeName =
  | 'demo'
  | 'demo-serial'
  | 'demo-volatile-root'
  | 'demo-uuid'
  | 'dracut-lvm-uefi'
  | 'netplan-two-disks'
  | 'btrfs-networkd'
  | 'xfs-two-kernels'
  | 'cloud-init-uefi'
  | 'classic-names'
  | 'separate-usr'
  | 'two-adapters';

/** Disk formats the factory can hand out. */
export type DiskFormat = 'raw' | 'qcow2' | 'vmdk' | 'vmdk-split' | 'vmdk-stream' | 'vhd' | 'vhdx' | 'vdi';

export interface BuiltGuest {
  readonly recipe: Recipe;
  readonly format: DiskFormat;
  /** One file per disk, in bus order. Never write to them: they are shared by every caller. */
  readonly disks: readonly string[];
  /** Kernel version of the guest's only kernel. */
  readonly kernel: string;
}

export interface BuildOptions {
  /** @default 'raw' */
  readonly format?: DiskFormat;
  /** Told about every slow step that the cache could not spare. */
  readonly say?: (text: string) => void;
}

export const recipes: Readonly<Record<RecipeName, Recipe>>;

/** Why guests cannot be built on this machine, or undefined when they can. */
export function whyNotHere(): Promise<string | undefined>;

/** Builds a guest, or takes it from the cache, and returns its disks in the wanted format. */
export function buildGuest(recipe: Recipe | RecipeName, options?: BuildOptions): Promise<BuiltGuest>;

/** Packs a guest as VMware exports one: OVF first, streamOptimized disks, SHA256 manifest. Returns the .ova's path. */
export function buildOva(
  recipe: Recipe | RecipeName,
  options?: { readonly say?: (text: string) => void },
): Promise<string>;
