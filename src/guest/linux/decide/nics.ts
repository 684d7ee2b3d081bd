import { sha256 } from '../../../lib/canonical-json.js';
import type { NicModel } from '../../../model/domain.js';
import type { NicPlan } from '../../../model/fix.js';
import type { Inspection, NetworkProfile } from '../../../model/inspection.js';
import type { ResolvedSettings } from '../../../model/settings.js';
import type { VmDescription } from '../../../model/vm.js';

interface Named {
  readonly ifname: string;
  readonly nameSource: NonNullable<NicPlan['nameSource']>;
}

/** An address of QEMU's range that is always the same for this adapter of this machine. */
function derivedMac(vmKey: string, index: number): string {
  const digest = sha256(`nic:${vmKey}:${index}`);
  return `52:54:00:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`;
}

/** Names that profiles are for, in the order of the adapters as far as names tell it. */
function ethernetNames(profiles: readonly NetworkProfile[]): readonly string[] {
  const names = profiles.filter(
    (profile) => profile.kind === 'ethernet' && profile.name !== undefined && !/[*?[]/.test(profile.name),
  );
  return [...new Set(names.flatMap((profile) => profile.name ?? []))].sort(byAdapter);
}

/** VMware fills its slots as 192, 224, 256, 161, 193 …: bridge by bridge, then the next function of each. */
function byAdapter(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => Number(/^ens(\d{3,})$/.exec(name)?.[1] ?? Number.NaN));
  if (left === undefined || right === undefined || Number.isNaN(left + right)) {
    return a.localeCompare(b, 'en', { numeric: true });
  }
  return (left % 32) - (right % 32) || left - right;
}

/** What systemd calls an adapter in a slot of VMware's: the number of the bridge's slot plus the function on it. */
function slotName(pciSlot: number | undefined): string | undefined {
  return pciSlot === undefined ? undefined : `ens${(pciSlot & 1023) + (pciSlot >> 10)}`;
}

/** The one address that pins and profiles agree on; undefined when there is none or when there are several. */
function onlyAddress({ pins, profiles }: Inspection['network']): string | undefined {
  const bound = profiles.filter((profile) => profile.kind === 'ethernet').flatMap((profile) => profile.macs);
  const all = new Set([...pins.map((pin) => pin.mac), ...bound].map((mac) => mac.toLowerCase()));
  const [first] = all;
  return all.size === 1 ? first : undefined;
}

/**
 * How an adapter is called in the guest: by what pins its address, by what is bound to its address, by its slot at the
 * origin, by being the only one, by order, by the kernel alone.
 */
function nameOf(
  mac: string | undefined,
  position: number,
  total: number,
  network: Inspection['network'],
  isClassic: boolean,
  pciSlot: number | undefined,
): Named | undefined {
  const pin = network.pins.find((candidate) => mac !== undefined && candidate.mac.toLowerCase() === mac);
  if (pin !== undefined) return { ifname: pin.name, nameSource: 'pin' };
  const bound = network.profiles.find(
    (profile) =>
      profile.kind === 'ethernet' &&
      profile.name !== undefined &&
      mac !== undefined &&
      profile.macs.some((one) => one.toLowerCase() === mac),
  );
  if (bound?.name !== undefined) return { ifname: bound.name, nameSource: 'profile-mac' };
  const names = ethernetNames(network.profiles);
  const bySlot = isClassic ? undefined : slotName(pciSlot);
  // Where no profile says a name, rules of firewalls may.
  if (bySlot !== undefined && (names.length === 0 || names.includes(bySlot))) {
    return { ifname: bySlot, nameSource: 'slot' };
  }
  const [only] = names;
  if (total === 1 && names.length === 1 && only !== undefined) return { ifname: only, nameSource: 'only' };
  const byOrder = names[position];
  if (names.length === total && byOrder !== undefined) return { ifname: byOrder, nameSource: 'order' };
  return isClassic && total === 1 && names.length === 0 ? { ifname: 'eth0', nameSource: 'kernel' } : undefined;
}

function profileOf(
  mac: string | undefined,
  ifname: string | undefined,
  profiles: readonly NetworkProfile[],
): NetworkProfile | undefined {
  return (
    profiles.find((profile) => mac !== undefined && profile.macs.some((one) => one.toLowerCase() === mac)) ??
    profiles.find((profile) => ifname !== undefined && profile.name === ifname)
  );
}

/** Adapters of the new machine and the names they keep inside the guest. */
export function planNics(
  inspection: Inspection,
  description: VmDescription,
  settings: ResolvedSettings,
  model: NicModel,
): { readonly nics: readonly NicPlan[]; readonly warnings: readonly string[] } {
  const indexes = [
    ...new Set([...description.nics.map((nic) => nic.index), ...Object.keys(settings.nics).map(Number)]),
  ].sort((a, b) => a - b);
  const warnings: string[] = [];
  const { network } = inspection;
  const classic = (inspection.bootloader.cmdline ?? '').split(/\s+/).includes('net.ifnames=0');
  const nics = indexes.map((index, position): NicPlan => {
    const own = settings.nics[String(index)] ?? {};
    const described = description.nics.find((nic) => nic.index === index);
    const pinned = indexes.length === 1 ? onlyAddress(network) : undefined;
    const known = (own.mac ?? described?.mac ?? pinned)?.toLowerCase();
    const named =
      settings.network.naming === 'off'
        ? undefined
        : nameOf(known, position, indexes.length, network, classic, described?.pciSlot);
    // A name can only be kept for an address that is known before the machine exists.
    const mac = known ?? (named === undefined ? undefined : derivedMac(description.vmKey, index));
    const profile = profileOf(mac, named?.ifname, network.profiles);
    const stable = classic && indexes.length === 1 && named?.ifname === 'eth0';
    if (named?.nameSource === 'order') {
      warnings.push(
        `adapter ${index} keeps the name ${named.ifname} by order only: nothing in the guest binds a name to its address`,
      );
    }
    if (named === undefined && settings.network.naming === 'preserve' && network.profiles.length > 0) {
      warnings.push(`the old name of adapter ${index} is not known: it gets whatever name the guest gives it`);
    }
    return {
      index,
      model: own.model === undefined || own.model === 'auto' ? model : own.model,
      network: own.network ?? 'default',
      naming: settings.network.naming === 'off' || stable ? 'none' : named === undefined ? 'unknown' : 'pin',
      ...(mac === undefined ? {} : { mac }),
      ...(named ?? {}),
      ...(profile === undefined ? {} : { method: profile.method, addresses: profile.addresses }),
    };
  });
  return { nics, warnings };
}
