/** systemd-networkd. */
import type { GuestTree } from '../../common/ports.js';
import type { NetworkProfile } from '../../../model/inspection.js';
import { iniValue, iniValues, parseIni } from '../text/ini.js';
import type { IniLine } from '../text/ini.js';
import { isInterfaceName, isPattern, normalizeMacs, titleName } from './mac.js';

const networkdDir = '/etc/systemd/network';

/** Paths of files with a suffix, in the order in which networkd reads them. */
export function networkdFiles(tree: GuestTree, suffix: '.network' | '.netdev' | '.link'): string[] {
  return tree
    .list(networkdDir)
    .filter((name) => name.endsWith(suffix))
    .map((name) => `${networkdDir}/${name}`);
}

export function readNetworkd(tree: GuestTree): NetworkProfile[] {
  const virtual = virtualDevices(tree);
  return networkdFiles(tree, '.network').flatMap((path) => {
    const text = tree.text(path);
    if (text === undefined) return [];
    const lines = parseIni(text);
    const names = words(iniValues(lines, 'Match', 'Name'));
    const macs = normalizeMacs(
      words(['MACAddress', 'PermanentMACAddress'].flatMap((key) => iniValues(lines, 'Match', key))),
    );
    const stem = path.slice(networkdDir.length + 1, -'.network'.length);
    const title = macs.length === 1 && names.length === 0 ? titleName(stem) : undefined;
    const name = names.length === 1 && names[0] !== undefined && isInterfaceName(names[0]) ? names[0] : title;
    if (names.length > 0 && names.every((each) => each === 'lo')) return [];
    return [
      {
        path,
        backend: 'networkd',
        ...(name === undefined ? {} : { name }),
        namePatterns: name === undefined ? names.filter((each) => isPattern(each) || isInterfaceName(each)) : [],
        macs,
        method: networkdMethod(lines),
        addresses: networkdAddresses(lines),
        hardwareMatches: ['Path', 'Driver'].flatMap((key) =>
          iniValues(lines, 'Match', key).map((value) => `${key}=${value}`),
        ),
        kind: virtual.get(name ?? '') ?? 'ethernet',
      },
    ];
  });
}

function words(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(/\s+/)).filter((word) => word !== '');
}

function virtualDevices(tree: GuestTree): Map<string, NetworkProfile['kind']> {
  const kinds = new Map<string, NetworkProfile['kind']>();
  for (const path of networkdFiles(tree, '.netdev')) {
    const lines = parseIni(tree.text(path) ?? '');
    const name = iniValue(lines, 'NetDev', 'Name');
    const kind = iniValue(lines, 'NetDev', 'Kind');
    if (name !== undefined) kinds.set(name, kind === 'bond' || kind === 'bridge' || kind === 'vlan' ? kind : 'other');
  }
  return kinds;
}

function networkdMethod(lines: readonly IniLine[]): NetworkProfile['method'] {
  if (/^(yes|true|1|on)$/i.test(iniValue(lines, 'Link', 'Unmanaged') ?? '')) return 'disabled';
  const dhcp = (iniValue(lines, 'Network', 'DHCP') ?? 'no').toLowerCase();
  // What only asks for IPv6 waits for no IPv4 address.
  if (/^(yes|true|1|on|both|ipv4|v4)$/.test(dhcp)) return 'dhcp';
  return networkdAddresses(lines).length > 0 ? 'static' : 'manual';
}

function networkdAddresses(lines: readonly IniLine[]): string[] {
  return [...iniValues(lines, 'Network', 'Address'), ...iniValues(lines, 'Address', 'Address')].filter(
    (address) => address !== '',
  );
}
