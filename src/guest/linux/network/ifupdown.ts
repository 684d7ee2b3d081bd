/** Debian's ifupdown: /etc/network/interfaces and what it sources. */
import type { GuestTree } from '../../common/ports.js';
import type { NetworkProfile } from '../../../model/inspection.js';
import { splitLines } from '../text/lines.js';
import { prefixOfNetmask } from './addresses.js';
import { isInterfaceName } from './mac.js';

const start = '/etc/network/interfaces';
const maxFiles = 200;

/** The main file and everything it sources, in reading order. Loops and files outside the guest's own tree are left out. */
export function ifupdownFiles(tree: GuestTree): string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    if (found.includes(path) || found.length >= maxFiles) return;
    const text = tree.text(path);
    if (text === undefined) return;
    found.push(path);
    for (const line of logicalLines(text)) {
      const source = /^(source|source-directory)\s+(\S+)/.exec(line);
      if (source?.[2] === undefined) continue;
      const target = absolute(source[2], path);
      const paths = source[1] === 'source' ? expand(tree, target) : inDirectory(tree, target);
      for (const each of paths) visit(each);
    }
  };
  visit(start);
  return found;
}

function absolute(path: string, from: string): string {
  return path.startsWith('/') ? path : `${from.slice(0, from.lastIndexOf('/'))}/${path}`;
}

