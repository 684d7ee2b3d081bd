import { assertNever } from '../lib/error.js';
import type { WaitReason } from '../model/event.js';

/**
 * Why something waits, in words. The short form leaves out what differs from task to task.
 * @param keyOf names of tasks by their ids, for people
 */
export function waitText(reason: WaitReason, short: boolean, keyOf: ReadonlyMap<string, string> = new Map()): string {
  switch (reason.kind) {
    case 'deps':
      return short ? 'earlier tasks' : `earlier tasks: ${reason.ids.map((id) => keyOf.get(id) ?? id).join(', ')}`;
    case 'pool':
      return short
        ? `pool ${reason.pool}`
        : `pool ${reason.pool}: needs ${reason.need}, ${reason.free} free${reason.holders.length === 0 ? '' : `, held by ${reason.holders.join(', ')}`}`;
    case 'gate':
      return `gate ${reason.name}`;
    case 'window':
      return `window ${reason.name}, opens ${reason.opensAt}`;
    case 'retry':
      return short ? 'retry' : `retry at ${reason.at} (try ${reason.attempt}): ${reason.cause}`;
    case 'draining':
      return `draining for ${reason.for}`;
    case 'vm-lock':
      return `locked by run ${reason.run}`;
    case 'batch':
      return `batch ${reason.batch}`;
    case 'policy-halt':
      return `halted: ${reason.scope}`;
    case 'paused-by':
      return `paused by ${reason.user}`;
    case 'circuit':
      return `${reason.resource} is left alone until ${reason.probeAt}: the same failure came up again and again`;
    case 'cancelling':
      return 'the run is stopping';
    default:
      return assertNever(reason);
  }
}
