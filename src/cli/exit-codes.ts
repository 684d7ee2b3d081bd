import { ErrorClass } from '../lib/catalog/index.js';
import type { DroverError } from '../lib/error.js';

/** What Drover ends with. */
export const Exit = {
  ok: 0,
  vmFailed: 1,
  usage: 2,
  playbook: 3,
  preflight: 4,
  internal: 5,
  locked: 6,
  waiting: 7,
  halted: 8,
  drift: 9,
  workToDo: 10,
  interrupted: 130,
  terminated: 143,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

/** The same in words, for help and documentation. */
export const EXIT_MEANINGS: readonly (readonly [Exit, string])[] = [
  [Exit.ok, 'success, also when there was nothing to do or `--until` ended early'],
  [Exit.vmFailed, 'finished, at least one machine failed'],
  [Exit.usage, 'usage, or a selection that matches nothing'],
  [Exit.playbook, 'playbook invalid'],
  [Exit.preflight, 'preflight blockers, a source that cannot be used, or a program that is missing'],
  [Exit.internal, 'internal, state or journal error'],
  [Exit.locked, 'another run holds the lock'],
  [Exit.waiting, 'stopped at a gate or window (this version has neither)'],
  [Exit.halted, 'halted by failure policy'],
  [Exit.drift, 'the world differs from the saved plan'],
  [Exit.workToDo, '`plan --detailed-exitcode`: there is work to do'],
  [Exit.interrupted, 'interrupted (SIGINT), or cancelled'],
  [Exit.terminated, 'terminated (SIGTERM)'],
];

/** The exit code for an error that ended a command before or outside a run. */
export function exitForError(error: DroverError): number {
  if (error.code === 'lock.held') return Exit.locked;
  if (error.code === 'cli.drift') return Exit.drift;
  if (error.code.startsWith('cli.')) return Exit.usage;
  if (error.code.startsWith('playbook.')) return Exit.playbook;
  if (error.code.startsWith('plan.') || error.code.startsWith('source.') || error.code === 'exec.missing-tool')
    return Exit.preflight;
  if (error.class === ErrorClass.cancelled) return Exit.interrupted;
  if (error.class === ErrorClass.internal || error.code.startsWith('engine.')) return Exit.internal;
  return Exit.vmFailed;
}
