import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetworkProfile } from '../../../model/inspection.js';
import { mac } from '../testing/context.js';
import { testTree } from '../testing/tree.js';
import type { TestFile } from '../testing/tree.js';
import { canonicalAddress } from './addresses.js';
import { expectNics } from './expect.js';
import { readNetworkFacts } from './facts.js';
import { isInterfaceName, normalizeMac } from './mac.js';
import { parseUdevRules } from './udev-rules.js';

function check(files: Record<string, TestFile>, expected: readonly Partial<NetworkProfile>[]): void {
  const { profiles } = readNetworkFacts(testTree(files));
  expect(profiles).toHaveLength(expected.length);
  for (const [index, profile] of expected.entries()) expect(profiles[index]).toMatchObject(profile);
}

describe('reading profiles', () => {
  it('of ifupdown: sourced files, families, bonds, and what is not started', () => {
    check(
      {
        '/etc/network/interfaces':
          'source interfaces.d/*\nauto lo\niface lo inet loopback\nauto eth0\niface eth0 inet static\n address 10.0.0.5\n netmask 255.255.255.0\niface eth0 inet6 static\n address fd00::5/64\niface eth9 inet dhcp\n',
        '/etc/network/interfaces.d/bond': 'auto bond0\niface bond0 inet dhcp\n bond-slaves eth1 eth2\n',
        '/etc/network/interfaces.d/.hidden': 'iface eth7 inet dhcp\n',
      },
      [
        { name: 'eth0', method: 'static', addresses: ['10.0.0.5/24', 'fd00::5/64'], kind: 'ethernet' },
        { name: 'eth9', method: 'disabled' },
        { name: 'bond0', method: 'dhcp', kind: 'bond' },
        { name: 'eth1', method: 'manual', kind: 'ethernet' },
        { name: 'eth2', method: 'manual', kind: 'ethernet' },
      ],
    );
  });

  it('of ifupdown: adapters that only a bridge or a VLAN speaks of', () => {
    check(
      {
        '/etc/network/interfaces':
          'auto br0 ens192.7\niface br0 inet static\n address 10.0.0.5/24\n bridge_ports ens192 tap0 none\niface ens192.7 inet dhcp\nauto v8\niface v8 inet dhcp\n vlan-raw-device ens224\n',
      },
      [
        { name: 'br0', kind: 'bridge' },
        { name: 'ens192.7', kind: 'vlan' },
        { name: 'v8', kind: 'vlan' },
        { name: 'ens192', method: 'manual', kind: 'ethernet' },
        { name: 'ens224', method: 'manual', kind: 'ethernet' },
      ],
    );
  });

  it('of ifcfg: names, addresses, prefixes, and copies that do not count', () => {
    check(
      {
        '/etc/sysconfig/network-scripts/ifcfg-ens192': `HWADDR=${mac.toUpperCase()}\nBOOTPROTO=none\nIPADDR0=10.0.0.5\nPREFIX0=24\nIPADDR1=10.0.1.5\nNETMASK1=255.255.0.0\n`,
        '/etc/sysconfig/network-scripts/ifcfg-eth1': 'BOOTPROTO="dhcp"\nONBOOT=no\n',
        '/etc/sysconfig/network-scripts/ifcfg-eth1.rpmsave': 'BOOTPROTO=dhcp\n',
        '/etc/sysconfig/network-scripts/ifcfg-lo': 'DEVICE=lo\n',
      },
      [
        { macs: [mac], method: 'static', addresses: ['10.0.0.5/24', '10.0.1.5/16'] },
        { name: 'eth1', method: 'disabled' },
      ],
    );
  });

  it('of NetworkManager: names with blanks, old address forms, hardware', () => {
    check(
      {
        '/etc/NetworkManager/system-connections/Wired connection 1': `[connection]\ntype=802-3-ethernet\n[802-3-ethernet]\nmac-address=0;80;86;58;91;124;\n[ipv4]\nmethod=manual\naddresses1=10.0.0.5;24;10.0.0.1;\n[match]\npath=pci-0000:0b:00.0\n`,
      },
      [
        {
          macs: [mac],
          method: 'static',
          addresses: ['10.0.0.5/24'],
          hardwareMatches: ['path=pci-0000:0b:00.0'],
          kind: 'ethernet',
        },
      ],
    );
  });

  it('of netplan and networkd: matches, patterns, virtual devices', () => {
    check(
      {
        '/etc/netplan/a.yaml': `network:\n  ethernets:\n    id0:\n      match: {macaddress: '${mac}'}\n      set-name: lan0\n      addresses: [10.0.0.5/24]\n    ens224: {dhcp4: yes}\n    all: {match: {name: 'en*'}, dhcp4: true}\n  bonds:\n    bond0: {interfaces: [ens224]}\n`,
        '/etc/systemd/network/20.network': '[Match]\nName=br0\n[Network]\nAddress=10.1.0.1/24\n',
        '/etc/systemd/network/20.netdev': '[NetDev]\nName=br0\nKind=bridge\n',
        '/etc/systemd/network/30.network': '[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\n',
      },
      [
        { name: 'lan0', macs: [mac], method: 'static', addresses: ['10.0.0.5/24'] },
        { name: 'ens224', method: 'dhcp' },
        { namePatterns: ['en*'], method: 'dhcp' },
        { name: 'bond0', kind: 'bond' },
        { name: 'br0', kind: 'bridge', method: 'static', addresses: ['10.1.0.1/24'] },
        { namePatterns: ['en*', 'eth*'], method: 'dhcp' },
      ],
    );
  });

  it('finds pins in rules, links and netplan', () => {
    const { pins } = readNetworkFacts(
      testTree({
        '/etc/udev/rules.d/70-persistent-net.rules': `SUBSYSTEM=="net", ATTR{address}=="${mac.toUpperCase()}", \\\n  NAME="ens192"\n# SUBSYSTEM=="net", ATTR{address}=="${mac}", NAME="old"\n`,
        '/etc/systemd/network/10.link': `[Match]\nPermanentMACAddress=${mac}\n[Link]\nName=lan0\n`,
        '/etc/netplan/a.yaml': `network: {ethernets: {x: {match: {macaddress: "${mac}"}, set-name: wan0}}}\n`,
      }),
    );
    expect(pins.map((pin) => [pin.name, pin.mac])).toEqual([
      ['ens192', mac],
      ['lan0', mac],
      ['wan0', mac],
    ]);
  });
});

