import type { Demand, PlannedVm } from '../model/graph.js';
import { diskSettings } from '../model/settings.js';
import { assertNever } from '../lib/error.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { pool } from './pools.js';

/** Disks of one machine that are read from its source at the same time. */
const PER_VM_DISK_PARALLEL = 2;

/** Units cut to the capacity of a pool, to be told once per pool and stage. */
export interface Clamp {
  readonly pool: string;
  readonly stage: StageName;
  readonly asked: number;
  readonly capacity: number;
}

/**
 * What every stage of a machine needs while it runs, and what the machine holds over several stages:
 * a place among the machines in flight from its first stage to its last, scratch space that shrinks, and one appliance from
 * INSPECT to FIX, because one launch serves all three.
 */
export function stageDemands(
  vm: PlannedVm,
  scratch: Readonly<Record<StageName, number>>,
  pools: Readonly<Record<string, number>>,
  clamped: (clamp: Clamp) => void,
): Readonly<Record<StageName, readonly Demand[]>> {
  const result = {} as Record<StageName, readonly Demand[]>;
  for (const stage of STAGES) {
    const demands: Demand[] = [
      { pool: pool.vmsInFlight, units: 1, hold: 'vm' },
      { pool: pool.host('scratch'), units: scratch[stage], hold: 'scratch' },
    ];
    for (const demand of plainDemands(vm, stage)) {
      const capacity = pools[demand.pool] ?? 0;
      if (demand.units > capacity) clamped({ pool: demand.pool, stage, asked: demand.units, capacity });
      demands.push({ ...demand, units: Math.min(demand.units, capacity) });
    }
    result[stage] = demands.sort((a, b) => (a.pool < b.pool ? -1 : 1));
  }
  return result;
}

function plainDemands(vm: PlannedVm, stage: StageName): readonly Demand[] {
  const disk = pool.host('disk');
  const cpu = pool.host('cpu');
  const appliance = pool.host('appliance');
  const sharedAppliance: Demand = { pool: appliance, units: 1, hold: 'appliance' };
  switch (stage) {
    case 'FETCH':
      return [
        { pool: pool.host('net'), units: 1 },
        { pool: disk, units: 1 },
        {
          pool: pool.connections(vm.source),
          units: Math.max(1, Math.min(vm.description.disks.length, PER_VM_DISK_PARALLEL)),
        },
      ];
    case 'FLATTEN':
      return [
        { pool: disk, units: 2 },
        { pool: cpu, units: 1 },
      ];
    case 'INSPECT':
    case 'FIX':
      return [{ pool: disk, units: 1 }, { pool: cpu, units: 1 }, sharedAppliance];
    case 'PLAN':
      return [{ pool: pool.light, units: 1 }, sharedAppliance];
    case 'CONVERT':
      return [
        { pool: disk, units: 2 },
        { pool: cpu, units: compresses(vm) ? 4 : 2 },
        { pool: pool.ingest(vm.target), units: 1 },
      ];
    case 'VALIDATE':
      return [
        { pool: disk, units: 1 },
        { pool: cpu, units: 1 },
        { pool: appliance, units: 1 },
      ];
    default:
      return assertNever(stage);
  }
}

/** Whether any disk of the machine is compressed when it is written. */
export function compresses(vm: Pick<PlannedVm, 'description' | 'settings'>): boolean {
  return vm.description.disks.some(({ index }) => diskSettings(vm.settings, index).compress !== 'none');
}
