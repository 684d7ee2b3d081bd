/** What the network of the booted guest should look like; compared with reality after the boot. */
import type { NicExpectation, NicPlan } from '../../../model/fix.js';
import type { Inspection, NetworkProfile } from '../../../model/inspection.js';
import { canonicalAddress } from './addresses.js';
import { globMatches } from './hardware.js';

/** For every adapter the profile that binds to it by address, by name, or by a pattern, in that order. */
export function expectNics(nics: readonly NicPlan[], network: Inspection['network']): NicExpectation[] {
  return nics.map((nic) => {
    const profile = profileFor(nic, network.profiles);
    return {
      index: nic.index,
      ...(nic.mac === undefined ? {} : { mac: nic.mac }),
      ...(nic.ifname === undefined ? {} : { ifname: nic.ifname }),
      ...(profile === undefined ? {} : { profile: profile.path }),
      method: profile?.method ?? 'none',
      addresses: (profile?.addresses ?? []).map(canonicalAddress),
    };
  });
}

function profileFor(nic: NicPlan, profiles: readonly NetworkProfile[]): NetworkProfile | undefined {
  const byMac = profiles.filter((profile) => nic.mac !== undefined && profile.macs.includes(nic.mac));
  const byName = profiles.filter((profile) => nic.ifname !== undefined && profile.name === nic.ifname);
  const byPattern = profiles.filter((profile) =>
    profile.namePatterns?.some((pattern) => nic.ifname !== undefined && globMatches(pattern, nic.ifname)),
  );
  const open = profiles.filter(
    (profile) =>
      profile.kind === 'ethernet' &&
      profile.name === undefined &&
      profile.macs.length === 0 &&
      (profile.namePatterns ?? []).length === 0 &&
      profile.hardwareMatches.length === 0,
  );
  const candidates = [...byMac, ...byName, ...byPattern, ...open];
  return candidates.find((profile) => profile.method === 'dhcp' || profile.method === 'static') ?? candidates[0];
}
