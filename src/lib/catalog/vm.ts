import { defineCodes } from './types.js';

export const vmCodes = defineCodes({
  'vm.domain.unsafe-text': {
    class: 'permanent',
    cause: 'A name, path or other text holds a character that XML cannot carry unchanged.',
    check: 'The message shows the text with the character escaped.',
    cure: 'Give the machine, file or network a name without control characters.',
  },
  'vm.domain.unsupported': {
    class: 'permanent',
    cause: 'The machine asks for a combination that libvirt or QEMU refuse.',
    check: 'The message names the combination.',
    cure: 'Change `machine`, `firmware` or the bus of the disk in the playbook.',
  },
  'vm.domain.unreadable': {
    class: 'permanent',
    cause: 'A domain XML file is no XML, or not in the form that Drover writes.',
    check: 'Read the file at the line that the message names.',
    cure: 'Run CONVERT again; it writes the file anew.',
  },
  'vm.domain.invalid': {
    class: 'permanent',
    cause: 'The domain XML does not pass a check that libvirt would make as well.',
    check: 'Run `virt-xml-validate FILE domain` on the file that the message names.',
    cure: 'Follow the message; if the playbook asks for nothing unusual, report it as a bug together with the XML file.',
  },
  'vm.firmware.not-found': {
    class: 'resource',
    cause: 'No UEFI firmware on this machine fits the machine type and the wish for secure boot.',
    check: 'List `/usr/share/qemu/firmware`; every file there describes one firmware.',
    cure: 'Install the firmware (Debian: `apt install ovmf`, Fedora: `dnf install edk2-ovmf`, SUSE: `zypper install qemu-ovmf-x86_64`).',
  },
  'vm.start-failed': {
    class: 'tool',
    cause: 'QEMU ended before the guest could start.',
    check: 'The message holds the last lines of QEMU; the evidence folder holds its command line and all it said.',
    cure: 'Follow what QEMU says.',
  },
  'vm.no-memory': {
    class: 'resource',
    cause: 'There is not enough free memory to run the guest.',
    check: '`free -m`; the message says how much is needed.',
    cure: 'Free memory, lower `validate.memory`, or lower the number of boots at once.',
  },
  'vm.qmp.connect': {
    class: 'tool',
    cause: "QEMU's monitor socket could not be reached.",
    check: 'Whether the QEMU process still lives, and what it said on standard error.',
    cure: 'Try again; if it persists, look at the evidence folder.',
  },
  'vm.qmp.no-greeting': {
    class: 'conflict',
    cause: 'The monitor socket accepted the connection and stayed silent: another client holds it, or QEMU hangs.',
    check: 'Which process has the socket open (`ss -xp`).',
    cure: 'End the other client and try again.',
  },
  'vm.qmp.protocol': {
    class: 'tool',
    cause: 'What came from the monitor socket is not the QEMU machine protocol.',
    check: 'The message shows the beginning of the text.',
    cure: 'Make sure that the socket belongs to QEMU.',
  },
  'vm.qmp.timeout': {
    class: 'tool',
    cause: 'QEMU did not answer a command in time.',
    check: 'The load of the machine, and whether QEMU is stopped (state T) or blocked on storage (state D).',
    cure: 'Free the machine of other load and try again.',
  },
  'vm.qmp.disconnected': {
    class: 'tool',
    cause: 'QEMU closed the monitor connection while commands were waiting for an answer.',
    check: 'How QEMU ended: its exit status and standard error are in the evidence folder.',
    cure: 'Follow what QEMU said.',
  },
  'vm.qmp.command': {
    class: 'tool',
    cause: 'QEMU refused a command.',
    check: 'The message holds the answer of QEMU.',
    cure: 'Follow the answer.',
  },
  'vm.qmp.blocked': {
    class: 'permanent',
    cause: 'A part of Drover asked for a monitor command that it was not granted.',
    check: 'The message names the command and who asked.',
    cure: 'This is a guard inside Drover; report it as a bug.',
  },
});
