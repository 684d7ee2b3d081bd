import { defineCodes } from './types.js';

export const guestCodes = defineCodes({
  'guest.appliance': {
    class: 'tool',
    cause: 'The appliance in which guests are read did not start.',
    check: '`drover doctor` tries it; `libguestfs-test-tool` prints every step of the start.',
    cure: 'Install libguestfs with a kernel it may read (/boot/vmlinuz-*), free memory, then `drover resume`.',
  },
  'guest.appliance-lost': {
    class: 'transient',
    cause: 'The appliance ended while it was needed, most often because the machine ran out of memory.',
    check: 'The kernel log for killed processes; the stage log for its last lines.',
    cure: 'Free memory or lower `limits`, then `drover resume`.',
  },
  'guest.arch': {
    class: 'permanent',
    cause: 'The guest was made for a processor that the target machine does not have.',
    check: 'The message names both architectures.',
    cure: 'Convert it on a host of its architecture, or set `fix.mode: none` to convert the disks only.',
  },
  'guest.call': {
    class: 'tool',
    cause: 'The appliance refused an operation on the guest.',
    check: 'The message holds the words of the appliance.',
    cure: 'Check the filesystem of the source (fsck) when it speaks of corruption, then `drover resume`.',
  },
  'guest.call-timeout': {
    class: 'transient',
    cause: 'An operation in the appliance did not end within its deadline, and the appliance was stopped.',
    check: 'The load of the machine, and whether KVM works (`drover doctor`).',
    cure: 'Raise the timeout of the stage (`timeouts` in the playbook), then `drover resume`.',
  },
  'guest.firmware-conflict': {
    class: 'permanent',
    cause: 'The declared firmware cannot boot what is on the disks.',
    check: 'The message names what was declared and what was found.',
    cure: 'Set `firmware: bios` or `firmware: uefi` in the playbook to what the guest was installed with.',
  },
  'guest.multi-root': {
    class: 'permanent',
    cause: 'Several operating systems were found, none better than the others.',
    check: 'The message lists them.',
    cure: 'Say which one with `guest: { root: <device> }`.',
  },
  'guest.no-root': {
    class: 'permanent',
    cause: 'No operating system was found on the disks.',
    check: 'Whether all disks of the machine are listed, in bus order, and none is encrypted.',
    cure: 'List the missing disks, or set `fix.mode: none` for a machine that holds data only.',
  },
  'guest.no-space': {
    class: 'permanent',
    cause: 'A filesystem of the guest is too full for the repairs.',
    check: 'The message names the filesystem, what is free and what is needed.',
    cure: 'Free space in the source machine (old kernels in /boot are the usual cause) and start again.',
  },
  'guest.root-spec': {
    class: 'permanent',
    cause: 'A mount point that the guest needs to boot names a device that cannot be found on its disks.',
    check: 'The message quotes the line of /etc/fstab.',
    cure: 'List the missing disks, or repair the line in the source machine.',
  },
  'guest.unreadable': {
    class: 'permanent',
    cause: 'The system disk is encrypted or has a filesystem that this release cannot read.',
    check: 'The message names the device and the reason.',
    cure: 'Set `fix.mode: none` to convert the disks without touching the guest.',
  },
  'guest.unsafe-text': {
    class: 'permanent',
    cause: 'A name inside the guest holds control characters that no ordinary name has.',
    check: 'The message shows it.',
    cure: 'Rename the file in the source machine.',
  },
  'guest.unsupported': {
    class: 'permanent',
    cause: 'The guest runs a system that this release cannot repair.',
    check: 'The message names it.',
    cure: 'Set `fix.mode: none` to convert the disks without touching the guest.',
  },
});
