/** The adapters of the new machine as the fixers of the network need them. */
import type { NicPlan } from '../../../model/fix.js';
import type { FixContext } from '../fixers/types.js';
import { driverOf } from './hardware.js';
import { isInterfaceName, normalizeMac } from './mac.js';

export interface KnownNics {
  readonly all: readonly NicPlan[];
  /** The only adapter, when there is exactly one. */
  readonly only: NicPlan | undefined;
  readonly macs: readonly string[];
  /** Whether the address of every adapter is known, so that others can be called foreign. */
  readonly allMacsKnown: boolean;
  readonly drivers: readonly string[];
  /** Pins to addresses are taken out. Only with a single adapter: several could not be told apart without them. */
  readonly strips: boolean;
}

export function knownNics(ctx: FixContext): KnownNics {
  const all = ctx.plan.nics;
  const macs = all.flatMap((nic) => normalizeMac(nic.mac ?? '') ?? []);
  return {
    all,
    only: all.length === 1 ? all[0] : undefined,
    macs,
    allMacsKnown: all.length > 0 && macs.length === all.length,
    drivers: [...new Set(all.map((nic) => driverOf(nic.model)))],
    strips: ctx.settings.network.mac === 'strip' && all.length === 1,
  };
}

/** The interface name of an adapter when it is safe to write. */
export function safeName(nic: NicPlan | undefined): string | undefined {
  return nic?.ifname !== undefined && isInterfaceName(nic.ifname) ? nic.ifname : undefined;
}

export function nicNamed(nics: KnownNics, name: string | undefined): NicPlan | undefined {
  return name === undefined ? undefined : nics.all.find((nic) => nic.ifname === name);
}
