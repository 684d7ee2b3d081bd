import type { PlannedVm } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import type { ByStage } from './by-stage.js';
import type { VmSizes } from './sizes.js';

const MIB = 1024 ** 2;
/** Documents, logs and throw-away overlays of a stage. */
const STAGE_OVERHEAD = MIB;
/** Steps per doubling when a reservation is rounded up: at most 6 % more, and few distinct reservations to schedule. */
const STEPS = 16;

/**
 * Scratch bytes to hold at every stage: the largest amount that this stage or any later one needs at once, so that a
 * machine which was let in can always finish, and what it holds only shrinks.
 */
export function scratchReservation(vm: PlannedVm, sizes: VmSizes): ByStage<number> {
  const alive = liveBytes(vm, sizes);
  const result = { ...alive };
  let peak = 0;
  for (let at = STAGES.length - 1; at >= 0; at -= 1) {
    const stage = STAGES[at] ?? 'FETCH';
    peak = Math.max(peak, alive[stage]);
    result[stage] = roundedUp(peak);
  }
  return result;
}

/** Bytes in the scratch folder while each stage runs: what earlier stages left that is still needed, and what it adds. */
function liveBytes(vm: PlannedVm, sizes: VmSizes): Record<StageName, number> {
  const { fetchBytes: fetched, flattenBytes: flat, fixBytes: fixed } = sizes;
  const keepAll = vm.settings.keepIntermediates === 'all';
  // A copy no longer needs what was fetched; it goes as soon as INSPECT is through. An overlay needs it to the end of CONVERT.
  const backing = sizes.copyBytes > 0 && !keepAll ? 0 : fetched;
  const everything = fetched + flat + fixed;
  const bytes: Record<StageName, number> = {
    FETCH: fetched,
    FLATTEN: fetched + flat,
    INSPECT: fetched + flat,
    PLAN: backing + flat,
    FIX: backing + flat + fixed,
    CONVERT: backing + flat + fixed,
    // FIX's images go once CONVERT has turned them into the product.
    VALIDATE: keepAll ? everything : 0,
  };
  for (const stage of STAGES) bytes[stage] += STAGE_OVERHEAD * Math.max(1, vm.description.disks.length);
  return bytes;
}

function roundedUp(bytes: number): number {
  const step = 2 ** Math.ceil(Math.log2(Math.max(bytes, 2)) - 1) / STEPS;
  return Math.ceil(bytes / Math.max(1, step)) * Math.max(1, step);
}
