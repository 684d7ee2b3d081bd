/** What a step changed, found by comparing the whole tree before and after it. */
import { unifiedDiff } from '../../../lib/diff.js';
import type { FileChange } from '../../../model/fix.js';
import type { GuestTree } from '../../common/ports.js';
import { shown } from '../text/display.js';

interface Seen {
  readonly mode: number;
  readonly content?: Buffer;
  readonly link?: string;
}

/** All files and links of a tree at one moment. */
export type Snapshot = ReadonlyMap<string, Seen>;

export function snapshot(tree: GuestTree): Snapshot {
  const seen = new Map<string, Seen>();
  const folders = [''];
  for (let dir = folders.pop(); dir !== undefined; dir = folders.pop()) {
    for (const name of tree.list(dir === '' ? '/' : dir)) {
      const path = `${dir}/${name}`;
      const node = tree.lstat(path);
      if (node?.kind === 'directory') folders.push(path);
      else if (node?.kind === 'symlink') seen.set(path, { mode: node.mode, link: node.linkTarget ?? '' });
      else if (node?.kind === 'file') {
        const content = tree.read(path);
        seen.set(path, content === undefined ? { mode: node.mode } : { mode: node.mode, content });
      }
    }
  }
  return seen;
}

function isSame(a: Seen | undefined, b: Seen | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.mode !== b.mode || a.link !== b.link) return false;
  return a.content === b.content || (a.content !== undefined && b.content?.equals(a.content) === true);
}

/** Paths that differ, sorted. */
function changedPaths(before: Snapshot, after: Snapshot): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => !isSame(before.get(path), after.get(path))).sort();
}

/** The differences as the report shows them. */
export function fileChanges(before: Snapshot, after: Snapshot): FileChange[] {
  return changedPaths(before, after).map((path) => describe(path, before.get(path), after.get(path)));
}

function describe(path: string, old: Seen | undefined, now: Seen | undefined): FileChange {
  const name = shown(path);
  if (now === undefined) {
    const diff = old?.content === undefined ? linkNote(old) : textDiff(name, old.content, Buffer.alloc(0), 'removed');
    return { path: name, kind: 'removed', diff };
  }
  if (now.link !== undefined) return { path: name, kind: 'symlink', diff: linkNote(now) };
  const kind = old === undefined ? 'created' : 'modified';
  const diff = textDiff(name, old?.content ?? Buffer.alloc(0), now.content ?? Buffer.alloc(0), kind);
  const mode = old !== undefined && old.mode !== now.mode ? `mode ${octal(old.mode)} -> ${octal(now.mode)}\n` : '';
  return { path: name, kind, diff: mode + diff };
}

function linkNote(seen: Seen | undefined): string {
  return seen?.link === undefined ? '' : `symlink to ${shown(seen.link)}\n`;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function textDiff(path: string, before: Buffer, after: Buffer, kind: 'modified' | 'created' | 'removed'): string {
  return unifiedDiff(path, printable(before), printable(after), { kind });
}

const secretLine =
  /^(\s*["']?(?:psk|wep-key\d?|wep_key\d?|password|passwd|passphrase|secret|private-key(?:-password)?|private_key_passwd|PrivateKey|PresharedKey|WPA_PSK|KEY_PASSPHRASE\d?|password_pbkdf2)["']?\s*[:= ]\s*)\S.*$/gim;

/** Guest text as it may be shown: secrets that stand near an edit are blotted out. */
function printable(content: Buffer): string {
  return content.toString('utf8').replace(secretLine, '$1[secret]');
}

/** Puts a tree back to how it was. */
export function restore(tree: GuestTree, to: Snapshot): void {
  const now = snapshot(tree);
  for (const path of changedPaths(to, now)) {
    const seen = to.get(path);
    if (seen === undefined) tree.remove(path);
    else if (seen.link !== undefined) tree.symlink(seen.link, path);
    else if (seen.content !== undefined) tree.write(path, seen.content, seen.mode);
  }
}
