import { beforeEach, describe, expect, it } from 'vitest';
import { Circuits, resourcesOf } from './circuit.js';

const MINUTE = 60_000;
const SOURCE = ['source vc1'];
let circuits: Circuits;

beforeEach(() => {
  circuits = new Circuits();
});

/** Failures of machines `v0`, `v1`... at the minutes given; says at which of them the circuit opened. */
function failAt(
  minutes: readonly number[],
  errorClass: (at: number) => 'transient' | 'resource' | 'permanent' = () => 'transient',
  vm: (at: number) => string = (at) => `v${at}`,
): number[] {
  const opened: number[] = [];
  for (const [at, minute] of minutes.entries()) {
    const changes = circuits.failed(at, vm(at), SOURCE, errorClass(at), minute * MINUTE);
    if (changes.some(({ change }) => change === 'open')) opened.push(at);
  }
  return opened;
}

describe('a circuit', () => {
  it('opens at the third machine that fails the same way within ten minutes', () => {
    expect(failAt([0, 1])).toEqual([]);
    expect(circuits.blocking(SOURCE, 2 * MINUTE)).toBeUndefined();
    circuits = new Circuits();
    expect(failAt([0, 5, 10])).toEqual([2]);
  });

  it('stays closed when the failures are spread over more than ten minutes', () => {
    expect(failAt([0, 5.5, 10.1])).toEqual([]);
    expect(failAt([10.2])).toEqual([0]);
  });

  it('counts machines, not failures, and only in a row of one class', () => {
    expect(failAt([0, 1, 2, 3], undefined, () => 'same')).toEqual([]);
    circuits = new Circuits();
    expect(failAt([0, 1, 2, 3], (at) => (at === 2 ? 'resource' : 'transient'))).toEqual([]);
    circuits = new Circuits();
    expect(failAt([0, 1, 2, 3], (at) => (at === 2 ? 'permanent' : 'transient'))).toEqual([]);
    circuits = new Circuits();
    failAt([0, 1]);
    circuits.succeeded(7, SOURCE);
    expect(failAt([2, 3])).toEqual([]);
  });

  it('lets one task through after five minutes, and closes when that one succeeds', () => {
    failAt([0, 0, 0]);
    expect(circuits.blocking(SOURCE, 4.9 * MINUTE)).toEqual({ resource: 'source vc1', probeAt: 5 * MINUTE });
    expect(circuits.blocking(['source vc2'], 1)).toBeUndefined();
    expect(circuits.blocking(SOURCE, 5 * MINUTE)).toBeUndefined();
    circuits.started(50, SOURCE);
    expect(circuits.blocking(SOURCE, 6 * MINUTE)).toBeDefined();
    expect(circuits.succeeded(50, SOURCE)).toEqual([{ change: 'closed', resource: 'source vc1' }]);
    expect(circuits.blocking(SOURCE, 6 * MINUTE)).toBeUndefined();
  });

  it('waits another five minutes after a probe that failed, for good or for now; a cancelled one tells nothing', () => {
    failAt([0, 0, 0]);
    circuits.started(50, SOURCE);
    circuits.probeFailed(50, 6 * MINUTE);
    expect(circuits.nextProbe()).toBe(11 * MINUTE);
    circuits.started(51, SOURCE);
    circuits.failed(51, 'v51', SOURCE, 'permanent', 12 * MINUTE);
    expect(circuits.nextProbe()).toBe(17 * MINUTE);
    circuits.started(52, SOURCE);
    circuits.abandoned(52);
    expect(circuits.blocking(SOURCE, 17 * MINUTE)).toBeUndefined();
  });

  it('concerns the source at FETCH, the target at CONVERT, and the host always', () => {
    const at = { host: 'local', source: 's', target: 't' };
    expect(resourcesOf('FETCH', at)).toEqual(['host local', 'source s']);
    expect(resourcesOf('CONVERT', at)).toEqual(['host local', 'target t']);
    expect(resourcesOf('FIX', at)).toEqual(['host local']);
  });
});
