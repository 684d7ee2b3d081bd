import { defineCodes } from './types.js';

export const cliCodes = defineCodes({
  'cli.usage': {
    class: 'permanent',
    cause: 'A command was called with words or options that it does not know.',
    check: 'The message names the word.',
    cure: '`drover help <command>` lists what the command takes.',
  },
  'cli.no-run': {
    class: 'permanent',
    cause: 'There is no run with this id, or no run at all, in the state folder.',
    check: '`drover status --all` lists the runs of the state folder.',
    cure: 'Name one of them, or point `--state-dir` at the folder where the run was started.',
  },
  'cli.confirmation': {
    class: 'permanent',
    cause: 'The command needs a yes and nobody can be asked.',
    check: 'Standard input is no terminal.',
    cure: 'Add `--yes`.',
  },
  'cli.drift': {
    class: 'conflict',
    cause: 'The world is no longer as it was when the plan was saved.',
    check: 'The message lists every fact that differs.',
    cure: 'Plan again, or accept the differences with `--accept-drift`.',
  },
  'cli.exists': {
    class: 'conflict',
    cause: 'The file that should be written exists already.',
    check: 'The message names it.',
    cure: 'Choose another name, or remove the file.',
  },
});
