/** Switching services off by their links, without any program of the guest. */
import type { GuestTree } from '../../common/ports.js';
import type { AgentKnowledge } from './catalogue.js';

const systemdDir = '/etc/systemd/system';

/** Removes the links that start an agent's units and SysV scripts. Returns the paths that were removed. */
export function dropStartLinks(tree: GuestTree, agent: AgentKnowledge): string[] {
  const links = [...unitLinks(tree, agent.units), ...rcLinks(tree, agent.sysv)];
  for (const link of links) tree.remove(link);
  return links;
}

/** Links in `*.wants` and `*.requires`, and other names of the units. */
function unitLinks(tree: GuestTree, units: readonly string[]): string[] {
  const names = new Set(units);
  const isOurs = (path: string): boolean => {
    const target = tree.lstat(path)?.linkTarget;
    return target !== undefined && names.has(target.slice(target.lastIndexOf('/') + 1));
  };
  return tree.list(systemdDir).flatMap((name) => {
    const path = `${systemdDir}/${name}`;
    if (/\.(wants|requires)$/.test(name)) {
      return tree
        .list(path)
        .map((unit) => `${path}/${unit}`)
        .filter((link) => names.has(link.slice(path.length + 1)) || isOurs(link));
    }
    return isOurs(path) ? [path] : [];
  });
}

function rcLinks(tree: GuestTree, scripts: readonly string[]): string[] {
  const dirs = ['0', '1', '2', '3', '4', '5', '6', 'S'].flatMap((level) => [
    `/etc/rc${level}.d`,
    `/etc/rc.d/rc${level}.d`,
  ]);
  const seen = new Set<string>();
  return [...dirs, '/etc/init.d/boot.d'].flatMap((dir) =>
    tree
      .list(dir)
      .filter((name) => scripts.includes(name.replace(/^[SK]\d\d/, '')) && /^[SK]\d\d/.test(name))
      .map((name) => `${tree.resolve(dir) ?? dir}/${name}`)
      .filter((path) => (seen.has(path) ? false : seen.add(path) !== undefined)),
  );
}

/** Makes units impossible to start. A unit file that an administrator wrote in its place stays. */
export function maskUnits(tree: GuestTree, units: readonly string[]): string[] {
  return units.filter((unit) => {
    const path = `${systemdDir}/${unit}`;
    const present = tree.lstat(path);
    if (present?.kind === 'file' || present?.linkTarget === '/dev/null') return false;
    tree.symlink('/dev/null', path);
    return true;
  });
}
