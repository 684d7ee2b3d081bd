import type { WaitReason } from '../model/event.js';
import { scopeName } from './policy.js';
import { isStopping } from './scheduler-parts.js';
import type { SchedulerParts } from './scheduler-parts.js';
import { Phase } from './task-board.js';

/** The one most telling reason why a task does not run; undefined when it runs or is over. */
export function waitReason(parts: SchedulerParts, node: number): WaitReason | undefined {
  const { index, board, policy, retries, pauses, admission } = parts;
  const phase = board.phase(node);
  if (phase === Phase.over || phase === Phase.running) return undefined;
  const vm = index.vmOf[node];
  if (isStopping(parts, vm)) return { kind: 'cancelling' };
  const halted = vm === undefined ? undefined : policy.haltOf(vm.vm);
  if (halted !== undefined) return { kind: 'policy-halt', scope: scopeName(halted) };
  const wait = retries.get(node);
  if (wait !== undefined) return { kind: 'retry', at: wait.at, attempt: wait.attempt, cause: wait.error.message };
  const open = board.openDependencies(node);
  const barrier = open.map((dep) => index.nodes[dep]).find((task) => task?.kind === 'barrier');
  if (barrier !== undefined && barrier.batch > 1 && barrier.wave === index.nodes[node]?.wave) {
    return { kind: 'batch', batch: barrier.batch };
  }
  const ids = open.slice(0, 3).map((dep) => index.nodes[dep]?.id ?? '');
  if (open.length > 0) return { kind: 'deps', ids };
  const pauser = pauses.ofRun ?? pauses.of(vm);
  if (pauser !== undefined) return { kind: 'paused-by', user: pauser };
  return admission.blockedBy(node) ?? { kind: 'deps', ids };
}
