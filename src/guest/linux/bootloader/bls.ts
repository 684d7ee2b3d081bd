/** Boot loader specification entries (type 1): `key value` lines, one file per kernel. */
import type { GuestTree } from '../../common/ports.js';
import { splitLines } from '../text/lines.js';
import { compareVersions } from './version-order.js';

const blsDirs = ['/boot/loader/entries', '/boot/efi/loader/entries', '/efi/loader/entries'] as const;

export interface BlsEntry {
  readonly path: string;
  /** File name without `.conf`. */
  readonly id: string;
  readonly title: string;
  readonly version: string;
  readonly linux: string;
  readonly initrds: readonly string[];
  readonly options: string;
}

/** Entry files, newest version first: the order of the menu. Files that name no kernel are left out. */
export function readBlsEntries(tree: GuestTree): BlsEntry[] {
  const entries = blsFiles(tree).flatMap((path) => parseBlsEntry(path, tree.text(path) ?? '') ?? []);
  return entries.sort((a, b) => compareVersions(b.version, a.version) || compareVersions(b.id, a.id));
}

export function blsFiles(tree: GuestTree): string[] {
  const seen = new Set<string>();
  return blsDirs.flatMap((dir) =>
    tree
      .list(dir)
      .filter((name) => name.endsWith('.conf'))
      .map((name) => `${dir}/${name}`)
      .filter((path) => {
        const real = tree.resolve(path) ?? path;
        return seen.has(real) ? false : seen.add(real) !== undefined;
      }),
  );
}

function parseBlsEntry(path: string, content: string): BlsEntry | undefined {
  const values = new Map<string, string[]>();
  for (const { text } of splitLines(content)) {
    const pair = /^\s*([A-Za-z][A-Za-z0-9_-]*)\s+(.*?)\s*$/.exec(text);
    if (pair?.[1] === undefined) continue;
    values.set(pair[1], [...(values.get(pair[1]) ?? []), pair[2] ?? '']);
  }
  const linux = values.get('linux')?.[0];
  if (linux === undefined) return undefined;
  const id = path.slice(path.lastIndexOf('/') + 1).replace(/\.conf$/, '');
  return {
    path,
    id,
    title: values.get('title')?.[0] ?? id,
    version: values.get('version')?.[0] ?? id,
    linux,
    // `initrd /a.img $tuned_initrd`: variables are empty on every guest that boots without them.
    initrds: (values.get('initrd') ?? [])
      .flatMap((value) => value.split(/\s+/))
      .filter((word) => !word.startsWith('$')),
    options: (values.get('options') ?? []).join(' '),
  };
}
