/** The facts about a guest, read once, read-only. Every later stage reads only this. */
import type { Firmware } from './vm.js';

export const INSPECTION_VERSION = 1;

export interface BlockDevice {
  /** Name in the appliance (`/dev/sda1`, `/dev/vg/root`). Never meaningful outside it. */
  readonly device: string;
  readonly kind: 'disk' | 'partition' | 'lv' | 'md' | 'luks' | 'btrfs-subvolume';
  /** Position of the disk in bus order; for stacked devices that of the first disk below. */
  readonly diskIndex: number;
  readonly partition?: number;
  readonly sizeBytes: number;
  /** blkid TYPE, such as ext4, xfs, LVM2_member, crypto_LUKS, swap. */
  readonly fsType?: string;
  readonly uuid?: string;
  readonly label?: string;
  readonly partUuid?: string;
  readonly partLabel?: string;
  readonly partType?: string;
  /** Devices this one is made of. */
  readonly parents: readonly string[];
}

export interface Mountpoint {
  readonly path: string;
  readonly device: string;
  readonly fsType: string;
  readonly options?: string;
  readonly subvolume?: string;
  readonly usedBytes?: number;
  readonly freeBytes?: number;
  readonly freeInodes?: number;
  readonly dirty: boolean;
  readonly readOnlyReason?: string;
}

/** How stable a device specification is when the hypervisor changes. */
export type SpecClass = 'stable' | 'volatile' | 'removable' | 'network' | 'pseudo' | 'hypervisor' | 'unknown';

export interface FstabEntry {
  /** From 1. */
  readonly line: number;
  readonly spec: string;
  readonly mountpoint: string;
  readonly fsType: string;
  readonly options: string;
  readonly class: SpecClass;
  /** Appliance device the spec resolves to. */
  readonly device?: string;
  readonly bootCritical: boolean;
}

export interface CrypttabEntry {
  readonly line: number;
  readonly name: string;
  readonly device: string;
  readonly key: string;
  readonly options: string;
  readonly class: SpecClass;
  readonly resolved?: string;
}

export type DriverPresence = 'builtin' | 'module' | 'absent';
export type InitramfsPresence = 'yes' | 'no' | 'builtin' | 'unknown';

/** Drivers that decide whether a guest finds its disk and network on KVM. */
export const WATCHED_DRIVERS = [
  'virtio_pci',
  'virtio_blk',
  'virtio_scsi',
  'virtio_net',
  'ahci',
  'ata_piix',
  'sd_mod',
  'nvme',
  'e1000e',
  'e1000',
] as const;
export type WatchedDriver = (typeof WATCHED_DRIVERS)[number];

export interface DriverFacts {
  readonly driver: WatchedDriver;
  readonly presence: DriverPresence;
  readonly inInitramfs: InitramfsPresence;
}

export interface KernelFacts {
  readonly version: string;
  readonly vmlinuz: string;
  readonly initramfs?: {
    readonly path: string;
    readonly sizeBytes: number;
    readonly tool: InitramfsTool;
    readonly formats: readonly string[];
  };
  readonly modulesDir: string;
  readonly isDefault: boolean;
  readonly isRescue: boolean;
  readonly drivers: readonly DriverFacts[];
}

export type InitramfsTool = 'initramfs-tools' | 'dracut' | 'mkinitcpio' | 'mkinitrd' | 'mkinitfs' | 'unknown';
export type BootloaderKind = 'grub2' | 'grub-legacy' | 'bls' | 'systemd-boot' | 'uki' | 'extlinux' | 'none';
export type NetworkBackend = 'ifupdown' | 'netplan' | 'networkmanager' | 'networkd' | 'ifcfg-rh' | 'wicked' | 'none';

export interface NetworkProfile {
  /** File that holds it. */
  readonly path: string;
  readonly backend: NetworkBackend;
  /** Interface name it binds to, when it does so by name. */
  readonly name?: string;
  /** Patterns (`en*`) and further names, when it binds to more than one. */
  readonly namePatterns?: readonly string[];
  readonly macs: readonly string[];
  readonly method: 'dhcp' | 'static' | 'manual' | 'disabled' | 'unknown';
  readonly addresses: readonly string[];
  /** Conditions on hardware (driver, path) that break on another hypervisor. */
  readonly hardwareMatches: readonly string[];
  readonly kind: 'ethernet' | 'bond' | 'bridge' | 'vlan' | 'other';
}

export interface InterfacePin {
  readonly path: string;
  readonly name: string;
  readonly mac: string;
}

export interface AgentFacts {
  readonly kind: 'vmware' | 'hyper-v' | 'azure' | 'virtualbox' | 'xen' | 'parallels' | 'qemu';
  readonly form: 'package' | 'tarball' | 'leftover';
  readonly packages: readonly string[];
}

export interface Inspection {
  readonly version: typeof INSPECTION_VERSION;
  readonly family: 'linux' | 'windows' | 'bsd' | 'unknown' | 'none';
  readonly arch: string;
  readonly distro: {
    readonly id: string;
    readonly idLike: readonly string[];
    readonly versionId: string;
    readonly prettyName: string;
  };
  readonly hostname: string;
  readonly packageFormat: 'deb' | 'rpm' | 'pacman' | 'apk' | 'none';
  readonly init: 'systemd' | 'upstart' | 'sysv' | 'openrc' | 'unknown';
  readonly systemdVersion?: number;
  readonly immutable: boolean;
  readonly root?: { readonly device: string; readonly candidates: readonly string[] };
  readonly firmware: {
    readonly declared?: Firmware;
    readonly observed: 'bios' | 'uefi' | 'both' | 'none';
    readonly espDevice?: string;
    /** First disk with boot code for a BIOS. */
    readonly biosDisk?: number;
    readonly fallbackLoader: boolean;
    readonly efiLoaders: readonly string[];
  };
  readonly block: readonly BlockDevice[];
  readonly mountpoints: readonly Mountpoint[];
  /** Identifiers carried by more than one device. */
  readonly duplicateIds: readonly string[];
  readonly unreadable: readonly { readonly device: string; readonly reason: string }[];
  readonly fstab: readonly FstabEntry[];
  readonly crypttab: readonly CrypttabEntry[];
  readonly bootloader: {
    readonly kinds: readonly BootloaderKind[];
    readonly configs: readonly string[];
    readonly defaultKernel?: string;
    readonly cmdline?: string;
  };
  readonly kernels: readonly KernelFacts[];
  readonly network: {
    readonly backends: readonly NetworkBackend[];
    readonly profiles: readonly NetworkProfile[];
    readonly pins: readonly InterfacePin[];
  };
  readonly agents: readonly AgentFacts[];
  readonly cloudInit: { readonly installed: boolean; readonly disabled: boolean };
  readonly selinux: 'enforcing' | 'permissive' | 'disabled' | 'none';
  readonly packages: number;
  /** How many appliance calls it took and how long the appliance needed to start. */
  readonly cost: { readonly rpcs: number; readonly launchMs: number };
  readonly warnings: readonly string[];
}
