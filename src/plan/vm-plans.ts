import type { Diagnostic } from '../lib/diagnostic.js';
import { formatSize } from '../lib/units.js';
import type { Demand, Estimate } from '../model/graph.js';
import type { PreviousRecord, PreviousRecords } from '../model/history.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { byStage } from './by-stage.js';
import type { ByStage } from './by-stage.js';
import { decideCache } from './cache.js';
import type { CacheDecision } from './cache.js';
import { demandsFor } from './demand.js';
import { estimator } from './estimate.js';
import type { PlanInput } from './facts.js';
import { fingerprinter } from './fingerprint.js';
import type { StageFingerprint } from './fingerprint.js';
import type { VmEntry } from './planned-vms.js';
import { pool } from './pools.js';
import { scratchReservation } from './scratch.js';
import { vmSizes } from './sizes.js';
import type { VmSizes } from './sizes.js';

/** Everything the plan knows about one machine, stage by stage. */
export interface VmPlan {
  readonly demands: ByStage<readonly Demand[]>;
  readonly estimates: ByStage<Estimate>;
  readonly fingerprints: ByStage<StageFingerprint>;
  readonly cache: ByStage<CacheDecision>;
}

/**
 * Works out cost, identity and cache state of every machine.
 * @param taskId id of the stage of a machine, to find what earlier runs left of it
 */
export function planVms(
  input: PlanInput,
  entries: readonly VmEntry[],
  taskId: (vmKey: string, stage: StageName) => string,
  pools: Readonly<Record<string, number>>,
  problems: Diagnostic[],
): ReadonlyMap<string, VmPlan> {
  const fingerprints = fingerprinter(input.facts);
  const estimates = estimator(input.history ?? []);
  const demands = demandsFor(pools);
  const scratchCapacity = pools[pool.host('scratch')] ?? 0;
  const force = input.selection?.force ?? [];
  const plans = new Map<string, VmPlan>();
  for (const entry of entries) {
    const { vm } = entry;
    const sizes = vmSizes(vm);
    const scratch = scratchReservation(vm, sizes);
    checkVm(entry, sizes, scratch.FETCH, scratchCapacity, problems);
    const prints = fingerprints(vm);
    const isSelected = input.selection?.vms?.has(vm.name) ?? true;
    plans.set(vm.vmKey, {
      demands: demands.of(vm, scratch),
      estimates: byStage((stage) => estimates(vm, stage, sizes)),
      fingerprints: prints,
      cache: decideCache({
        fingerprints: prints,
        previous: recordsOf(input.previous, (stage) => taskId(vm.vmKey, stage)),
        origins: vm.origins,
        force: isSelected ? force : [],
      }),
    });
  }
  checkAdapters(entries, problems);
  for (const clamp of demands.clamps()) {
    problems.push({
      code: 'plan.demand-clamped',
      severity: 'warning',
      message: `${clamp.stage} of ${clamp.vms} machine${clamp.vms === 1 ? '' : 's'} asks for ${clamp.asked} units of ${clamp.pool}, which has ${clamp.capacity}: it gets all of them and runs alone`,
    });
  }
  return plans;
}

function checkVm(
  { vm, loaded }: VmEntry,
  sizes: VmSizes,
  scratchBytes: number,
  scratchCapacity: number,
  problems: Diagnostic[],
): void {
  if (scratchBytes > scratchCapacity) {
    problems.push({
      code: 'plan.scratch-too-small',
      severity: 'error',
      message: `"${vm.name}" needs ${formatSize(scratchBytes)} (${scratchBytes} bytes) of scratch space at once; the host has ${formatSize(scratchCapacity)} (${scratchCapacity} bytes)`,
      location: loaded.at.vm,
    });
  }
  if (sizes.unknownDisks.length > 0) {
    problems.push({
      code: 'plan.size-unknown',
      severity: 'warning',
      message: `the size of ${sizes.unknownDisks.join(', ')} of "${vm.name}" is not known before it is unpacked`,
      location: loaded.at.madeOf,
    });
  }
}

/** Machines that nobody gave an adapter, told once. Disks without a system need none. */
function checkAdapters(entries: readonly VmEntry[], problems: Diagnostic[]): void {
  const bare = entries.filter(
    ({ vm }) => Object.keys(vm.settings.nics).length === 0 && vm.settings.guest.family !== 'none',
  );
  const [first] = bare;
  if (first === undefined) return;
  const others = bare.length - 1;
  const who = others === 0 ? '' : ` and ${others} other machine${others === 1 ? '' : 's'}`;
  problems.push({
    code: 'plan.no-network-adapter',
    severity: 'warning',
    message: `"${first.vm.name}"${who} will have no network adapter: nothing says which ones ${others === 0 ? 'it has' : 'they have'}`,
    location: first.loaded.at.vm,
  });
}

const NO_RECORDS: Readonly<Partial<Record<StageName, PreviousRecord>>> = Object.freeze({});

function recordsOf(
  previous: PreviousRecords | undefined,
  taskId: (stage: StageName) => string,
): Readonly<Partial<Record<StageName, PreviousRecord>>> {
  if (previous === undefined) return NO_RECORDS;
  const records: Partial<Record<StageName, PreviousRecord>> = {};
  for (const stage of STAGES) {
    const record = previous[taskId(stage)];
    if (record !== undefined) records[stage] = record;
  }
  return records;
}