/** Only a pattern in the last part of a path, which is what `source /etc/network/interfaces.d/*` needs. */
function expand(tree: GuestTree, pattern: string): string[] {
  const slash = pattern.lastIndexOf('/');
  const [dir, last] = [pattern.slice(0, slash), pattern.slice(slash + 1)];
  if (!/[*?[]/.test(last)) return tree.stat(pattern)?.kind === 'directory' ? inDirectory(tree, pattern) : [pattern];
  const source = last
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  let matcher: RegExp;
  try {
    matcher = new RegExp(`^${source}$`);
  } catch {
    // An unfinished bracket expression names no file.
    return [];
  }
  return tree
    .list(dir)
    .filter((name) => matcher.test(name) && !name.startsWith('.'))
    .map((name) => `${dir}/${name}`);
}

function inDirectory(tree: GuestTree, dir: string): string[] {
  return tree
    .list(dir)
    .filter((name) => /^[A-Za-z0-9_-]+$/.test(name))
    .map((name) => `${dir}/${name}`);
}

/** Lines with continuations joined, trimmed, comments and blank lines left out. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let pending = '';
  for (const line of splitLines(text)) {
    if (pending === '' && line.text.trimStart().startsWith('#')) continue;
    if (line.text.endsWith('\\')) {
      pending += `${line.text.slice(0, -1)} `;
      continue;
    }
    const whole = (pending + line.text).trim();
    pending = '';
    if (whole !== '') lines.push(whole);
  }
  return pending.trim() === '' ? lines : [...lines, pending.trim()];
}

interface Stanza {
  readonly path: string;
  readonly name: string;
  readonly family: string;
  readonly method: string;
  readonly options: (readonly [string, string])[];
}

export function readIfupdown(tree: GuestTree): NetworkProfile[] {
  const stanzas: Stanza[] = [];
  const started = new Set<string>();
  for (const path of ifupdownFiles(tree)) {
    let current: Stanza | undefined;
    for (const line of logicalLines(tree.text(path) ?? '')) {
      const words = line.split(/\s+/);
      const [keyword = '', ...rest] = words;
      if (keyword === 'iface') {
        current = { path, name: rest[0] ?? '', family: rest[1] ?? 'inet', method: rest[2] ?? '', options: [] };
        stanzas.push(current);
      } else if (keyword === 'auto' || keyword.startsWith('allow-')) {
        current = undefined;
        for (const name of rest) started.add(name);
      } else if (/^(mapping|source|source-directory|rename|no-auto-down|no-scripts|template)$/.test(keyword)) {
        current = undefined;
      } else current?.options.push([keyword, rest.join(' ')]);
    }
  }
  const profiles = merge(stanzas, started);
  return [...profiles, ...members(stanzas, profiles)];
}

/** Adapters that only a bridge, a bond or a VLAN speaks of: they must keep their names although no stanza is theirs. */
function members(stanzas: readonly Stanza[], profiles: readonly NetworkProfile[]): NetworkProfile[] {
  const known = new Set(profiles.map((profile) => profile.name));
  const found: NetworkProfile[] = [];
  for (const { path, name, options } of stanzas) {
    const listed = options.flatMap(([key, value]) =>
      /^(bridge[_-]ports|bond[_-]slaves|slaves|vlan[_-]raw[_-]device)$/.test(key) ? value.split(/\s+/) : [],
    );
    const below = /^([^.]+)\.\d+$/.exec(name)?.[1];
    for (const member of [...listed, ...(below === undefined ? [] : [below])]) {
      if (known.has(member) || !isInterfaceName(member) || !/^(eth|en|em|p\d)/.test(member)) continue;
      known.add(member);
      found.push({
        path,
        backend: 'ifupdown',
        name: member,
        macs: [],
        method: 'manual',
        addresses: [],
        hardwareMatches: [],
        kind: 'ethernet',
      });
    }
  }
  return found;
}

/** One profile per interface and file: its IPv4 and IPv6 stanzas together. */
function merge(stanzas: readonly Stanza[], started: ReadonlySet<string>): NetworkProfile[] {
  const groups = new Map<string, Stanza[]>();
  for (const stanza of stanzas) {
    if (stanza.name === 'lo' || stanza.method === 'loopback' || !isInterfaceName(stanza.name)) continue;
    const key = `${stanza.path}\0${stanza.name}`;
    groups.set(key, [...(groups.get(key) ?? []), stanza]);
  }
  const allStarted = [...started].some((name) => name.startsWith('/'));
  return [...groups.values()].flatMap((group) => {
    const first = group[0];
    if (first === undefined) return [];
    const isStarted = allStarted || started.has(first.name);
    return [
      {
        path: first.path,
        backend: 'ifupdown',
        name: first.name,
        macs: [],
        method: isStarted ? methodOf(group) : 'disabled',
        addresses: group.flatMap(addressesOf),
        hardwareMatches: [],
        kind: kindOf(group, first.name),
      },
    ];
  });
}

function methodOf(group: readonly Stanza[]): NetworkProfile['method'] {
  const methods = group.map((stanza) => stanza.method);
  if (group.some((stanza) => stanza.method === 'dhcp' && stanza.family === 'inet')) return 'dhcp';
  if (methods.includes('static') || group.some((stanza) => addressesOf(stanza).length > 0)) return 'static';
  return methods.some((method) => /^(manual|auto|dhcp)$/.test(method)) ? 'manual' : 'unknown';
}

function addressesOf(stanza: Stanza): string[] {
  const value = (key: string): string | undefined => stanza.options.find(([name]) => name === key)?.[1];
  const address = value('address');
  if (address === undefined || stanza.method !== 'static') return [];
  if (address.includes('/')) return [address];
  const netmask = value('netmask');
  const prefix = netmask !== undefined && /^\d+$/.test(netmask) ? netmask : prefixOfNetmask(netmask);
  return [prefix === undefined ? address : `${address}/${prefix}`];
}

function kindOf(group: readonly Stanza[], name: string): NetworkProfile['kind'] {
  const keys = new Set(group.flatMap((stanza) => stanza.options.map(([key]) => key.replaceAll('_', '-'))));
  if (keys.has('bridge-ports')) return 'bridge';
  if (keys.has('bond-slaves') || keys.has('bond-mode')) return 'bond';
  if (keys.has('vlan-raw-device') || /\.\d+$/.test(name) || /^vlan\d+$/.test(name)) return 'vlan';
  return 'ethernet';
}
