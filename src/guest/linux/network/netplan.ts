/** netplan. Files are read in lexical order and later ones override earlier ones key by key. */
import type { GuestTree } from '../../common/ports.js';
import { readYaml } from '../../../lib/yaml-edit.js';
import type { InterfacePin, NetworkProfile } from '../../../model/inspection.js';
import { isInterfaceName, isPattern, normalizeMac, titleName } from './mac.js';

const dirs = ['/etc/netplan'] as const;

export function netplanFiles(tree: GuestTree): string[] {
  return dirs.flatMap((dir) =>
    tree
      .list(dir)
      .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
      .map((name) => `${dir}/${name}`),
  );
}

export type NetplanMap = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is NetplanMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The `network:` mapping of a file; undefined when the file is no netplan file or no YAML. */
export function netplanNetwork(text: string): NetplanMap | undefined {
  const document = readYaml(text);
  const network = isMap(document) ? document['network'] : undefined;
  return isMap(network) ? network : undefined;
}

/** netplan's section names with the kind of interface they hold. */
const netplanSections: readonly (readonly [string, NetworkProfile['kind']])[] = [
  ['ethernets', 'ethernet'],
  ['bonds', 'bond'],
  ['bridges', 'bridge'],
  ['vlans', 'vlan'],
];

export function readNetplan(tree: GuestTree): NetworkProfile[] {
  const files = netplanFiles(tree).flatMap((path) => {
    const network = netplanNetwork(tree.text(path) ?? '');
    return network === undefined ? [] : [{ path, network }];
  });
  return files.flatMap(({ path, network }) =>
    netplanSections.flatMap(([section, kind]) => {
      const devices = network[section];
      if (!isMap(devices)) return [];
      return Object.entries(devices).flatMap(([id, device]) =>
        isMap(device) || device === null ? [profileOf(path, id, device ?? {}, kind)] : [],
      );
    }),
  );
}

function profileOf(path: string, id: string, device: NetplanMap, kind: NetworkProfile['kind']): NetworkProfile {
  const match = isMap(device['match']) ? device['match'] : undefined;
  const setName = device['set-name'];
  const mac = normalizeMac(textOf(match?.['macaddress']));
  const matched = match === undefined ? id : (match['name'] ?? (mac === undefined ? undefined : titleName(id)));
  const wanted = typeof setName === 'string' ? setName : matched;
  const name = typeof wanted === 'string' && isInterfaceName(wanted) && !isPattern(wanted) ? wanted : undefined;
  const addresses = Array.isArray(device['addresses']) ? device['addresses'].flatMap(addressOf) : [];
  const dhcp = device['dhcp4'] === true || isYes(device['dhcp4']);
  return {
    path,
    backend: 'netplan',
    ...(name === undefined ? {} : { name }),
    namePatterns: typeof wanted === 'string' && isPattern(wanted) ? [wanted] : [],
    macs: mac === undefined ? [] : [mac],
    method: dhcp ? 'dhcp' : addresses.length > 0 ? 'static' : 'manual',
    addresses,
    hardwareMatches: drivers(match).map((driver) => `driver=${driver}`),
    kind,
  };
}

function isYes(value: unknown): boolean {
  return typeof value === 'string' && /^(yes|on|true)$/i.test(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Drivers of a match; newer netplan takes a list. */
export function drivers(match: NetplanMap | undefined): string[] {
  const driver = match?.['driver'];
  return (Array.isArray(driver) ? driver : [driver]).filter((each): each is string => typeof each === 'string');
}

/** `addresses` holds texts, or maps with the address as their only key. */
function addressOf(item: unknown): string[] {
  if (typeof item === 'string') return [item];
  return isMap(item) ? Object.keys(item).slice(0, 1) : [];
}

/** `match.macaddress` with `set-name` names the interface like a .link file does. */
export function readNetplanPins(tree: GuestTree): InterfacePin[] {
  return readNetplan(tree).flatMap((profile) =>
    profile.name === undefined
      ? []
      : profile.macs.map((mac) => ({ path: profile.path, name: profile.name ?? '', mac })),
  );
}
