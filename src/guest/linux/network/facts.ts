import type { GuestTree } from '../../common/ports.js';
import type { Inspection, NetworkBackend, NetworkProfile } from '../../../model/inspection.js';
import { ifcfgFiles, ifcfgRhDir, ifcfgSuseDir, readIfcfgRh, readWicked } from './ifcfg.js';
import { ifupdownFiles, readIfupdown } from './ifupdown.js';
import { keyfiles, readKeyfiles } from './keyfile.js';
import { netplanFiles, readNetplan, readNetplanPins } from './netplan.js';
import { networkdFiles, readNetworkd } from './networkd.js';
import { readPins, udevRuleDir } from './pins.js';

const readers: readonly (readonly [NetworkBackend, (tree: GuestTree) => NetworkProfile[]])[] = [
  ['ifupdown', readIfupdown],
  ['netplan', readNetplan],
  ['networkmanager', readKeyfiles],
  ['networkd', readNetworkd],
  ['ifcfg-rh', readIfcfgRh],
  ['wicked', readWicked],
];

/** Units whose enablement shows that a backend runs, even when it has no profile of its own. */
const units: Partial<Record<NetworkBackend, RegExp>> = {
  networkmanager: /^NetworkManager\.service$/,
  networkd: /^systemd-networkd\.service$/,
  wicked: /^wicked\.service$/,
  ifupdown: /^networking\.service$/,
};

/** Network configuration of the guest: every profile of every backend, and what pins names to addresses. */
export function readNetworkFacts(tree: GuestTree): Inspection['network'] {
  const enabled = [
    ...tree.list('/etc/systemd/system/multi-user.target.wants'),
    ...tree.list('/etc/systemd/system/network-online.target.wants'),
  ];
  const profiles: NetworkProfile[] = [];
  const backends: NetworkBackend[] = [];
  for (const [backend, read] of readers) {
    const found = read(tree);
    profiles.push(...found);
    if (found.length > 0 || enabled.some((unit) => units[backend]?.test(unit) === true)) backends.push(backend);
  }
  return { backends, profiles, pins: [...readPins(tree), ...readNetplanPins(tree)] };
}

/** Every file that holds network configuration of some backend, or pins a name. */
export function networkFiles(tree: GuestTree): string[] {
  const rules = tree.list(udevRuleDir).map((name) => `${udevRuleDir}/${name}`);
  return [
    ...ifupdownFiles(tree),
    ...netplanFiles(tree),
    ...keyfiles(tree),
    ...(['.network', '.netdev', '.link'] as const).flatMap((suffix) => networkdFiles(tree, suffix)),
    ...ifcfgFiles(tree, ifcfgRhDir),
    ...ifcfgFiles(tree, ifcfgSuseDir),
    ...rules,
  ];
}
