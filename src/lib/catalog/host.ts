import { defineCodes } from './types.js';

export const hostCodes = defineCodes({
  'exec.missing-tool': {
    class: 'resource',
    cause: 'A program that Drover needs is not installed or not in PATH.',
    check: 'Run `drover doctor`; it lists every program with the package that holds it.',
    cure: 'Install the named package (`scripts/bootstrap.sh` does it on Debian and Ubuntu).',
  },
  'exec.failed': {
    class: 'tool',
    cause: 'A program ended with an exit code that means failure.',
    check: 'The message names the program and its last lines; the stage log holds the whole output.',
    cure: 'Follow what the program says, then `drover resume`.',
  },
  'exec.timeout': {
    class: 'transient',
    cause: 'A program did not end within its deadline and was stopped.',
    check: 'Look at the stage log for its last line and at the load of the machine.',
    cure: 'Raise the timeout of the stage (`timeouts` in the playbook) or free resources, then `drover resume`.',
  },
  'exec.cancelled': {
    class: 'cancelled',
    cause: 'A program was stopped because the run was cancelled.',
    check: 'The journal names who cancelled.',
    cure: 'Nothing is wrong; `drover resume` continues.',
  },
  'exec.unsafe-argument': {
    class: 'permanent',
    cause: 'A value that came from a user or a guest would have been read as an option by the program.',
    check: 'The message names the value.',
    cure: 'Rename the file or value so that it does not begin with `-` or hold control characters.',
  },
  'file.not-found': {
    class: 'permanent',
    cause: 'A file or folder does not exist.',
    check: 'List the folder that the message names.',
    cure: 'Correct the path; relative paths are resolved against the file that holds them.',
  },
  'file.denied': {
    class: 'permanent',
    cause: 'The operating system refused access to a file or folder.',
    check: '`ls -l` on the path and `id`.',
    cure: 'Change the owner or mode, or run as a user that may access it.',
  },
  'file.wrong-kind': {
    class: 'permanent',
    cause: 'A folder, pipe, socket, character device or a link that leads to no file stands where a file was expected.',
    check: '`ls -l` on the path that the message names.',
    cure: 'Name an ordinary file. What a pipe delivers must be written into a file first.',
  },
  'file.too-large': {
    class: 'permanent',
    cause: 'A file that is read as a whole is larger than any such file should be.',
    check: '`ls -l` on the path that the message names.',
    cure: 'Make sure that the path names what it should; split a large playbook with `include` or `vmsFrom`.',
  },
  'file.no-space': {
    class: 'resource',
    cause: 'The filesystem is full.',
    check: '`df -h` on the path that the message names.',
    cure: 'Free space or move the scratch or output folder, then `drover resume`.',
  },
  'file.io': {
    class: 'permanent',
    cause: 'The operating system reported an input or output error on a file.',
    check: 'The kernel log and the health of the storage.',
    cure: 'Repair the storage, then `drover resume`.',
  },
  'lock.held': {
    class: 'conflict',
    cause: 'Another run holds the lock that this one needs.',
    check: '`drover status` shows the run that holds it.',
    cure: 'Wait for it or cancel it; a lock whose holder is gone is broken by itself.',
  },
  'secret.unusable': {
    class: 'permanent',
    cause: 'A secret could not be resolved, is too short to be redacted, or its file may be read by others.',
    check: 'The message names the reference, never the value.',
    cure: 'Set the variable, or `chmod 600` the file.',
  },
  'internal.bug': {
    class: 'internal',
    cause: 'Drover met a state that its authors excluded. This is a bug.',
    check: 'The log holds the stack.',
    cure: 'Report it together with the run id and the journal.',
  },
});
