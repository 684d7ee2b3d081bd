/** Fixtures about networks: all backends, rules, links. */
import type { NicPlan } from '../../../model/fix.js';
import type { FixCase } from './cases.js';
import { mac, oneNic } from './context.js';

const mac2 = '00:50:56:3a:5b:7d';

const twoNics: readonly NicPlan[] = [
  { index: 0, mac, model: 'virtio', network: 'a', ifname: 'ens192', nameSource: 'profile-mac', naming: 'pin' },
  { index: 1, mac: mac2, model: 'virtio', network: 'b', ifname: 'ens224', nameSource: 'profile-mac', naming: 'pin' },
];

const pinned: readonly NicPlan[] = [{ ...oneNic[0]!, naming: 'none', nameSource: 'pin' }];

function link(name: string, address: string): Record<string, string> {
  return {
    [`/etc/systemd/network/10-drover-${name}.link`]: `# Managed by Drover\n[Match]\nPermanentMACAddress=${address}\n\n[Link]\nName=${name}\n`,
  };
}

const interfaces = '# loopback\nauto lo\niface lo inet loopback\n\nallow-hotplug ens192\niface ens192 inet dhcp\n';

function rule(address: string, name: string, more = ''): string {
  return `SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="${address}",${more} ATTR{type}=="1", NAME="${name}"\n`;
}

