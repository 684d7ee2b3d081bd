/** The decisions of PLAN and the deeds of FIX. */
import type { DiskBus, NicModel } from './domain.js';
import type { DiskImage, Firmware } from './vm.js';

export interface NicPlan {
  readonly index: number;
  readonly mac?: string;
  readonly model: NicModel;
  readonly network: string;
  /** Interface name in the guest that must keep working. */
  readonly ifname?: string;
  /** How the name came to be known: a pin or a profile bound to the MAC, the only NIC, order, or `net.ifnames=0`. */
  readonly nameSource?: 'pin' | 'profile-mac' | 'slot' | 'only' | 'order' | 'kernel';
  /** `pin` writes a .link file or udev rule; `none` needs nothing. */
  readonly naming: 'pin' | 'none' | 'unknown';
  readonly method?: 'dhcp' | 'static' | 'manual' | 'disabled' | 'unknown';
  readonly addresses?: readonly string[];
}

export interface KernelPlan {
  readonly version: string;
  readonly initramfs?: string;
  readonly action: 'keep' | 'append' | 'rebuild' | 'none';
  readonly modules: readonly string[];
  readonly reason: string;
}

export interface FixStep {
  readonly id: FixStepId;
  readonly willRun: boolean;
  readonly reason: string;
}

/** The steps of FIX in their fixed order. */
export const FIX_STEPS = [
  'fsck',
  'fstab',
  'crypttab',
  'caches',
  'bootloader',
  'network',
  'modules',
  'agents',
  'cloud-init',
  'initramfs',
  'uefi-fallback',
  'selinux',
  'postcheck',
] as const;
export type FixStepId = (typeof FIX_STEPS)[number];

/** The plan document: same inputs, same bytes. */
export interface FixPlan {
  readonly version: 1;
  readonly guest: 'linux' | 'none';
  readonly firmware: Firmware;
  readonly secureBoot: boolean;
  readonly machine: 'q35' | 'pc';
  readonly disks: readonly { readonly index: number; readonly bus: DiskBus; readonly target: string }[];
  /** Disk that the firmware starts from, where the disks show it. */
  readonly bootDisk?: number;
  readonly nics: readonly NicPlan[];
  readonly kernels: readonly KernelPlan[];
  readonly steps: readonly FixStep[];
  readonly fallbackBus?: DiskBus;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly tpm: boolean;
  /** Every decision with its reason, for people. */
  readonly decisions: readonly { readonly what: string; readonly value: string; readonly why: string }[];
  readonly warnings: readonly string[];
}

export type StepStatus = 'changed' | 'unchanged' | 'skipped' | 'unavailable' | 'warned' | 'failed';

export interface FileChange {
  readonly path: string;
  readonly kind: 'modified' | 'created' | 'removed' | 'binary' | 'symlink';
  /** Unified diff for text, at most 64 KiB; a note for binary files. */
  readonly diff: string;
}

export interface StepReport {
  readonly id: FixStepId;
  readonly status: StepStatus;
  readonly changes: readonly FileChange[];
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  /** Old device name to new identifier. */
  readonly mapped: readonly { readonly from: string; readonly to: string; readonly where: string }[];
  readonly commands: readonly {
    readonly argv: readonly string[];
    readonly exitCode: number;
    readonly tail: string;
    readonly seconds: number;
  }[];
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string };
}

/** What a NIC should look like in the booted guest; VALIDATE compares it with reality. */
export interface NicExpectation {
  readonly index: number;
  readonly mac?: string;
  readonly ifname?: string;
  readonly profile?: string;
  readonly method: 'dhcp' | 'static' | 'manual' | 'disabled' | 'unknown' | 'none';
  readonly addresses: readonly string[];
}

export interface FixResult {
  readonly guest: 'linux' | 'none';
  /** The fixed images: overlays over what FLATTEN left. */
  readonly disks: readonly DiskImage[];
  readonly steps: readonly StepReport[];
  /** Bus of every disk after FIX; differs from the plan when a fallback was needed. */
  readonly buses: readonly { readonly index: number; readonly bus: DiskBus; readonly target: string }[];
  readonly nics: readonly NicExpectation[];
  readonly degraded: boolean;
  readonly selinuxRelabelPending: boolean;
  readonly defaultKernel?: string;
  readonly cost: { readonly rpcs: number; readonly launches: number };
  readonly warnings: readonly string[];
}
