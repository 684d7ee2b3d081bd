import { describe, expect, it } from 'vitest';
import { withAppliance } from '../testing/appliance.js';
import { testContext } from '../testing/context.js';
import { testTree } from '../testing/tree.js';
import { readLabeler } from './file-contexts.js';
import { selinuxFixer } from './step.js';
import { findUnlabelled } from './unlabelled.js';

const base = '/etc/selinux/targeted/contexts/files/file_contexts';
const contexts = {
  '/etc/selinux/config': 'SELINUX=enforcing\nSELINUXTYPE=targeted\n',
  [base]: [
    '# comment',
    '/.*\tsystem_u:object_r:default_t:s0',
    '/etc(/.*)?\tsystem_u:object_r:etc_t:s0',
    '/etc/systemd/network(/.*)?\tsystem_u:object_r:net_conf_t:s0',
    '/etc/fstab\\.tmp\t--\tsystem_u:object_r:etc_runtime_t:s0',
    '/etc/.*\\.conf\t-d\tsystem_u:object_r:wrong_t:s0',
    '/var/lib/drover\t<<none>>',
    '/usr/lib/systemd/system(/.*)?\tsystem_u:object_r:systemd_unit_file_t:s0',
    '/broken[\tsystem_u:object_r:x_t:s0',
  ].join('\n'),
  [`${base}.subs_dist`]: '/etc/systemd/system /usr/lib/systemd/system\n',
  [`${base}.local`]: '/etc/local\\.d(/.*)?\tsystem_u:object_r:local_t:s0\n',
};

describe('readLabeler', () => {
  const label = readLabeler(testTree(contexts));
  it.each([
    ['/etc/x', 'file', 'etc_t'],
    ['/etc/systemd/network/10-drover-ens192.link', 'file', 'net_conf_t'],
    ['/etc/fstab.tmp', 'file', 'etc_runtime_t'],
    ['/etc/fstab.tmp', 'directory', 'etc_t'],
    ['/etc/fstabxtmp', 'file', 'etc_t'],
    ['/etc/a.conf', 'file', 'etc_t'],
    ['/etc/systemd/system/x.service', 'symlink', 'systemd_unit_file_t'],
    ['/etc/local.d/x', 'file', 'local_t'],
    ['/.autorelabel', 'file', 'default_t'],
  ] as const)('%s as %s', (path, kind, expected) => {
    expect(label?.(path, kind)).toBe(`system_u:object_r:${expected}:s0`);
  });

  it('gives none where the guest says none, and is absent without rules', () => {
    expect(label?.('/var/lib/drover', 'directory')).toBeUndefined();
    expect(readLabeler(testTree({}))).toBeUndefined();
  });
});

describe('step selinux', () => {
  const enforcing = { inspection: { selinux: 'enforcing' as const } };

  it('asks for no relabel when every new file got its label', async () => {
    const ctx = testContext(contexts, enforcing);
    ctx.tree.write('/etc/new', 'x');
    expect((await selinuxFixer.run(ctx)).notes?.[0]).toMatch(/have their labels/);
    expect(ctx.state.selinuxRelabelPending).toBe(false);
    expect(ctx.tree.lstat('/.autorelabel')).toBeUndefined();
  });

  it('labels what programs of the guest left without one', async () => {
    const listing =
      '-rw-r--r--. 1 root root 5  "etc/old"\n-rw-r--r-- 1 root root 5  "boot/new.img"\ndrwxr-xr-x 2 root root 5  "etc/dir"\n-rw-r--r-- 1 root root 5  "etc/odd\\nname"\n';
    const ctx = withAppliance(testContext(contexts, enforcing), { script: () => listing });
    ctx.state.writtenPaths.push('/etc/x');
    ctx.state.ranGuestPrograms = true;
    await selinuxFixer.run(ctx);
    expect(await findUnlabelled(ctx.appliance.session)).toEqual([
      { path: '/boot/new.img', kind: 'file' },
      { path: '/etc/dir', kind: 'directory' },
    ]);
    expect(ctx.appliance.session.asked).toContain(
      'call: lsetxattr security.selinux system_u:object_r:etc_t:s0 26 /etc/dir',
    );
    expect(ctx.state.selinuxRelabelPending).toBe(false);
  });

  it('falls back to a full relabel, once, and says so', async () => {
    const ctx = testContext({ '/etc/x': 'x' }, enforcing);
    ctx.tree.write('/etc/x', 'y');
    expect((await selinuxFixer.run(ctx)).notes?.[0]).toMatch(/first boot relabels/);
    expect(ctx.state.selinuxRelabelPending).toBe(true);
    expect(ctx.tree.text('/.autorelabel')).toBe('');
  });

  it('does nothing when nothing was written, or SELinux is off', async () => {
    expect((await selinuxFixer.run(testContext(contexts, enforcing))).notes?.[0]).toMatch(/nothing was written/);
    expect((await selinuxFixer.run(testContext(contexts))).status).toBe('skipped');
  });
});
