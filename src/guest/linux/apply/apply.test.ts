import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../../../host/index.js';
import { readArchiveBytes } from '../../common/tree-archive.js';
import { fakeSession } from '../testing/session.js';
import { testTree } from '../testing/tree.js';
import { applyChanges } from './apply.js';
import { archiveMembers } from './archive.js';
import { writeTar } from './tar-writer.js';

const options = { nowS: 1_800_000_000 };

describe('the archive of edits', () => {
  it('keeps owner, mode, attributes and long or foreign names', async () => {
    const name = `/etc/${'n'.repeat(120)}/k\u00f6nig`;
    const tree = testTree({
      '/etc/shadowed': {
        content: 'a',
        mode: 0o640,
        xattrs: { 'security.selinux': 'system_u:object_r:etc_t:s0\0', 'user.x': '1' },
      },
      [name]: 'a',
      '/etc/gone': 'x',
    });
    tree.write('/etc/shadowed', 'b');
    tree.write(name, 'c');
    tree.symlink('/dev/null', '/etc/link');
    tree.remove('/etc/gone');
    const tar = writeTar(archiveMembers(tree, tree.changes(), options));
    const entries = await readArchiveBytes(tar, { root: '/' });
    expect(tar.length % 512).toBe(0);
    expect(entries.map(({ node, content }) => [node.path, node.mode, node.linkTarget ?? content?.toString()])).toEqual([
      ['/etc/link', 0o777, '/dev/null'],
      [name, 0o644, 'c'],
      ['/etc/shadowed', 0o640, 'b'],
    ]);
    expect(entries[2]?.node.xattrs).toEqual({ 'security.selinux': 'system_u:object_r:etc_t:s0', 'user.x': '1' });
    expect(entries[2]?.node.mtimeS).toBe(options.nowS);
  });

  it('keeps old versions in a private folder, and none without edits', async () => {
    const tree = testTree({ '/etc/a': { content: 'old', mode: 0o600 }, '/etc/b': 'old b' });
    const backupDir = '/var/lib/drover/backup/run1';
    tree.write('/etc/a', 'new');
    tree.remove('/etc/b');
    tree.write('/etc/new', 'n');
    const entries = await readArchiveBytes(writeTar(archiveMembers(tree, tree.changes(), { ...options, backupDir })), {
      root: '/',
    });
    const found = Object.fromEntries(
      entries.map(({ node, content }) => [node.path, `${node.mode.toString(8)} ${content?.toString() ?? ''}`.trim()]),
    );
    expect(found).toEqual({
      '/var/lib/drover': '755',
      '/var/lib/drover/backup': '700',
      [backupDir]: '700',
      [`${backupDir}/etc`]: '700',
      [`${backupDir}/etc/a`]: '600 old',
      [`${backupDir}/etc/b`]: '644 old b',
      '/etc/a': '600 new',
      '/etc/new': '644 n',
    });
    tree.settle();
    expect(archiveMembers(tree, tree.changes(), { ...options, backupDir })).toEqual([]);
  });

  it('gives new files a label and leaves the label of old ones', async () => {
    const tree = testTree({ '/etc/a': { content: 'x', xattrs: { 'security.selinux': 'old_t' } } });
    tree.write('/etc/a', 'y');
    tree.write('/etc/b', 'y');
    const label = (path: string) => `label of ${path}`;
    const members = archiveMembers(tree, tree.changes(), { ...options, label });
    expect(members.map((member) => member.xattrs['security.selinux'])).toEqual(['old_t', 'label of /etc/b']);
  });
});

describe('applyChanges', () => {
  it('makes no call without edits', async () => {
    const session = fakeSession();
    expect(
      await applyChanges(createFakeHost(), session, testTree({ '/etc/a': 'x' }), { scratchDir: '/s', mountpoints: [] }),
    ).toBe(0);
    expect(session.asked).toEqual([]);
  });

  it('writes once, rewrites in place where it must, and removes with one call', async () => {
    const host = createFakeHost();
    await host.files.makeDir('/s');
    const session = fakeSession();
    const tree = testTree({
      '/boot/grub2/grubenv': '# GRUB Environment Block\n',
      '/boot/efi/EFI/debian/grub.cfg': 'a',
      '/etc/fstab': 'a',
      '/etc/old/x': 'a',
      '/etc/name with blank': 'a',
    });
    tree.write('/boot/grub2/grubenv', '# GRUB Environment Block\nx=1\n');
    tree.write('/boot/efi/EFI/debian/grub.cfg', 'b');
    tree.write('/etc/fstab', 'b');
    tree.remove('/etc/old');
    tree.remove('/etc/name with blank');
    const mountpoints = [{ path: '/boot/efi', device: '/dev/sda1', fsType: 'vfat', dirty: false }];
    expect(await applyChanges(host, session, tree, { scratchDir: '/s', mountpoints })).toBe(6);
    expect(session.asked).toEqual([
      'tar-in: /s/changes.tar /',
      'upload: /s/in-place /boot/efi/EFI/debian/grub.cfg',
      'upload: /s/in-place /boot/grub2/grubenv',
      'script: rm -f -- /sysroot/etc/old/x\nrmdir -- /sysroot/etc/old || true',
      'call: rm-f /etc/name with blank',
    ]);
    expect(tree.changes()).toEqual([]);
    expect(await host.files.list('/s')).toEqual([]);
  });
});
