import { defineCodes } from './types.js';

export const engineCodes = defineCodes({
  'engine.bad-graph': {
    class: 'permanent',
    cause:
      'The plan is not a graph that can be run: a task is unknown, stages are out of order, or a demand exceeds its pool.',
    check: 'The message names the task. A plan file that was edited by hand is the usual reason.',
    cure: 'Plan again from the playbook.',
  },
  'engine.unsupported-node': {
    class: 'permanent',
    cause: 'The plan holds a kind of task that this version does not run (gates, windows, hooks, actions).',
    check: 'The message names the task and its kind.',
    cure: 'Remove the feature from the playbook, or use a version of Drover that has it.',
  },
  'engine.journal-damaged': {
    class: 'internal',
    cause:
      'A record in the middle of a journal is not what was written. A torn last record is normal after a crash; this is not.',
    check: '`drover state verify` names the line; look at the health of the storage.',
    cure: '`drover state repair` keeps a copy and cuts the journal before the bad record; the work after it is done again.',
  },
  'engine.journal-torn': {
    class: 'internal',
    cause: 'The last record of a journal was cut short by a crash. It was removed; everything before it counts.',
    check: 'The message names the file and the bytes.',
    cure: 'Nothing is to be done.',
  },
  'engine.leftovers-ended': {
    class: 'internal',
    cause: 'A program that a crashed Drover had started was still running. It was ended before anything was run again.',
    check: 'The message names the program.',
    cure: 'Nothing is to be done.',
  },
  'engine.command-late': {
    class: 'conflict',
    cause:
      'A command was left for a run that nobody worked on any more. It was meant for the run as it was then, so `drover resume` does not carry it out.',
    check: 'The message names the command and its file; the journal keeps both.',
    cure: 'Give the command again if it is still wanted.',
  },
  'engine.journal-version': {
    class: 'permanent',
    cause: 'The run was written by a newer Drover whose journal this one cannot read.',
    check: 'The message names the version of the format.',
    cure: 'Use the newer Drover for this run.',
  },
  'engine.journal-write': {
    class: 'resource',
    cause:
      'The journal could not be written, so nothing more may be started: the filesystem of the state folder is full or failing.',
    check: '`df -h` on the state folder, and the kernel log.',
    cure: 'Free space or repair the storage, then `drover resume`.',
  },
  'engine.stalled': {
    class: 'transient',
    cause: 'A stage made no progress for longer than its stall timeout and was stopped.',
    check: 'The stage log holds what it did last; look at the load of source and storage.',
    cure: 'It is tried again by itself while attempts are left; after that remove what blocks it, then `drover resume`.',
  },
  'engine.timeout': {
    class: 'resource',
    cause: 'A stage took longer than its wall timeout and was stopped.',
    check: 'The stage log; compare the time with the estimate of `drover plan`.',
    cure: 'Raise `timeouts` for the stage in the playbook, then `drover resume`.',
  },
  'engine.unresponsive': {
    class: 'internal',
    cause: 'A stage did not end after it was told to stop and its programs were killed.',
    check: 'The stage log holds what it did last.',
    cure: 'Report it together with the run id and the stage log; `drover resume` starts the stage afresh.',
  },
  'engine.cancelled': {
    class: 'cancelled',
    cause: 'The task was stopped because its run or its machine was cancelled.',
    check: 'The journal names who cancelled.',
    cure: 'Nothing is wrong; `drover resume` continues.',
  },
  'engine.artefact-lost': {
    class: 'conflict',
    cause: 'The work of an earlier stage that the plan counts on is gone or is no longer what it was.',
    check: 'The message names the path.',
    cure: '`drover resume`, or plan and run again: what is missing is made again.',
  },
  'engine.output-missing': {
    class: 'internal',
    cause: 'A stage said that it left a file, and there is none.',
    check: 'The message names the file; the stage log tells what happened to it.',
    cure: 'Report it together with the run id and the stage log.',
  },
  'engine.lock-lost': {
    class: 'conflict',
    cause: 'A lock of the running run was taken away or replaced by another process.',
    check: 'The message names the lock file; somebody removed it or broke it from another machine.',
    cure: 'Make sure that only one Drover works on these machines, then `drover resume`.',
  },
});
