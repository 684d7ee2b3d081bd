/**
 * What a console says about how a boot goes. All input is written by the guest: patterns are linear (one open-ended part at most),
 * and lines are cut before they are looked at.
 */

/** How far a boot came, in order. */
export const BOOT_STAGES = ['firmware', 'bootloader', 'kernel', 'userspace', 'login'] as const;
export type BootStage = (typeof BOOT_STAGES)[number];

export type SignalId =
  | 'process'
  | 'bootloader'
  | 'kernel'
  | 'userspace'
  | 'target'
  | 'login'
  | 'report'
  | 'agent'
  | 'dhcp'
  | 'network'
  | 'screen';

export type FatalId =
  | 'no-bootable-device'
  | 'grub-rescue'
  | 'kernel-panic'
  | 'root-missing'
  | 'emergency-shell'
  | 'fsck-needed'
  | 'dependency-failed'
  | 'device-wait'
  | 'crypt-wait'
  | 'volume-missing'
  | 'kernel-hang'
  | 'reboot-loop'
  | 'bugcheck'
  | 'io-error'
  | 'early-exit'
  | 'evidence-flood'
  | 'playbook-failure';

/** Characters of a line that detectors look at. */
export const LINE_LIMIT = 4096;

interface SignalRule {
  readonly signal: SignalId;
  readonly stage: BootStage;
  readonly pattern: RegExp;
}

export const SIGNAL_RULES: readonly SignalRule[] = [
  {
    signal: 'bootloader',
    stage: 'bootloader',
    pattern:
      /GNU GRUB|Welcome to GRUB|GRUB loading|ISOLINUX|SYSLINUX|EXTLINUX|systemd-boot|BdsDxe: starting Boot|Loading Linux |Loading initial ramdisk/,
  },
  {
    signal: 'kernel',
    stage: 'kernel',
    pattern: /^\[ {0,8}\d{1,8}\.\d{6}\] |Linux version \d|Decompressing Linux|EFI stub: /,
  },
  {
    signal: 'userspace',
    stage: 'userspace',
    pattern:
      /Welcome to [^!]{1,200}!|systemd\[1\]: |^\[ {2}OK {2}\] |^Begin: Running \/scripts|^INIT: version |OpenRC \d/,
  },
  {
    signal: 'target',
    stage: 'login',
    pattern:
      /Reached target [^\n]{0,80}(?:Multi-User|Graphical Interface|Login Prompts|multi-user\.target|graphical\.target|getty\.target)|Startup finished in |Started [^\n]{0,80}OpenSSH|Cloud-init v\. [^\n]{1,120} finished/,
  },
  { signal: 'login', stage: 'login', pattern: /(?:^|\s)login:\s*$/ },
];

export interface FatalRule {
  readonly id: FatalId;
  readonly pattern: RegExp;
  /** What to do, for people. */
  readonly hint: string;
  /**
   * Milliseconds to wait for the boot to go on nevertheless: some messages are said by guests that then come up. Any progress to a
   * higher stage forgets the finding.
   */
  readonly graceMs?: number;
  /** Only a warning when the guest is emulated: the host may simply have been busy. */
  readonly warnWhenEmulated?: boolean;
}

const HINT = {
  device:
    'The firmware found nothing to start: check the firmware type (bios or uefi) and that disk 0 is the one with the boot loader.',
  grub: 'The boot loader cannot find its files: check that all disks are attached in their order and that /boot was migrated.',
  panic:
    'The kernel stopped: read the lines above; a missing root file system means that its driver is not in the initramfs.',
  root: 'The root file system was not found: its driver is missing in the initramfs, or `root=` names a device that no longer exists.',
  shell: 'The guest fell into a maintenance shell: read the lines above for the mount or unit that failed.',
  fsck: 'A file system needs a repair that nobody is there to confirm: repair it at the source, or set `fix.fsck: repair`.',
  dependency: 'A mount of /etc/fstab or one of its devices is missing: correct the entry or mark it `nofail`.',
  crypt: 'An encrypted disk waits for its passphrase: nobody can type it here.',
  volume: 'A volume group is missing: check that all disks of the machine were migrated.',
  hang: 'The kernel reports a hang: give the host less other load, or look at the driver that is named.',
} as const;