it('expects the profile that binds by address, then by name, then by pattern', () => {
  const profile = (over: Partial<NetworkProfile>): NetworkProfile => ({
    path: '/x',
    backend: 'networkd',
    macs: [],
    method: 'dhcp',
    addresses: [],
    hardwareMatches: [],
    kind: 'ethernet',
    ...over,
  });
  const nic = { index: 0, mac, model: 'virtio' as const, network: 'n', ifname: 'ens192', naming: 'pin' as const };
  const of = (...profiles: NetworkProfile[]) => expectNics([nic], { backends: [], pins: [], profiles })[0];
  expect(
    of(profile({ path: '/glob', namePatterns: ['en*'] }), profile({ path: '/name', name: 'ens192' }))?.profile,
  ).toBe('/name');
  expect(of(profile({ path: '/name', name: 'ens192' }), profile({ path: '/mac', macs: [mac] }))?.profile).toBe('/mac');
  expect(of(profile({ path: '/other', name: 'ens224' }))).toMatchObject({ method: 'none', addresses: [] });
});

it('expects addresses as the kernel prints them', () => {
  expect(
    ['2001:DB8:0:0:0::5/64', 'fd00::10.0.0.1', '10.0.0.5/24', 'fe80::1::2/64', 'any'].map(canonicalAddress),
  ).toEqual(['2001:db8::5/64', 'fd00::a00:1', '10.0.0.5/24', 'fe80::1::2/64', 'any']);
});

it('takes the name from the title of a profile that binds to an address only', () => {
  const { profiles } = readNetworkFacts(
    testTree({
      '/etc/netplan/a.yaml': `network: {ethernets: {ens160: {match: {macaddress: "${mac}"}, dhcp4: true}, lan: {match: {macaddress: "${mac}"}, dhcp4: true}}}\n`,
      '/etc/NetworkManager/system-connections/a': `[connection]\nid=ens192\ntype=ethernet\n[ethernet]\nmac-address=${mac}\n`,
      '/etc/NetworkManager/system-connections/b': `[connection]\nid=Wired\ntype=ethernet\n[ethernet]\nmac-address=${mac}\n`,
      '/etc/NetworkManager/system-connections/c': '[connection]\nid=ens224\ntype=ethernet\n',
      '/etc/systemd/network/10-ens33.network': `[Match]\nMACAddress=${mac}\n[Network]\nDHCP=yes\n`,
      '/etc/systemd/network/20-wired.network': `[Match]\nMACAddress=${mac}\n[Network]\nDHCP=yes\n`,
    }),
  );
  expect(profiles.map((profile) => profile.name ?? '-')).toEqual(['ens160', '-', 'ens192', '-', '-', 'ens33', '-']);
});

it('waits for no IPv4 address where only IPv6 is asked for', () => {
  check(
    {
      '/etc/network/interfaces':
        'auto eth0\niface eth0 inet static\n address 10.0.0.5/24\niface eth0 inet6 dhcp\nauto eth1\niface eth1 inet6 dhcp\n',
      '/etc/netplan/a.yaml':
        'network: {ethernets: {eth2: {dhcp6: true}, eth3: {dhcp6: true, addresses: [10.0.1.5/24]}}}\n',
      '/etc/systemd/network/20.network': '[Match]\nName=eth4\n[Network]\nDHCP=ipv6\n',
    },
    [
      { name: 'eth0', method: 'static' },
      { name: 'eth1', method: 'manual' },
      { name: 'eth2', method: 'manual' },
      { name: 'eth3', method: 'static' },
      { name: 'eth4', method: 'manual' },
    ],
  );
});

it('understands the ways in which addresses are written', () => {
  expect(
    ['00-50-56-3A-5B-7C', '0050.563a.5b7c', '0050563a5b7c', '0;80;86;58;91;124;', `"${mac}"`].map(normalizeMac),
  ).toEqual(Array(5).fill(mac));
  expect(['00:50:56:3a:5b', 'x', '', '0;80;86;58;91;256;'].map(normalizeMac)).toEqual(Array(4).fill(undefined));
});

it('takes only safe texts for interface names', () => {
  expect(['eth0', 'ens192', 'eth0.100', 'br-lan'].every(isInterfaceName)).toBe(true);
  expect(['', '../x', 'a b', '-rf', 'a'.repeat(16), 'all', 'x/y', 'e\n'].some(isInterfaceName)).toBe(false);
});

it('gives every byte of a rules file back', () => {
  const text = fc
    .array(fc.constantFrom('SUBSYSTEM=="net"', ', ', 'NAME="x"', '\\\n', '\n', '\r\n', '\\', '#', '"', ' '))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (content) => {
      expect(
        parseUdevRules(content)
          .map((rule) => rule.text + rule.eol)
          .join(''),
      ).toBe(content);
    }),
  );
});
