import { beforeEach, describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { VirtualClock } from '../host/index.js';
import type { Progress } from '../model/event.js';
import { ProgressMeter } from './progress.js';

const MIB = 1024 ** 2;
const at = (doneBytes: number, totalBytes = 1000 * MIB): Progress => ({
  phase: 'copy',
  doneBytes,
  totalBytes,
  totalKind: 'exact',
});

let clock: VirtualClock;
let sent: (Progress & { readonly node: number; readonly ms: number })[];
let meter: ProgressMeter;

beforeEach(() => {
  ({ clock } = createFakeHost());
  sent = [];
  meter = new ProgressMeter(clock, (node, progress) => void sent.push({ ...progress, node, ms: clock.monotonic() }));
});

describe('progress', () => {
  it('goes out twice a second for a task, however often it is told, and the last word is not lost', async () => {
    for (let step = 0; step <= 100; step += 1) {
      meter.report(1, at(step * MIB));
      await clock.advance(20);
    }
    await clock.advance(500);
    meter.tick();
    expect(sent.length).toBeLessThanOrEqual(6);
    const gaps = sent.slice(1).map(({ ms }, index) => ms - (sent[index]?.ms ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500);
    expect(sent.at(-1)?.doneBytes).toBe(100 * MIB);
  });

  it('is at most 200 events a second for all tasks', () => {
    for (let node = 0; node < 1000; node += 1) meter.report(node, at(node));
    expect(sent).toHaveLength(200);
  });

  it('never says 100 % before the stage has ended', () => {
    meter.report(1, at(1000 * MIB));
    meter.report(2, at(2000 * MIB));
    for (const { doneBytes, totalBytes } of sent) expect(doneBytes / totalBytes).toBeLessThanOrEqual(0.999);
  });

  it('smooths the rate and says how long it will take only when it can know', async () => {
    for (let second = 0; second <= 40; second += 1) {
      meter.report(1, at(second * 10 * MIB));
      await clock.advance(1000);
    }
    const early = sent.filter(({ ms }) => ms - (sent[0]?.ms ?? 0) < 30_000);
    expect(early.every(({ etaS }) => etaS === undefined)).toBe(true);
    const last = sent.at(-1);
    expect(last?.rateBps).toBeCloseTo(10 * MIB, -3);
    expect(last?.etaS).toBe(60);
    expect(meter.totalRateBps()).toBeCloseTo(10 * MIB, -3);
  });

  it('takes a retry that begins anew for what it is', async () => {
    meter.report(1, at(500 * MIB));
    await clock.advance(1000);
    meter.report(1, at(0));
    await clock.advance(1000);
    meter.report(1, at(10 * MIB));
    await clock.advance(1000);
    meter.tick();
    expect(sent.every(({ rateBps }) => rateBps === undefined || rateBps >= 0)).toBe(true);
    expect(sent.at(-1)?.doneBytes).toBe(10 * MIB);
  });
});
