/** Software that a hypervisor or cloud put into its guests: packages, units and files by which it is known. */
import type { AgentFacts } from '../../../model/inspection.js';

export interface AgentKnowledge {
  readonly kind: AgentFacts['kind'];
  /** Names of packages that belong to the agent and to nothing else. */
  readonly packages: RegExp;
  /** Units to mask when the packages cannot go. */
  readonly units: readonly string[];
  /** Names of SysV scripts. */
  readonly sysv: readonly string[];
  /** A file that only an installation outside the package manager leaves. */
  readonly tarball?: string;
  /** Files that may remain, owned by no package. */
  readonly leftovers: readonly string[];
}

/** Agents in the order in which they are handled. The QEMU agent is known so that it is never removed. */
export const agentCatalogue: readonly AgentKnowledge[] = [
  {
    kind: 'virtualbox',
    packages:
      /^(virtualbox-guest-(utils|utils-hwe|dkms|dkms-hwe|x11|x11-hwe|additions|tools|kmp-.*)|VBoxGuestAdditions)$/,
    units: ['vboxadd.service', 'vboxadd-service.service', 'vboxservice.service', 'virtualbox-guest-utils.service'],
    sysv: ['vboxadd', 'vboxadd-service', 'virtualbox-guest-utils'],
    tarball: '/var/lib/VBoxGuestAdditions/config',
    leftovers: [],
  },
  {
    kind: 'vmware',
    packages:
      /^(open-vm-tools(-(desktop|sdmp|salt-minion|containerinfo|gui|test))?|vmware-open-vm-tools.*|open-vm-dkms|open-vm-source|vmware-tools-.*|VMwareTools|kmod-vmware-tools.*|vmware-kmp-.*)$/,
    units: [
      'vmtoolsd.service',
      'open-vm-tools.service',
      'vgauthd.service',
      'vgauth.service',
      'vmware-tools.service',
      'vmware-tools-thinprint.service',
      'run-vmblock\\x2dfuse.mount',
    ],
    sysv: ['vmware-tools', 'vmware-tools-thinprint', 'open-vm-tools', 'vmtoolsd'],
    tarball: '/usr/bin/vmware-uninstall-tools.pl',
    leftovers: ['/etc/vmware-tools'],
  },
  {
    kind: 'hyper-v',
    packages:
      /^(hyperv-(daemons|tools|daemons-license)|hyper-v|hypervkvpd|hypervvssd|hypervfcopyd|linux-cloud-tools-.*)$/,
    units: [
      'hypervkvpd.service',
      'hypervvssd.service',
      'hypervfcopyd.service',
      'hv-kvp-daemon.service',
      'hv-vss-daemon.service',
      'hv-fcopy-daemon.service',
      'hv_kvp_daemon.service',
      'hv_vss_daemon.service',
      'hv_fcopy_daemon.service',
    ],
    sysv: ['hypervkvpd', 'hypervvssd', 'hypervfcopyd'],
    leftovers: [],
  },
  {
    kind: 'azure',
    packages: /^(WALinuxAgent(-.*)?|walinuxagent|python3?-azure-agent(-.*)?|azure-vm-utils)$/,
    units: ['walinuxagent.service', 'waagent.service', 'walinuxagent-network-setup.service'],
    sysv: ['walinuxagent', 'waagent'],
    leftovers: [],
  },
  {
    kind: 'xen',
    packages: /^xe-guest-utilities.*$/,
    units: ['xe-linux-distribution.service', 'xe-daemon.service'],
    sysv: ['xe-linux-distribution', 'xe-daemon'],
    leftovers: [],
  },
  {
    kind: 'parallels',
    packages: /^(parallels-tools|prl-tools.*)$/,
    units: ['prltoolsd.service', 'prl-x11.service'],
    sysv: ['prltoolsd'],
    tarball: '/usr/lib/parallels-tools/install',
    leftovers: [],
  },
  { kind: 'qemu', packages: /^qemu-(guest-agent|ga)$/, units: [], sysv: [], leftovers: [] },
];
