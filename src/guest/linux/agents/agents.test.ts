import { describe, expect, it } from 'vitest';
import { withAppliance } from '../testing/appliance.js';
import { testContext } from '../testing/context.js';
import { dumpTree, testTree } from '../testing/tree.js';
import { detectAgents } from './detect.js';
import { isInertScript } from './maintainer-scripts.js';
import { isPackageName, removalCommand } from './packages.js';
import { agentsFixer } from './step.js';

const generated = `# Automatically added by dh_installsystemd/13.11.4
if [ -z "\${DPKG_ROOT:-}" ] && [ "$1" = remove ] && [ -d /run/systemd/system ] ; then
\tdeb-systemd-invoke stop 'vgauth.service' >/dev/null || true
fi
# End automatically added section
`;
const prerm = `#!/bin/bash

set -e

${generated}
if which systemd-detect-virt 1>/dev/null; then
    checktool='systemd-detect-virt'
else
    checktool='vmware-checkvm'
fi

if which \${checktool} 1>/dev/null && which vmware-rpctool 1>/dev/null; then
    if \${checktool} | grep -iq vmware; then
        vmware-rpctool 'tools.set.version 0' &> /dev/null || /bin/true
    fi
fi

exit 0
`;
const want = '/etc/systemd/system/multi-user.target.wants/open-vm-tools.service';
const files = { [want]: { link: '/lib/systemd/system/open-vm-tools.service' }, '/etc/vmware-tools/tools.conf': 'x' };
const agents = [{ kind: 'vmware' as const, form: 'package' as const, packages: ['open-vm-tools'] }];
const scripts = (text: string) => `\n=== drover script /var/lib/dpkg/info/open-vm-tools.prerm\n${text}`;

describe('isInertScript', () => {
  it('knows what open-vm-tools of Debian runs', () => {
    expect(isInertScript(prerm)).toBe(true);
    expect(isInertScript(`#!/bin/sh\nset -e\n${generated}`)).toBe(true);
  });

  it.each([
    ['a line of its own', prerm.replace('exit 0', 'rm -rf /srv\nexit 0')],
    ['a section of an unknown helper', `#!/bin/sh\n${generated.replace('dh_installsystemd', 'dh_dkms')}`],
    ['another interpreter', '#!/usr/bin/perl\nexit 0\n'],
    ['something behind a known line', prerm.replace('set -e', 'set -e; reboot')],
    ['a section that does not end', `#!/bin/sh\n${generated.replace('# End automatically added section', '')}`],
  ])('does not trust %s', (_what, script) => {
    expect(isInertScript(script)).toBe(false);
  });
});

describe('removing packages', () => {
  it('purges with dpkg, scripts of known content replaced before it runs', async () => {
    const ctx = withAppliance(testContext(files, { inspection: { agents } }), {
      script: () => scripts(prerm),
      gone: ['/etc/vmware-tools', '/var/lib/dpkg/info/open-vm-tools.prerm'],
    });
    const outcome = await agentsFixer.run(ctx);
    expect(outcome.notes).toEqual(['vmware: removed open-vm-tools']);
    expect(outcome.warnings).toEqual([]);
    const { asked } = ctx.appliance.session;
    expect(asked[1]).toBe(`flush: ${want} /var/lib/dpkg/info/open-vm-tools.prerm`);
    expect(asked[2]).toMatch(/^command: sh -c .* dpkg --purge --no-triggers -- open-vm-tools$/);
    expect(outcome.commands?.[0]).toMatchObject({
      argv: ['dpkg', '--purge', '--no-triggers', '--', 'open-vm-tools'],
      exitCode: 0,
    });
    expect(dumpTree(ctx.tree)).toEqual({});
    expect(ctx.state.ranGuestPrograms).toBe(true);
  });

  it('masks the services when others depend on the package', async () => {
    const ctx = withAppliance(testContext(files, { inspection: { agents } }), {
      script: () => scripts(prerm),
      command: () => ({ exitCode: 1, output: 'dependency problems' }),
    });
    const outcome = await agentsFixer.run(ctx);
    expect(outcome.warnings?.[0]).toMatch(/open-vm-tools stay: dpkg ended with 1/);
    expect(outcome.notes?.join()).toMatch(/disabled, not removed \(open-vm-tools.service\)/);
    expect(dumpTree(ctx.tree)['/etc/systemd/system/open-vm-tools.service']).toBe('-> /dev/null');
    expect(dumpTree(ctx.tree)['/etc/vmware-tools/tools.conf']).toBeDefined();
  });

  it('does not run unknown scripts in a slow appliance, but does in a fast one', async () => {
    const unknown = () => scripts('#!/bin/sh\ndkms remove x\n');
    const slow = withAppliance(testContext(files, { inspection: { agents } }), { script: unknown });
    expect((await agentsFixer.run(slow)).warnings?.[0]).toMatch(/would take minutes without KVM/);
    expect(slow.appliance.session.asked.some((each) => each.startsWith('command'))).toBe(false);
    const fast = withAppliance(testContext(files, { inspection: { agents } }), { script: unknown, launchMs: 2500 });
    expect((await agentsFixer.run(fast)).notes).toContain('vmware: removed open-vm-tools');
  });

  it('masks where programs of the guest cannot run', async () => {
    const ctx = withAppliance(testContext(files, { inspection: { agents } }), {
      script: () => scripts(prerm),
      command: () => ({ exitCode: 127, available: false }),
    });
    expect((await agentsFixer.run(ctx)).warnings?.[0]).toMatch(/cannot run here/);
  });

  it('never puts a strange name on a command line and never forces', async () => {
    const strange = [{ ...agents[0]!, packages: ['open-vm-tools', '--force-all'] }];
    const ctx = withAppliance(testContext(files, { inspection: { agents: strange } }));
    expect((await agentsFixer.run(ctx)).warnings?.[0]).toMatch(/a name that is none/);
    expect(['a', 'lib+x.1-2', 'A_b'].every(isPackageName)).toBe(true);
    expect(['-a', '', 'a b', 'a;b', '--purge'].some(isPackageName)).toBe(false);
    for (const format of ['deb', 'rpm', 'pacman', 'apk'] as const) {
      expect(removalCommand(format, ['x'])?.join(' ')).not.toMatch(/force|nodeps/);
    }
  });
});

it('finds agents by package, tarball and leftovers, and knows what is none', () => {
  const packages = [
    'open-vm-tools',
    'open-vm-tools-desktop',
    'libopen-vm',
    'xorg-x11-drv-vmware',
    'qemu-guest-agent',
    'linux-firmware',
  ];
  expect(
    detectAgents(
      testTree({}),
      packages.map((name) => ({ name })),
    ),
  ).toEqual([
    { kind: 'vmware', form: 'package', packages: ['open-vm-tools', 'open-vm-tools-desktop'] },
    { kind: 'qemu', form: 'package', packages: ['qemu-guest-agent'] },
  ]);
  expect(detectAgents(testTree({ '/usr/bin/vmware-uninstall-tools.pl': '' }), [])).toEqual([
    { kind: 'vmware', form: 'tarball', packages: [] },
  ]);
  expect(detectAgents(testTree({ '/etc/vmware-tools/x': '' }), [])).toEqual([
    { kind: 'vmware', form: 'leftover', packages: [] },
  ]);
});
