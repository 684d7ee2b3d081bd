import type { LoadedPlaybook } from '../model/effective.js';
import { LOCAL_HOST } from './facts.js';
import type { PlanFacts } from './facts.js';

const GIB = 1024 ** 3;
/** Memory that one appliance with its guest tools takes at most. */
const APPLIANCE_MEMORY = 2 * GIB;
const SCRATCH_SHARE = 0.9;
const LIGHT_UNITS = 64;

/** Names of pools. A name never holds more than one dot-separated owner, so that owners cannot collide. */
export const pool = {
  vmsInFlight: 'vmsInFlight',
  light: 'light',
  host: (kind: 'net' | 'disk' | 'cpu' | 'appliance' | 'scratch'): string => `${LOCAL_HOST}.${kind}`,
  connections: (source: string): string => `${source}.connections`,
  ingest: (target: string): string => `${target}.ingest`,
} as const;

/** How many units every pool has: what the playbook says, else what was measured. */
export function poolCapacities(loaded: LoadedPlaybook, facts: PlanFacts): Readonly<Record<string, number>> {
  const { capacity } = loaded.host;
  const { host } = facts;
  const pools: Record<string, number> = {
    [pool.host('net')]: capacity.net,
    [pool.host('disk')]: capacity.disk,
    [pool.host('cpu')]: capacity.cpu ?? host.cpus,
    [pool.host('appliance')]: capacity.appliance ?? measuredAppliances(host.cpus, host.freeMemoryBytes),
    [pool.host('scratch')]: capacity.scratchBytes ?? Math.floor(host.scratchFreeBytes * SCRATCH_SHARE),
    [pool.vmsInFlight]: loaded.maxVmsInFlight,
    [pool.light]: LIGHT_UNITS,
  };
  for (const source of loaded.sources) pools[pool.connections(source.name)] = source.connections;
  for (const target of loaded.targets) pools[pool.ingest(target.name)] = target.ingest;
  return Object.fromEntries(Object.entries(pools).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function measuredAppliances(cpus: number, freeMemoryBytes: number): number {
  return Math.max(1, Math.min(Math.floor(cpus / 2), Math.floor(freeMemoryBytes / APPLIANCE_MEMORY)));
}