export const networkCases: readonly FixCase[] = [
  {
    name: 'network: ifupdown by name gets a .link file',
    given: { '/etc/network/interfaces': interfaces },
    facts: { nics: oneNic },
    expected: link('ens192', mac),
    notes: [/ens192 is pinned to/],
  },
  {
    name: 'network: before systemd 245 the link matches the current address of ethernet devices',
    given: { '/etc/network/interfaces': interfaces },
    facts: { nics: oneNic, inspection: { systemdVersion: 241 } },
    expected: {
      '/etc/systemd/network/10-drover-ens192.link': `# Managed by Drover\n[Match]\nMACAddress=${mac}\nType=ether\n\n[Link]\nName=ens192\n`,
    },
  },
  {
    name: 'network: without systemd a udev rule is added',
    given: {
      '/etc/sysconfig/network-scripts/ifcfg-eth0': `DEVICE=eth0\nHWADDR=${mac.toUpperCase()}\nBOOTPROTO=dhcp\nONBOOT=yes\n`,
      '/etc/udev/rules.d/70-persistent-net.rules': '# rules\n',
    },
    facts: {
      nics: [{ ...oneNic[0]!, ifname: 'eth0' }],
      inspection: { init: 'upstart', systemdVersion: undefined } as never,
    },
    expected: {
      '/etc/udev/rules.d/70-persistent-net.rules': `# rules\nSUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="${mac}", NAME="eth0"\n`,
    },
  },
  {
    name: 'network: a rule that pins the name to the address stays; nothing is added',
    given: {
      '/etc/network/interfaces': interfaces,
      '/etc/udev/rules.d/70-persistent-net.rules': `# PCI device 0x15ad:0x07b0 (vmxnet3)\n${rule(mac, 'ens192', ' ATTR{dev_id}=="0x0",')}`,
    },
    facts: { nics: pinned },
    expected: {},
  },
  {
    name: 'network: a link that contradicts the rule is reported',
    given: {
      '/etc/network/interfaces': interfaces,
      '/etc/udev/rules.d/70-persistent-net.rules': rule(mac, 'ens192'),
      '/etc/systemd/network/20-lan.link': `[Match]\nMACAddress=${mac}\n[Link]\nName=lan0\n`,
    },
    facts: { nics: pinned },
    expected: {},
    warnings: [/20-lan\.link calls the adapter .* lan0/],
  },
  {
    name: 'network: conditions on slot and driver leave a rule, its address stays',
    given: {
      '/etc/network/interfaces': interfaces,
      '/etc/udev/rules.d/70-persistent-net.rules': `SUBSYSTEM=="net", ACTION=="add", KERNELS=="0000:0b:00.0", DRIVERS=="vmxnet3", ATTR{address}=="${mac}", \\\n  NAME="ens192"\n`,
      '/etc/udev/rules.d/70-persistent-cd.rules': 'x\n',
      '/etc/udev/rules.d/60-disk.rules': 'SUBSYSTEM=="block", KERNELS=="0000:03:00.0", NAME="x"\n',
    },
    facts: { nics: pinned },
    expected: {
      '/etc/udev/rules.d/70-persistent-net.rules': `SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="${mac}", \\\n  NAME="ens192"\n`,
      '/etc/udev/rules.d/70-persistent-cd.rules': undefined,
    },
  },
  {
    name: 'network: a rule by slot alone becomes one by address; rules of adapters that are gone are commented out',
    given: {
      '/etc/network/interfaces': interfaces,
      '/etc/udev/rules.d/70-net.rules': `ACTION=="add", SUBSYSTEM=="net", KERNELS=="0000:0b:00.0", NAME="ens192"\n${rule('00:0c:29:aa:bb:cc', 'ens192')}`,
    },
    facts: { nics: pinned },
    expected: {
      '/etc/udev/rules.d/70-net.rules': `ACTION=="add", SUBSYSTEM=="net", ATTR{address}=="${mac}", NAME="ens192"\n# drover: ${rule('00:0c:29:aa:bb:cc', 'ens192')}`,
    },
  },
  {
    name: 'network: keyfiles lose slot and driver, get a name, and are private',
    given: {
      '/etc/NetworkManager/system-connections/Wired connection 1.nmconnection': {
        content:
          '[connection]\nid=Wired connection 1\ntype=ethernet\n\n[ethernet]\n\n[match]\ndriver=vmxnet3;\npath=pci-0000:0b:00.0;\n\n[ipv4]\nmethod=auto\n',
        mode: 0o644,
      },
      '/etc/NetworkManager/system-connections/other': { content: '[connection]\ntype=vpn\n', mode: 0o600 },
    },
    facts: { nics: oneNic },
    expected: {
      '/etc/NetworkManager/system-connections/Wired connection 1.nmconnection':
        '[connection]\nid=Wired connection 1\ntype=ethernet\ninterface-name=ens192\n\n[ethernet]\n\n[match]\n\n[ipv4]\nmethod=auto\n',
      ...link('ens192', mac),
    },
  },
  {
    name: 'network: a keyfile with name or address needs no change',
    given: {
      '/etc/NetworkManager/system-connections/a.nmconnection': {
        content: `[connection]\ntype=ethernet\ninterface-name=ens192\n[ethernet]\nmac-address=${mac.toUpperCase()}\ncloned-mac-address=02:00:00:00:00:01\n[ipv4]\nmethod=manual\naddress1=10.0.0.5/24,10.0.0.1\n`,
        mode: 0o600,
      },
    },
    facts: { nics: pinned },
    expected: {},
  },
  {
    name: 'network: netplan drops the driver where something else matches, and names the new one where nothing does',
    given: {
      '/etc/netplan/01-net.yaml': `# site network\nnetwork:\n  version: 2\n  ethernets:\n    lan:   # main\n      match: {macaddress: "${mac}", driver: vmxnet3}\n      set-name: ens192\n      dhcp4: true\n    all:\n      match:\n        driver: "vmxnet3"  # whatever comes\n      dhcp4: true\n`,
    },
    facts: { nics: pinned },
    expected: {
      '/etc/netplan/01-net.yaml': `# site network\nnetwork:\n  version: 2\n  ethernets:\n    lan:   # main\n      match: {macaddress: "${mac}"}\n      set-name: ens192\n      dhcp4: true\n    all:\n      match:\n        driver: "virtio_net"  # whatever comes\n      dhcp4: true\n`,
    },
  },
  {
    name: 'network: netplan by name only needs the link; a broken file is reported',
    given: {
      '/etc/netplan/50-cloud-init.yaml': 'network:\n  version: 2\n  ethernets:\n    ens192:\n      dhcp4: true\n',
      '/etc/netplan/60-broken.yaml': 'network: [\n',
    },
    facts: { nics: oneNic, inspection: { cloudInit: { installed: true, disabled: false } } },
    expected: link('ens192', mac),
    warnings: [/60-broken\.yaml cannot be understood/],
    notes: [/50-cloud-init\.yaml belongs to cloud-init/],
  },
  {
    name: 'network: cloud-init is kept from writing the configuration again',
    given: { '/etc/network/interfaces': interfaces },
    facts: {
      nics: pinned,
      network: { freezeCloudInit: true },
      inspection: { cloudInit: { installed: true, disabled: false } },
    },
    expected: { '/etc/cloud/cloud.cfg.d/99-drover-network.cfg': '# Managed by Drover\nnetwork: {config: disabled}\n' },
  },
  {
    name: 'network: networkd drops hardware where a name remains, and matches by address where none does',
    given: {
      '/etc/systemd/network/10-a.network':
        '[Match]\nName=ens192\nDriver=vmxnet3\nPath=pci-0000:0b:00.0\n\n[Network]\nDHCP=no\nAddress=10.0.0.5/24\n',
      '/etc/systemd/network/20-b.network': '[Match]\n# the VMware one\nPath=pci-*\n\n[Network]\nDHCP=yes\n',
      '/etc/systemd/network/30-c.network': '[Match]\nVirtualization=vmware\nName=ens192\n\n[Network]\nDHCP=yes\n',
      '/etc/systemd/network/70-d.network': '[Match]\nName=e*\n\n[Network]\nDHCP=ipv4\n',
    },
    facts: { nics: oneNic },
    expected: {
      '/etc/systemd/network/10-a.network': '[Match]\nName=ens192\n\n[Network]\nDHCP=no\nAddress=10.0.0.5/24\n',
      '/etc/systemd/network/20-b.network': `[Match]\n# the VMware one\nPermanentMACAddress=${mac}\n\n[Network]\nDHCP=yes\n`,
      '/etc/systemd/network/30-c.network': '[Match]\nName=ens192\n\n[Network]\nDHCP=yes\n',
      ...link('ens192', mac),
    },
  },
  {
    name: 'network: an emptied match is never written; without a known adapter the file stays',
    given: { '/etc/systemd/network/10-a.network': '[Match]\nDriver=vmxnet3\n[Network]\nDHCP=yes\n' },
    facts: { nics: twoNics, network: { naming: 'off' } },
    expected: {},
    warnings: [/which adapter it is for is not known/, /adapter 0: no profile/, /adapter 1: no profile/],
  },
  {
    name: 'network: a .link by slot becomes one by the address of the adapter it names',
    given: {
      '/etc/systemd/network/10-lan.link': '[Match]\nPath=pci-0000:13:00.0\n[Link]\nName=ens224\n',
      '/etc/systemd/network/50-dhcp.network': '[Match]\nName=ens*\n[Network]\nDHCP=yes\n',
    },
    facts: { nics: twoNics },
    expected: {
      '/etc/systemd/network/10-lan.link': `[Match]\nPermanentMACAddress=${mac2}\n[Link]\nName=ens224\n`,
      ...link('ens192', mac),
    },
  },
  {
    name: 'network: ifcfg of RHEL with static addresses, bond and VLAN stays as it is',
    given: {
      '/etc/sysconfig/network-scripts/ifcfg-ens192': `TYPE=Ethernet\nNAME="ens192"\nHWADDR="${mac}"\nONBOOT=yes\nMASTER=bond0\nSLAVE=yes\n`,
      '/etc/sysconfig/network-scripts/ifcfg-bond0':
        'DEVICE=bond0\nTYPE=Bond\nBONDING_OPTS="mode=1"\nIPADDR=10.0.0.5\nPREFIX=24\nBOOTPROTO=none\n',
      '/etc/sysconfig/network-scripts/ifcfg-bond0.7': 'DEVICE=bond0.7\nVLAN=yes\nBOOTPROTO=dhcp\n',
      '/etc/sysconfig/network-scripts/ifcfg-ens192.bak': 'HWADDR=x\n',
    },
    facts: { nics: oneNic },
    expected: link('ens192', mac),
  },
  {
    name: 'network: wicked by file name',
    given: { '/etc/sysconfig/network/ifcfg-eth0': "BOOTPROTO='dhcp'\nSTARTMODE='auto'\nLLADDR='02:00:00:00:00:01'\n" },
    facts: { nics: [{ ...oneNic[0]!, ifname: 'eth0' }] },
    expected: link('eth0', mac),
  },
  {
    name: 'network: names that are no names are not written',
    given: { '/etc/network/interfaces': interfaces },
    facts: { nics: [{ ...oneNic[0]!, ifname: '../../x' }] },
    expected: {},
    warnings: [/no profile binds/],
  },
  {
    name: 'network: two adapters never get one name; a name by order is marked as a guess',
    given: { '/etc/network/interfaces': interfaces },
    facts: {
      nics: [
        { ...twoNics[0]!, nameSource: 'order' },
        { ...twoNics[1]!, ifname: 'ens192' },
      ],
    },
    expected: link('ens192', mac),
    warnings: [/concluded from the order/, /ens192 is the name of another adapter/],
  },
  {
    name: 'network: strip takes addresses out of every backend and names the only adapter by its driver',
    given: {
      '/etc/network/interfaces': 'auto ens192\niface ens192 inet dhcp\n    hwaddress ether 02:00:00:00:00:01\n',
      '/etc/sysconfig/network-scripts/ifcfg-lan': `HWADDR=${mac}\nBOOTPROTO=dhcp\n`,
      '/etc/sysconfig/network/ifcfg-eth7': 'LLADDR=02:00:00:00:00:01\nBOOTPROTO=dhcp\n',
      '/etc/NetworkManager/system-connections/a': `[connection]\ntype=ethernet\n[ethernet]\nmac-address=${mac}\n[ipv4]\nmethod=auto\n`,
      '/etc/netplan/a.yaml': `network:\n  ethernets:\n    lan:\n      match:\n        macaddress: "${mac}"\n      set-name: ens192\n`,
      '/etc/udev/rules.d/70-persistent-net.rules': rule(mac, 'ens192'),
      '/etc/systemd/network/10-x.link': `[Match]\nMACAddress=${mac}\n[Link]\nName=ens192\n`,
      '/etc/systemd/network/20-x.network': `[Match]\nMACAddress=${mac}\n[Network]\nDHCP=yes\n`,
    },
    facts: { nics: pinned, network: { mac: 'strip' } },
    expected: {
      '/etc/network/interfaces': 'auto ens192\niface ens192 inet dhcp\n',
      '/etc/sysconfig/network-scripts/ifcfg-lan': 'DEVICE=ens192\nBOOTPROTO=dhcp\n',
      '/etc/sysconfig/network/ifcfg-eth7': 'BOOTPROTO=dhcp\n',
      '/etc/NetworkManager/system-connections/a':
        '[connection]\ntype=ethernet\ninterface-name=ens192\n[ethernet]\n[ipv4]\nmethod=auto\n',
      '/etc/netplan/a.yaml':
        'network:\n  ethernets:\n    lan:\n      match:\n        name: "en*"\n      set-name: ens192\n',
      '/etc/udev/rules.d/70-persistent-net.rules': `# drover: ${rule(mac, 'ens192')}`,
      '/etc/systemd/network/10-x.link': undefined,
      '/etc/systemd/network/20-x.network': '[Match]\nName=ens192\n[Network]\nDHCP=yes\n',
      '/etc/systemd/network/10-drover-ens192.link':
        '# Managed by Drover\n[Match]\nDriver=virtio_net\n\n[Link]\nName=ens192\n',
    },
  },
  {
    name: 'network: strip is refused where adapters could not be told apart',
    given: {
      '/etc/sysconfig/network-scripts/ifcfg-ens192': `DEVICE=ens192\nHWADDR=${mac}\nBOOTPROTO=dhcp\n`,
      '/etc/sysconfig/network-scripts/ifcfg-ens224': `DEVICE=ens224\nHWADDR=${mac2}\nBOOTPROTO=dhcp\n`,
    },
    facts: { nics: twoNics, network: { mac: 'strip' } },
    expected: { ...link('ens192', mac), ...link('ens224', mac2) },
    warnings: [/strip needs a machine with one adapter/],
  },
];

