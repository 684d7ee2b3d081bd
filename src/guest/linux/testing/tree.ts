/** Guests for tests, from paths and contents. */
import type { GuestTree } from '../../common/ports.js';
import { createGuestTree } from '../../common/tree.js';
import type { TreeEntry } from '../../common/tree.js';

export type TestFile =
  | string
  | {
      readonly content?: string;
      /** Target of a symlink. */
      readonly link?: string;
      readonly mode?: number;
      readonly xattrs?: Readonly<Record<string, string>>;
    };

/** A tree of these files; texts are latin1, as everywhere in the guest room. */
export function testTree(files: Readonly<Record<string, TestFile>>): GuestTree {
  return createGuestTree(Object.entries(files).map(([path, file]) => entryOf(path, file)));
}

function entryOf(path: string, file: TestFile): TreeEntry {
  if (typeof file === 'string') return entryOf(path, { content: file });
  const content = Buffer.from(file.content ?? '', 'latin1');
  const node = {
    path,
    mode: file.mode ?? 0o644,
    uid: 0,
    gid: 0,
    mtimeS: 1_700_000_000,
    sizeBytes: content.length,
    xattrs: file.xattrs ?? {},
  };
  if (file.link !== undefined) return { node: { ...node, kind: 'symlink', mode: 0o777, linkTarget: file.link } };
  return { node: { ...node, kind: 'file' }, content };
}

/** Everything in a tree as texts: `644 content` for files, `-> target` for links. */
export function dumpTree(tree: GuestTree): Record<string, string> {
  const dump: Record<string, string> = {};
  const visit = (dir: string): void => {
    for (const name of tree.list(dir === '' ? '/' : dir)) {
      const path = `${dir}/${name}`;
      const node = tree.lstat(path);
      if (node?.kind === 'directory') visit(path);
      else if (node?.kind === 'symlink') dump[path] = `-> ${node.linkTarget ?? ''}`;
      else if (node !== undefined) dump[path] = `${node.mode.toString(8)} ${tree.text(path) ?? ''}`;
    }
  };
  visit('');
  return dump;
}
