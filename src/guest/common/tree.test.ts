import { expect, test } from 'vitest';
import type { GuestNode } from './ports.js';
import { createGuestTree } from './tree.js';
import type { TreeEntry } from './tree.js';

function file(path: string, content?: string, more: Partial<GuestNode> = {}): TreeEntry {
  const node: GuestNode = {
    ...{ path, kind: 'file', mode: 0o640, uid: 5, gid: 6, mtimeS: 7, sizeBytes: content?.length ?? 9 },
    xattrs: { 'security.selinux': 'etc_t' },
    ...more,
  };
  return content === undefined ? { node } : { node, content: Buffer.from(content, 'latin1') };
}

function link(path: string, linkTarget: string): TreeEntry {
  return { node: { ...file(path).node, kind: 'symlink', linkTarget } };
}

test('follows absolute and relative links inside the guest', () => {
  const tree = createGuestTree([
    file('/usr/lib/os-release', 'ID=x'),
    link('/etc/os-release', '../usr/lib/os-release'),
    link('/lib', '/usr/lib'),
    link('/etc/passwd', '/../../../usr/lib/os-release'),
  ]);
  expect(tree.text('/etc/os-release')).toBe('ID=x');
  expect(tree.text('/lib/os-release')).toBe('ID=x');
  expect(tree.text('/etc/passwd')).toBe('ID=x');
  expect(tree.resolve('/etc/os-release')).toBe('/usr/lib/os-release');
  expect(tree.lstat('/etc/os-release')?.kind).toBe('symlink');
  expect(tree.list('/lib')).toEqual(['os-release']);
});

test('loops end', () => {
  const tree = createGuestTree([link('/a', '/b'), link('/b', '/a'), link('/c', 'c')]);
  for (const path of ['/a', '/b/x', '/c']) {
    expect(tree.read(path)).toBeUndefined();
    expect(tree.resolve(path)).toBeUndefined();
  }
  expect(() => tree.write('/a/x', 'y')).toThrow();
});

test('a write goes through links and keeps owner, mode and attributes', () => {
  const tree = createGuestTree([file('/etc/real', 'old'), link('/etc/alias', 'real')]);
  tree.write('/etc/alias', 'new');
  expect(tree.changes()).toEqual([
    {
      path: '/etc/real',
      kind: 'modified',
      before: Buffer.from('old'),
      after: Buffer.from('new'),
      node: { ...file('/etc/real', 'new').node },
    },
  ]);
  expect(tree.lstat('/etc/alias')?.kind).toBe('symlink');
});

test('bytes survive a round trip through text', () => {
  const bytes = Buffer.from([0, 0x80, 0xff, 0xc3, 0x28, 10]);
  const tree = createGuestTree([{ node: file('/f').node, content: bytes }]);
  tree.write('/f', tree.text('/f') ?? '');
  expect(tree.changes()).toEqual([]);
});

test('new files, removed ones and links are told apart', () => {
  const tree = createGuestTree([file('/etc/gone', 'x'), file('/etc/dir/a', '1'), file('/etc/dir/b', '2')]);
  tree.write('/etc/new/file', 'n', 0o600);
  tree.remove('/etc/gone');
  tree.remove('/etc/dir');
  tree.symlink('/dev/null', '/etc/unit');
  expect(tree.changes().map(({ path, kind, node }) => [path, kind, node?.mode])).toEqual([
    ['/etc/dir', 'removed', 0o755],
    ['/etc/dir/a', 'removed', 0o640],
    ['/etc/dir/b', 'removed', 0o640],
    ['/etc/gone', 'removed', 0o640],
    ['/etc/new/file', 'created', 0o600],
    ['/etc/unit', 'symlink', 0o777],
  ]);
  expect(tree.list('/etc')).toEqual(['new', 'unit']);
});

test('undoing an edit undoes the change', () => {
  const tree = createGuestTree([file('/f', 'one')]);
  tree.write('/f', 'two');
  tree.write('/f', 'one');
  tree.write('/g', 'x');
  tree.remove('/g');
  expect(tree.changes()).toEqual([]);
});

test('what was only listed is known but cannot be read', () => {
  const tree = createGuestTree([file('/boot/vmlinuz', undefined, { sizeBytes: 8e6 })]);
  expect(tree.stat('/boot/vmlinuz')?.sizeBytes).toBe(8e6);
  expect(tree.read('/boot/vmlinuz')).toBeUndefined();
});

test('a later entry of a path replaces an earlier one', () => {
  const tree = createGuestTree([file('/f', undefined, { sizeBytes: 3 }), file('/f', 'abc')]);
  expect(tree.text('/f')).toBe('abc');
  expect(tree.list('/')).toEqual(['f']);
});

test('a folder that was removed does not come back as a link or a file', () => {
  const tree = createGuestTree([file('/d/f', 'x'), file('/g', 'y')]);
  tree.remove('/d');
  // Taking away `/d/f` would then take it away behind the link.
  expect(() => tree.symlink('/etc', '/d')).toThrow('is a folder');
  expect(() => tree.write('/d', 'x')).toThrow('is a folder');
  tree.write('/d/new', 'z');
  tree.remove('/g');
  tree.symlink('/d', '/g');
  expect(tree.changes().map(({ path, kind }) => [path, kind])).toEqual([
    ['/d/f', 'removed'],
    ['/d/new', 'created'],
    ['/g', 'symlink'],
  ]);
});
