/** NetworkManager keyfiles. */
import type { GuestTree } from '../../common/ports.js';
import type { NetworkProfile } from '../../../model/inspection.js';
import { iniValue, parseIni } from '../text/ini.js';
import type { IniLine } from '../text/ini.js';
import { isInterfaceName, normalizeMacs, titleName } from './mac.js';

const keyfileDir = '/etc/NetworkManager/system-connections';

/** Sections that hold an Ethernet device's settings, new name and old. */
export const ethernetSections = ['ethernet', '802-3-ethernet'] as const;

/** Paths of the keyfiles; old versions have no suffix, and names may hold blanks. */
export function keyfiles(tree: GuestTree): string[] {
  return tree
    .list(keyfileDir)
    .filter((name) => !name.startsWith('.') && !/(~|\.bak|\.orig|\.rpmsave|\.rpmnew|\.swp)$/.test(name))
    .map((name) => `${keyfileDir}/${name}`);
}

export function readKeyfiles(tree: GuestTree): NetworkProfile[] {
  return keyfiles(tree).flatMap((path) => {
    const text = tree.text(path);
    if (text === undefined || !text.includes('[connection]')) return [];
    const lines = parseIni(text);
    const macs = normalizeMacs(ethernetSections.map((section) => iniValue(lines, section, 'mac-address') ?? ''));
    const title = macs.length === 0 ? undefined : titleName(iniValue(lines, 'connection', 'id') ?? '');
    const name = iniValue(lines, 'connection', 'interface-name') ?? title;
    return [
      {
        path,
        backend: 'networkmanager',
        ...(name !== undefined && isInterfaceName(name) ? { name } : {}),
        macs,
        method: keyfileMethod(lines),
        addresses: keyfileAddresses(lines),
        hardwareMatches: ['path', 'driver'].flatMap((key) => {
          const value = iniValue(lines, 'match', key);
          return value === undefined ? [] : [`${key}=${value}`];
        }),
        kind: keyfileKind(lines),
      },
    ];
  });
}

function keyfileMethod(lines: readonly IniLine[]): NetworkProfile['method'] {
  if (iniValue(lines, 'connection', 'autoconnect') === 'false') return 'disabled';
  if (['master', 'controller'].some((key) => iniValue(lines, 'connection', key) !== undefined)) return 'manual';
  switch (iniValue(lines, 'ipv4', 'method')) {
    case 'auto':
      return 'dhcp';
    case 'manual':
      return 'static';
    case 'disabled':
    case 'link-local':
      return keyfileAddresses(lines).length > 0 ? 'static' : 'manual';
    case undefined:
      return 'unknown';
    default:
      return 'unknown';
  }
}

function keyfileAddresses(lines: readonly IniLine[]): string[] {
  return lines.flatMap((line) => {
    const isAddress = line.kind === 'pair' && /^(ipv4|ipv6)$/.test(line.section) && /^address(es)?\d*$/.test(line.key);
    // `address1=10.0.0.5/24,10.0.0.1`; the old form lists `10.0.0.5;24;10.0.0.1;`.
    const old = /^([0-9a-fA-F.:]+);(\d+);/.exec(line.value);
    if (!isAddress) return [];
    return old === null ? [line.value.split(',')[0] ?? ''].filter((text) => text !== '') : [`${old[1]}/${old[2]}`];
  });
}

function keyfileKind(lines: readonly IniLine[]): NetworkProfile['kind'] {
  switch (iniValue(lines, 'connection', 'type')) {
    case 'ethernet':
    case '802-3-ethernet':
      return 'ethernet';
    case 'bond':
    case 'team':
      return 'bond';
    case 'bridge':
      return 'bridge';
    case 'vlan':
      return 'vlan';
    default:
      return 'other';
  }
}
