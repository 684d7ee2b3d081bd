/** Files that fix an interface name to an address: udev rules and .link files. */
import type { GuestTree } from '../../common/ports.js';
import type { InterfacePin } from '../../../model/inspection.js';
import { iniValue, parseIni } from '../text/ini.js';
import { isInterfaceName, isPattern, normalizeMac, normalizeMacs } from './mac.js';
import { parseUdevRules, ruleValue } from './udev-rules.js';

/** Where rules stand that an administrator or a generator wrote. */
export const udevRuleDir = '/etc/udev/rules.d';

/** Rules and .link files that pin names, in file order. */
export function readPins(tree: GuestTree): InterfacePin[] {
  return [...readUdevPins(tree), ...readLinkPins(tree)];
}

function readUdevPins(tree: GuestTree): InterfacePin[] {
  return tree
    .list(udevRuleDir)
    .filter((name) => name.endsWith('.rules'))
    .flatMap((name) => {
      const path = `${udevRuleDir}/${name}`;
      return parseUdevRules(tree.text(path) ?? '').flatMap((rule) => {
        const mac = normalizeMac(ruleValue(rule, 'ATTR', 'address') ?? ruleValue(rule, 'SYSFS', 'address') ?? '');
        const target = ruleValue(rule, 'NAME');
        return mac === undefined || target === undefined || !isInterfaceName(target)
          ? []
          : [{ path, name: target, mac }];
      });
    });
}

/** .link files of the administrator, in the order in which the first match wins. */
function linkFiles(tree: GuestTree): string[] {
  const dir = '/etc/systemd/network';
  return tree
    .list(dir)
    .filter((name) => name.endsWith('.link'))
    .map((name) => `${dir}/${name}`);
}

function readLinkPins(tree: GuestTree): InterfacePin[] {
  return linkFiles(tree).flatMap((path) => {
    const lines = parseIni(tree.text(path) ?? '');
    const name = iniValue(lines, 'Link', 'Name');
    if (name === undefined || !isInterfaceName(name) || isPattern(name)) return [];
    const addresses = ['MACAddress', 'PermanentMACAddress'].flatMap((key) =>
      (iniValue(lines, 'Match', key) ?? '').split(/\s+/),
    );
    return normalizeMacs(addresses).map((mac) => ({ path, name, mac }));
  });
}