export const agentCases: readonly FixCase[] = [
  {
    name: 'agents: start links of installed agents go; what would be run is said',
    given: {
      '/etc/systemd/system/multi-user.target.wants/open-vm-tools.service': {
        link: '/lib/systemd/system/open-vm-tools.service',
      },
      '/etc/systemd/system/open-vm-tools.service.requires/vgauth.service': {
        link: '/lib/systemd/system/vgauth.service',
      },
      '/etc/systemd/system/vmtoolsd.service': { link: '/lib/systemd/system/open-vm-tools.service' },
      '/etc/systemd/system/multi-user.target.wants/cron.service': { link: '/lib/systemd/system/cron.service' },
      '/etc/rc2.d/S01open-vm-tools': { link: '../init.d/open-vm-tools' },
      '/etc/rc2.d/S01cron': { link: '../init.d/cron' },
    },
    facts: { inspection: { agents: [{ kind: 'vmware', form: 'package', packages: ['open-vm-tools'] }] } },
    expected: {
      '/etc/systemd/system/multi-user.target.wants/open-vm-tools.service': undefined,
      '/etc/systemd/system/open-vm-tools.service.requires/vgauth.service': undefined,
      '/etc/systemd/system/vmtoolsd.service': undefined,
      '/etc/rc2.d/S01open-vm-tools': undefined,
    },
    notes: [/would run dpkg --purge --no-triggers -- open-vm-tools/],
  },
  {
    name: 'agents: leftovers that no package owns',
    given: {
      '/etc/vmware-tools/tools.conf': '[logging]\n',
      '/etc/modprobe.d/vmware-fuse.conf': 'x\n',
      '/etc/udev/rules.d/99-vmware-scsi-udev.rules': '# timeouts\nACTION=="add", ATTR{timeout}="180"\n',
      '/etc/yum.repos.d/vmware.repo':
        '[tools]\nname=t\nbaseurl=https://packages.vmware.com/tools/esx\nenabled=1\n[mine]\nbaseurl=https://vmware.com.example.org/\nenabled=1\n',
      '/etc/rc.local': '#!/bin/sh\n/usr/bin/vmtoolsd &\nexit 0\n',
    },
    facts: { inspection: { agents: [{ kind: 'vmware', form: 'leftover', packages: [] }] } },
    expected: {
      '/etc/vmware-tools/tools.conf': undefined,
      '/etc/modprobe.d/vmware-fuse.conf': undefined,
      '/etc/udev/rules.d/99-vmware-scsi-udev.rules': '# timeouts\n# drover: ACTION=="add", ATTR{timeout}="180"\n',
      '/etc/yum.repos.d/vmware.repo':
        '[tools]\nname=t\nbaseurl=https://packages.vmware.com/tools/esx\nenabled=0\n[mine]\nbaseurl=https://vmware.com.example.org/\nenabled=1\n',
      '/etc/rc.local': '#!/bin/sh\n# drover: /usr/bin/vmtoolsd &\nexit 0\n',
    },
  },
  {
    name: 'agents: keep leaves everything',
    given: { '/etc/vmware-tools/tools.conf': 'x' },
    facts: { fix: { agents: 'keep' }, inspection: { agents: [{ kind: 'vmware', form: 'leftover', packages: [] }] } },
    expected: {},
  },
  {
    name: 'agents: the agent of the new hypervisor stays',
    given: { '/etc/systemd/system/multi-user.target.wants/qemu-guest-agent.service': { link: '/lib/x' } },
    facts: { inspection: { agents: [{ kind: 'qemu', form: 'package', packages: ['qemu-guest-agent'] }] } },
    expected: {},
  },
];
