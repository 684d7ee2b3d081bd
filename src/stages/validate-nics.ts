/** Compares the adapters of the booted guest with what FIX promised. Pure. */
import type { GuestReport, NicExpectation, ValidationCheck } from '../model/index.js';

type Interface = GuestReport['interfaces'][number];

export interface NicRow {
  readonly index: number;
  readonly status: 'pass' | 'fail';
  readonly expected: string;
  readonly actual: string;
  readonly problems: readonly string[];
}

/** The adapter itself: a bond or bridge carries the MAC of one of its parts, so that a part is preferred. */
function findInterface(report: GuestReport, nic: NicExpectation): Interface | undefined {
  const mac = nic.mac?.toLowerCase();
  const found =
    mac === undefined
      ? report.interfaces.filter((one) => one.name === nic.ifname)
      : report.interfaces.filter((one) => one.mac === mac);
  return found.find((one) => one.master !== undefined) ?? found.find((one) => one.name === nic.ifname) ?? found[0];
}

/** Addresses of the adapter and of the bond or bridge above it. */
function addressesOf(report: GuestReport, one: Interface): readonly string[] {
  const above = report.interfaces.find((other) => other.name === one.master);
  return [...one.addresses, ...(above?.addresses ?? [])];
}

function hasAddress(have: readonly string[], wanted: string): boolean {
  const key = wanted.toLowerCase();
  // A prefix length that the plan does not name is not compared.
  return have.some(
    (address) => address.toLowerCase() === key || (!key.includes('/') && address.toLowerCase().startsWith(`${key}/`)),
  );
}

function isIpv4(address: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(address);
}

function describeExpected(nic: NicExpectation): string {
  const parts = [nic.ifname ?? 'any name', nic.mac ?? 'any MAC', nic.method, ...nic.addresses];
  return parts.join(' ');
}

/** One row per adapter of the plan. */
export function compareNics(nics: readonly NicExpectation[], report: GuestReport): readonly NicRow[] {
  return nics.map((nic) => {
    const expected = describeExpected(nic);
    const one = findInterface(report, nic);
    if (one === undefined) {
      const problem = nic.mac === undefined ? `no adapter ${nic.ifname ?? ''}` : `no adapter with the MAC ${nic.mac}`;
      return { index: nic.index, status: 'fail', expected, actual: 'absent', problems: [problem] };
    }
    const addresses = addressesOf(report, one);
    const problems: string[] = [];
    if (nic.ifname !== undefined && one.name !== nic.ifname) problems.push(`is called ${one.name}, not ${nic.ifname}`);
    if (nic.method === 'dhcp' || nic.method === 'static') {
      if (one.state === 'down') problems.push('is down');
    }
    if (nic.method === 'dhcp' && !addresses.some(isIpv4)) problems.push('was given no address by DHCP');
    if (nic.method === 'static') {
      for (const wanted of nic.addresses) {
        if (!hasAddress(addresses, wanted)) problems.push(`lacks the address ${wanted}`);
      }
    }
    const actual = [one.name, one.mac, one.state, ...addresses].join(' ');
    return { index: nic.index, status: problems.length === 0 ? 'pass' : 'fail', expected, actual, problems };
  });
}

/** The rows as checks, and whether a default route was seen. */
export function networkChecks(
  nics: readonly NicExpectation[],
  report: GuestReport,
  isIsolated: boolean,
): readonly ValidationCheck[] {
  const checks: ValidationCheck[] = compareNics(nics, report).map((row) => ({
    id: `network.nic${row.index}`,
    level: 'network',
    status: row.status,
    evidence: row.problems.length === 0 ? `${row.actual} as planned` : row.problems.join('; '),
    expected: row.expected,
    actual: row.actual,
    seconds: 0,
  }));
  const routes = report.defaultRoutes.filter((route) => isIpv4(route.via) || route.via === '');
  if (nics.some((nic) => nic.method === 'dhcp' || nic.method === 'static')) {
    checks.push({
      id: 'network.route',
      level: 'network',
      status: routes.length > 0 ? 'pass' : 'skipped',
      evidence:
        routes.length > 0
          ? routes.map((route) => `default via ${route.via} dev ${route.dev}`).join('; ')
          : isIsolated
            ? 'the isolated network of the proof hands out addresses, but no router'
            : 'no default route',
      seconds: 0,
    });
  }
  return checks;
}
