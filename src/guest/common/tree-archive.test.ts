import { expect, test } from 'vitest';
import { paxRecords, tarMember } from '../../../test/support/tar-maker.js';
import { parseListing, readArchiveBytes } from './tree-archive.js';

const END = Buffer.alloc(1024);

test('reads files, links, attributes and hard links', async () => {
  const entries = await readArchiveBytes(
    Buffer.concat([
      tarMember({ name: './', flag: '5', mode: 0o755 }),
      tarMember({
        name: 'pax',
        flag: 'x',
        data: paxRecords({
          'RHT.security.selinux': 'system_u:object_r:etc_t:s0',
          'SCHILY.xattr.user.note': 'v',
          'SCHILY.acl.access': 'user::rw-',
          'SCHILY.xattr.system.posix_acl_access': 'binary',
        }),
      }),
      tarMember({ name: './fstab', data: 'UUID=1 / ext4', mode: 0o600 }),
      tarMember({ name: './mtab', flag: '2', linkName: '../proc/self/mounts' }),
      tarMember({ name: './twin', flag: '1', linkName: './fstab' }),
      END,
    ]),
    { root: '/etc' },
  );
  expect(entries.map(({ node, content }) => [node.path, node.kind, node.mode, content?.toString()])).toEqual([
    ['/etc', 'directory', 0o755, undefined],
    ['/etc/fstab', 'file', 0o600, 'UUID=1 / ext4'],
    ['/etc/mtab', 'symlink', 0o644, undefined],
    ['/etc/twin', 'file', 0o644, 'UUID=1 / ext4'],
  ]);
  expect(entries[1]?.node.xattrs).toEqual({
    'security.selinux': 'system_u:object_r:etc_t:s0',
    'user.note': 'v',
    'acl.access': 'user::rw-',
  });
  expect(entries[2]?.node.linkTarget).toBe('../proc/self/mounts');
});

test('names that lead out and contents over the cap are left out', async () => {
  const entries = await readArchiveBytes(
    Buffer.concat([
      tarMember({ name: '../../evil', data: 'x' }),
      tarMember({ name: './a/../../b', data: 'x' }),
      tarMember({ name: './big', data: 'y'.repeat(100) }),
      END,
    ]),
    { root: '/etc', capBytes: 50 },
  );
  expect(entries.map(({ node, content }) => [node.path, node.sizeBytes, content])).toEqual([
    ['/etc/big', 100, undefined],
  ]);
});

test('a damaged archive is an error of the appliance, with its folder', async () => {
  const broken = tarMember({ name: './a', data: 'x', badChecksum: true });
  await expect(readArchiveBytes(broken, { root: '/etc' })).rejects.toMatchObject({
    code: 'guest.call',
    message: expect.stringContaining('/etc') as string,
  });
});

test('a listing keeps names with blanks and line ends, and their links', () => {
  const record = (head: string, path: string, link = ''): string => `${head} ${path}\0${link}\0`;
  const listing = [
    record('f 644 0 0 1700000000.0000000000 8222656', './boot/vmlinuz-6.1'),
    record('f 600 1 2 5.5 3', './boot/a b\nc'),
    record('l 777 0 0 5.5 7', './lib', 'usr/lib'),
    record('d 755 0 0 5.5 4096', './boot'),
    record('c 600 0 0 5.5 0', './dev/x'),
    record('f 644 0 0 5.5 1', 'outside'),
    'f 644 0 0 5.5 1 ./cut',
  ].join('');
  expect(
    parseListing(Buffer.from(listing), '.').map(({ node }) => [node.path, node.kind, node.sizeBytes, node.linkTarget]),
  ).toEqual([
    ['/boot/vmlinuz-6.1', 'file', 8222656, undefined],
    ['/boot/a b\nc', 'file', 3, undefined],
    ['/lib', 'symlink', 7, 'usr/lib'],
    ['/boot', 'directory', 4096, undefined],
    ['/dev/x', 'other', 0, undefined],
  ]);
});
