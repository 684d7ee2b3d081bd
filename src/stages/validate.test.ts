import { describe, expect, it } from 'vitest';
import type { AcceleratorVerdict } from '../machine/index.js';
import type { GuestReport, NicExpectation, ValidationCheck } from '../model/index.js';
import { resolveLevel, verdictOf } from './validate.js';
import { bootLimits, bootNeeds } from './validate-boot.js';
import { parseFsck } from './validate-guest.js';
import { compareNics, networkChecks } from './validate-nics.js';

const MAC = '00:50:56:3a:5b:7c';

function report(interfaces: GuestReport['interfaces'], routes: GuestReport['defaultRoutes'] = []): GuestReport {
  return {
    hostname: 'web01',
    kernel: '6.1',
    interfaces,
    defaultRoutes: routes,
    failedUnits: [],
    systemState: 'running',
  };
}

describe('the level of a proof', () => {
  it.each([
    ['auto', true, true, 'network'],
    ['auto', true, false, 'boot'],
    ['auto', false, true, 'fs'],
    ['auto', false, false, 'fs'],
    ['network', false, false, 'network'],
    ['none', true, true, 'none'],
  ] as const)('%s with a fixed Linux %s and KVM %s is %s', (level, isFixedLinux, hasKvm, expected) => {
    expect(resolveLevel(level, { isFixedLinux, hasKvm })).toBe(expected);
  });
});

describe('the verdict over checks', () => {
  const check = (status: ValidationCheck['status']): ValidationCheck => ({
    id: 'x',
    level: 'boot',
    status,
    evidence: '',
    seconds: 0,
  });
  it.each([
    [['pass', 'skipped', 'pass'], 'pass'],
    [['pass', 'inconclusive', 'skipped'], 'inconclusive'],
    [['inconclusive', 'fail'], 'fail'],
  ] as const)('%j is %s', (statuses, verdict) => expect(verdictOf(statuses.map(check))).toBe(verdict));
});

describe('the adapters of a booted guest', () => {
  const dhcp: NicExpectation = { index: 0, mac: MAC.toUpperCase(), ifname: 'ens192', method: 'dhcp', addresses: [] };
  const fixed: NicExpectation = { ...dhcp, method: 'static', addresses: ['192.0.2.7/24', '2001:db8::7'] };
  const up = { name: 'ens192', mac: MAC, state: 'up', addresses: ['10.100.2.15/24'] };

  it.each<[string, NicExpectation, GuestReport['interfaces'], readonly string[]]>([
    ['an address by DHCP', dhcp, [up], []],
    ['no address', dhcp, [{ ...up, addresses: [] }], ['was given no address by DHCP']],
    [
      'only an IPv6 address of its own making',
      dhcp,
      [{ ...up, addresses: ['2001:db8::1/64'] }],
      ['was given no address by DHCP'],
    ],
    ['another name', dhcp, [{ ...up, name: 'enp1s0' }], ['is called enp1s0, not ens192']],
    ['a dead link', dhcp, [{ ...up, state: 'down' }], ['is down']],
    ['another MAC', dhcp, [{ ...up, mac: '52:54:00:00:00:01' }], [`no adapter with the MAC ${MAC.toUpperCase()}`]],
    ['its fixed addresses', fixed, [{ ...up, addresses: ['192.0.2.7/24', '2001:DB8::7/64'] }], []],
    ['half of them', fixed, [{ ...up, addresses: ['192.0.2.7/24'] }], ['lacks the address 2001:db8::7']],
    [
      'another prefix',
      fixed,
      [{ ...up, addresses: ['192.0.2.7/25', '2001:db8::7/64'] }],
      ['lacks the address 192.0.2.7/24'],
    ],
    [
      'its addresses on the bond above it',
      { ...dhcp, ifname: 'eth0' },
      [
        { ...up, name: 'bond0' },
        { ...up, name: 'eth0', addresses: [], master: 'bond0' },
      ],
      [],
    ],
    ['nothing that was promised', { ...dhcp, method: 'manual' }, [{ ...up, state: 'down', addresses: [] }], []],
    ['a name alone', { index: 0, ifname: 'ens192', method: 'dhcp', addresses: [] }, [up], []],
    ['no such name', { index: 0, ifname: 'ens224', method: 'dhcp', addresses: [] }, [up], ['no adapter ens224']],
  ])('with %s', (_, nic, interfaces, problems) => {
    const [row] = compareNics([nic], report(interfaces));
    expect(row?.problems).toEqual(problems);
    expect(row?.status).toBe(problems.length === 0 ? 'pass' : 'fail');
  });

  it('say what was expected and what is there', () => {
    const [check] = networkChecks([dhcp], report([{ ...up, name: 'enp1s0' }]), true);
    expect(check).toMatchObject({
      id: 'network.nic0',
      status: 'fail',
      expected: `ens192 ${MAC.toUpperCase()} dhcp`,
      actual: `enp1s0 ${MAC} up 10.100.2.15/24`,
    });
  });

  it('need no default route that nobody handed out', () => {
    const without = networkChecks([dhcp], report([up], [{ via: 'fe80::2', dev: 'ens192' }]), true)[1];
    expect([without?.id, without?.status]).toEqual(['network.route', 'skipped']);
    const route = networkChecks([dhcp], report([up], [{ via: '10.0.2.2', dev: 'ens192' }]), true)[1];
    expect([route?.status, route?.evidence]).toEqual(['pass', 'default via 10.0.2.2 dev ens192']);
  });
});

