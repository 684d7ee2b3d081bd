import { assertNever } from '../lib/error.js';
import type { Demand, PlannedVm } from '../model/graph.js';
import { diskSettings } from '../model/settings.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { byStage } from './by-stage.js';
import type { ByStage } from './by-stage.js';
import { pool } from './pools.js';

/** Disks of one machine that are read from its source at the same time. */
const PER_VM_DISK_PARALLEL = 2;

/** A demand that was cut to the capacity of its pool. */
interface Clamp {
  readonly pool: string;
  readonly stage: StageName;
  readonly asked: number;
  readonly capacity: number;
  /** Machines it was cut for. */
  vms: number;
}

export interface Demands {
  of(vm: PlannedVm, scratch: ByStage<number>): ByStage<readonly Demand[]>;
  /** Every cut made so far, by pool and stage. */
  clamps(): readonly Clamp[];
}

/** What decides about the demands of a machine, apart from its scratch space. */
interface Profile {
  readonly source: string;
  readonly target: string;
  readonly connections: number;
  readonly compresses: boolean;
  /** Whether there is a system to look into and to fix. */
  readonly hasGuest: boolean;
  /** Whether VALIDATE starts anything. */
  readonly boots: boolean;
}

interface Template {
  readonly plain: ByStage<readonly Demand[]>;
  readonly clamps: readonly Clamp[];
  /** Complete lists by stage and scratch bytes: most machines share one. */
  readonly complete: ByStage<Map<number, readonly Demand[]>>;
}

/**
 * What every stage of a machine needs while it runs, and what the machine holds over several stages:
 * a place among the machines in flight from its first stage to its last, scratch space that shrinks, and one appliance from
 * INSPECT to FIX, because one launch serves all three. A demand above the capacity of its pool is cut to it.
 */
export function demandsFor(pools: Readonly<Record<string, number>>): Demands {
  const templates = new Map<string, Template>();
  return {
    of(vm, scratch) {
      const profile: Profile = {
        source: vm.source,
        target: vm.target,
        connections: Math.max(1, Math.min(vm.description.disks.length, PER_VM_DISK_PARALLEL)),
        compresses: compresses(vm),
        hasGuest: vm.settings.guest.family !== 'none',
        boots: vm.settings.validate.level !== 'image',
      };
      const key = Object.values(profile).join(' ');
      let template = templates.get(key);
      if (template === undefined) templates.set(key, (template = templateOf(profile, pools)));
      for (const clamp of template.clamps) clamp.vms += 1;
      const { plain, complete } = template;
      return byStage((stage) => {
        const bytes = scratch[stage];
        let list = complete[stage].get(bytes);
        if (list === undefined) {
          list = sorted([...plain[stage], { pool: pool.host('scratch'), units: bytes, hold: 'scratch' }]);
          complete[stage].set(bytes, list);
        }
        return list;
      });
    },
    clamps: () =>
      [...templates.values()]
        .flatMap((template) => template.clamps)
        .sort((a, b) =>
          a.pool === b.pool ? STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage) : a.pool < b.pool ? -1 : 1,
        ),
  };
}

function templateOf(profile: Profile, pools: Readonly<Record<string, number>>): Template {
  const clamps: Clamp[] = [];
  const plain = byStage((stage) =>
    plainDemands(profile, stage).map((demand) => {
      const capacity = pools[demand.pool] ?? 0;
      if (demand.units <= capacity) return demand;
      clamps.push({ pool: demand.pool, stage, asked: demand.units, capacity, vms: 0 });
      return { ...demand, units: capacity };
    }),
  );
  return { plain, clamps, complete: byStage(() => new Map<number, readonly Demand[]>()) };
}

function sorted(demands: readonly Demand[]): readonly Demand[] {
  return [...demands].sort((a, b) => (a.pool < b.pool ? -1 : 1));
}

function plainDemands(profile: Profile, stage: StageName): readonly Demand[] {
  const inFlight: Demand = { pool: pool.vmsInFlight, units: 1, hold: 'vm' };
  const disk = pool.host('disk');
  const cpu = pool.host('cpu');
  const appliance = pool.host('appliance');
  const sharedAppliance: Demand = { pool: appliance, units: 1, hold: 'appliance' };
  switch (stage) {
    case 'FETCH':
      return [
        inFlight,
        { pool: pool.host('net'), units: 1 },
        { pool: disk, units: 1 },
        { pool: pool.connections(profile.source), units: profile.connections },
      ];
    case 'FLATTEN':
      return [inFlight, { pool: disk, units: 2 }, { pool: cpu, units: 1 }];
    case 'INSPECT':
    case 'FIX':
      if (!profile.hasGuest) return [inFlight, { pool: disk, units: 1 }];
      return [inFlight, { pool: disk, units: 1 }, { pool: cpu, units: 1 }, sharedAppliance];
    case 'PLAN':
      return [inFlight, { pool: pool.light, units: 1 }, ...(profile.hasGuest ? [sharedAppliance] : [])];
    case 'CONVERT':
      return [
        inFlight,
        { pool: disk, units: 2 },
        { pool: cpu, units: profile.compresses ? 4 : 2 },
        { pool: pool.ingest(profile.target), units: 1 },
      ];
    case 'VALIDATE':
      return [
        inFlight,
        { pool: disk, units: 1 },
        { pool: cpu, units: 1 },
        ...(profile.boots ? [{ pool: appliance, units: 1 }] : []),
      ];
    default:
      return assertNever(stage);
  }
}

/** Whether any disk of the machine is compressed when it is written. */
export function compresses(vm: Pick<PlannedVm, 'description' | 'settings'>): boolean {
  return vm.description.disks.some(({ index }) => diskSettings(vm.settings, index).compress !== 'none');
}
