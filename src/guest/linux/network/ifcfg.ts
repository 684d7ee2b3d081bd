/** ifcfg files: RHEL's network-scripts and SUSE's wicked. Same shape, different meaning of names and addresses. */
import type { GuestTree } from '../../common/ports.js';
import type { NetworkProfile } from '../../../model/inspection.js';
import { parseShellVars, shellValue } from '../text/shell-vars.js';
import type { ShellVarLine } from '../text/shell-vars.js';
import { prefixOfNetmask } from './addresses.js';
import { isInterfaceName, normalizeMacs } from './mac.js';

export const ifcfgRhDir = '/etc/sysconfig/network-scripts';
export const ifcfgSuseDir = '/etc/sysconfig/network';

/** Copies that editors and package managers leave; no tool reads them as configuration. */
const leftovers = /(\.bak|~|\.orig|\.rpmnew|\.rpmsave|\.rpmorig|\.old|\.scpmbackup)$/;

/** Paths of the ifcfg files of a folder that count. */
export function ifcfgFiles(tree: GuestTree, dir: string): string[] {
  return tree
    .list(dir)
    .filter((name) => name.startsWith('ifcfg-') && name !== 'ifcfg-lo' && !leftovers.test(name))
    .map((name) => `${dir}/${name}`);
}

export function readIfcfgRh(tree: GuestTree): NetworkProfile[] {
  return ifcfgFiles(tree, ifcfgRhDir).flatMap((path) => {
    const text = tree.text(path);
    if (text === undefined) return [];
    const vars = parseShellVars(text);
    const macs = normalizeMacs([shellValue(vars, 'HWADDR') ?? '']);
    const device = shellValue(vars, 'DEVICE');
    const suffix = path.slice(path.lastIndexOf('/ifcfg-') + '/ifcfg-'.length);
    const name = device !== undefined && device !== '' ? device : macs.length === 0 ? suffix : undefined;
    if (name === 'lo') return [];
    return [
      {
        path,
        backend: 'ifcfg-rh',
        ...(name !== undefined && isInterfaceName(name) ? { name } : {}),
        macs,
        method: rhMethod(vars),
        addresses: rhAddresses(vars),
        hardwareMatches: [],
        kind: rhKind(vars, name ?? ''),
      },
    ];
  });
}

function rhMethod(vars: readonly ShellVarLine[]): NetworkProfile['method'] {
  if (isNo(shellValue(vars, 'ONBOOT'))) return 'disabled';
  const proto = (shellValue(vars, 'BOOTPROTO') ?? '').toLowerCase();
  if (proto === 'dhcp' || proto === 'bootp') return 'dhcp';
  if (rhAddresses(vars).length > 0) return 'static';
  return proto === '' || proto === 'none' || proto === 'static' ? 'manual' : 'unknown';
}

function isNo(value: string | undefined): boolean {
  return value !== undefined && /^(no|false|0|f|n)$/i.test(value);
}

function rhAddresses(vars: readonly ShellVarLine[]): string[] {
  const addresses: string[] = [];
  for (const suffix of ['', ...Array.from({ length: 16 }, (_, index) => String(index))]) {
    const address = shellValue(vars, `IPADDR${suffix}`);
    if (address === undefined || address === '') continue;
    const prefix = shellValue(vars, `PREFIX${suffix}`) ?? prefixOfNetmask(shellValue(vars, `NETMASK${suffix}`));
    addresses.push(prefix === undefined || prefix === '' ? address : `${address}/${prefix}`);
  }
  const six = shellValue(vars, 'IPV6ADDR');
  return six === undefined || six === '' ? addresses : [...addresses, six];
}

function rhKind(vars: readonly ShellVarLine[], name: string): NetworkProfile['kind'] {
  const type = (shellValue(vars, 'TYPE') ?? '').toLowerCase();
  if (
    type === 'bond' ||
    shellValue(vars, 'BONDING_OPTS') !== undefined ||
    shellValue(vars, 'BONDING_MASTER') === 'yes'
  ) {
    return 'bond';
  }
  if (type === 'bridge') return 'bridge';
  if (shellValue(vars, 'VLAN') === 'yes' || type === 'vlan' || /\.\d+$/.test(name)) return 'vlan';
  return type === '' || type === 'ethernet' ? 'ethernet' : 'other';
}

/** SUSE: the interface name is always the file's suffix and LLADDR sets an address instead of matching one. */
export function readWicked(tree: GuestTree): NetworkProfile[] {
  return ifcfgFiles(tree, ifcfgSuseDir).flatMap((path) => {
    const text = tree.text(path);
    if (text === undefined) return [];
    const vars = parseShellVars(text);
    const name = path.slice(path.lastIndexOf('/ifcfg-') + '/ifcfg-'.length);
    return [
      {
        path,
        backend: 'wicked',
        ...(isInterfaceName(name) ? { name } : {}),
        macs: [],
        method: wickedMethod(vars),
        addresses: wickedAddresses(vars),
        hardwareMatches: [],
        kind: wickedKind(vars, name),
      },
    ];
  });
}

function wickedMethod(vars: readonly ShellVarLine[]): NetworkProfile['method'] {
  const start = shellValue(vars, 'STARTMODE') ?? 'auto';
  if (start === 'off' || start === 'manual') return 'disabled';
  const proto = (shellValue(vars, 'BOOTPROTO') ?? '').toLowerCase();
  if (/^(dhcp|dhcp4|dhcp6|dhcp\+autoip)$/.test(proto)) return 'dhcp';
  if (wickedAddresses(vars).length > 0) return 'static';
  return proto === 'static' || proto === 'none' || proto === '' ? 'manual' : 'unknown';
}

function wickedAddresses(vars: readonly ShellVarLine[]): string[] {
  return vars.flatMap((line) => {
    const suffix = /^IPADDR(.*)$/.exec(line.key ?? '')?.[1];
    if (suffix === undefined || line.value === undefined || line.value === '') return [];
    if (line.value.includes('/')) return [line.value];
    const prefix = shellValue(vars, `PREFIXLEN${suffix}`) ?? prefixOfNetmask(shellValue(vars, `NETMASK${suffix}`));
    return [prefix === undefined || prefix === '' ? line.value : `${line.value}/${prefix}`];
  });
}

function wickedKind(vars: readonly ShellVarLine[], name: string): NetworkProfile['kind'] {
  if (shellValue(vars, 'BONDING_MASTER') === 'yes') return 'bond';
  if (shellValue(vars, 'BRIDGE') === 'yes') return 'bridge';
  if (shellValue(vars, 'ETHERDEVICE') !== undefined || /\.\d+$/.test(name)) return 'vlan';
  return 'ethernet';
}