describe('limits of a boot', () => {
  const kvm = { accelerator: 'kvm', slowness: 1 } as AcceleratorVerdict;
  const tcg = { accelerator: 'tcg', slowness: 6 } as AcceleratorVerdict;
  it.each([
    ['5m', kvm, false, 300_000, 100_000],
    ['1m', kvm, false, 60_000, 60_000],
    ['5m', tcg, false, 1_800_000, 600_000],
    ['5m', kvm, true, 900_000, 300_000],
    ['1h', tcg, true, 3_600_000, 1_200_000],
  ] as const)('of %s', (timeout, accelerator, relabels, totalMs, inactivityMs) => {
    expect(bootLimits(timeout, accelerator, relabels)).toMatchObject({ totalMs, inactivityMs });
  });

  it('leave the guest time to report before they end', () => {
    for (const timeout of ['10s', '1m', '5m', '1h']) {
      for (const accelerator of [kvm, tcg]) {
        const { totalMs, patience } = bootLimits(timeout, accelerator, false);
        expect((patience.settleS + patience.addressS) * 1000).toBeLessThanOrEqual(totalMs * 0.75);
      }
    }
  });
});

describe('what a boot must show', () => {
  it('is a report for its network, and no silence anywhere', () => {
    expect(bootNeeds(true, true, 'network').required).toContainEqual(['report']);
    for (const isInstrumented of [true, false]) {
      for (const isLinux of [true, false]) {
        const { required } = bootNeeds(isInstrumented, isLinux, 'boot');
        expect(required.length).toBeGreaterThan(1);
        for (const group of required) expect(group).not.toContain('process');
      }
    }
  });
});

describe('the answers of file system checkers', () => {
  it('are read with their last words, without control characters', () => {
    const said = Buffer.from('pass 1\n\u001b[31mbad\u001b[0m').toString('base64');
    const text = `noise\nfsck ext4 6a3b-1 4 ${said}\nfsck vfat - 0 \nfsck xfs 1 0\n`;
    expect(parseFsck(text)).toEqual([
      { fsType: 'ext4', uuid: '6a3b-1', exitCode: 4, said: 'pass 1\n[31mbad[0m' },
      { fsType: 'vfat', uuid: '', exitCode: 0, said: '' },
      { fsType: 'xfs', uuid: '1', exitCode: 0, said: '' },
    ]);
  });
});