export const FATAL_RULES: readonly FatalRule[] = [
  {
    id: 'no-bootable-device',
    pattern:
      /No bootable device|Boot failed: not a bootable disk|BdsDxe: No bootable option or device was found|^Shell> |UEFI Interactive Shell v/,
    hint: HINT.device,
  },
  { id: 'grub-rescue', pattern: /grub rescue>/, hint: HINT.grub },
  {
    id: 'grub-rescue',
    pattern: /^error: (?:no such (?:device|partition|disk)|unknown filesystem|file [^\n]{1,200} not found)|^GRUB _/,
    hint: HINT.grub,
    graceMs: 15_000,
  },
  { id: 'grub-rescue', pattern: /^grub>\s*$/, hint: HINT.grub, graceMs: 15_000 },
  { id: 'kernel-panic', pattern: /Kernel panic - not syncing|---\[ end Kernel panic/, hint: HINT.panic },
  {
    id: 'root-missing',
    pattern:
      /ALERT!\s{1,8}\S{1,200} does not exist|Gave up waiting for root|VFS: (?:Unable to mount root fs|Cannot open root device)|Warning: \/dev\/\S{1,200} does not exist/,
    hint: HINT.root,
  },
  {
    id: 'root-missing',
    pattern: /dracut-initqueue[^\n]{0,60}timeout/,
    hint: HINT.root,
    graceMs: 60_000,
  },
  {
    id: 'emergency-shell',
    pattern:
      /^\(initramfs\)|^dracut:\/#|Entering emergency mode|You are in emergency mode|Give root password for maintenance|Press Enter for maintenance|Cannot open access to console, the root account is locked/,
    hint: HINT.shell,
  },
  {
    id: 'fsck-needed',
    pattern: /UNEXPECTED INCONSISTENCY|fsck exited with status code (?:[4-9]|\d{2,3})/,
    hint: HINT.fsck,
    graceMs: 20_000,
  },
  {
    id: 'dependency-failed',
    pattern:
      /Dependency failed for [^\n]{0,80}(?:Local File Systems|local-fs\.target|\/boot|File System Check on Root)/,
    hint: HINT.dependency,
    graceMs: 20_000,
  },
  {
    id: 'device-wait',
    pattern: /Timed out waiting for device/,
    hint: HINT.dependency,
    graceMs: 60_000,
  },
  {
    id: 'crypt-wait',
    pattern: /[Pp]lease (?:enter passphrase for disk|unlock disk)|Enter passphrase for \//,
    hint: HINT.crypt,
  },
  { id: 'volume-missing', pattern: /Volume group [^\n]{1,160} not found/, hint: HINT.volume, graceMs: 90_000 },
  {
    id: 'kernel-hang',
    pattern: /BUG: soft lockup|self-detected stall on CPU|blocked for more than \d{1,5} seconds/,
    hint: HINT.hang,
    graceMs: 30_000,
    warnWhenEmulated: true,
  },
];

/** Hints for what is seen elsewhere than in text. */
export const EVENT_HINTS: Readonly<
  Record<'reboot-loop' | 'bugcheck' | 'io-error' | 'early-exit' | 'evidence-flood' | 'playbook-failure', string>
> = {
  'reboot-loop': 'The guest restarts again and again: look at the last lines before each restart.',
  bugcheck:
    'The screen is a stop screen: for Windows the usual cause is a missing driver for the disk (INACCESSIBLE_BOOT_DEVICE).',
  'io-error': 'The guest could not read or write its disk: look at the health and the free space of the storage.',
  'early-exit':
    'The guest switched itself off or QEMU ended before there was evidence: read the end of the console log and of stderr.log.',
  'evidence-flood': 'The guest wrote without end to its console or network: read the beginning of the console log.',
  'playbook-failure': 'A failure pattern of the playbook was seen on the console.',
};

/** How systemd says that it waits for a device; newer versions name the unit, older ones describe it. */
export const DEVICE_JOB =
  /\bJob (dev-[^\s/]{1,200})|A start job is running for (\/dev\/[^\n(]{1,200}|[^\n(]{0,20}[0-9a-f]{8}-[0-9a-f]{4}-[^\n(]{1,120})/;
/** A start job for a device that runs this long will not end well. */
export const DEVICE_JOB_LIMIT_MS = 90_000;
