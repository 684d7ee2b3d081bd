import { beforeEach, describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { FakeHost } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import { makePlan, playStages } from '../../test/support/engine-fixture.js';
import type { PlanSpec } from '../../test/support/engine-fixture.js';
import { listRuns, readEvents, readRun, repairState, resumeRun, runPlan, verifyState } from './index.js';
import { runPaths } from './layout.js';
import type { RunPaths } from './layout.js';
import { encodeLine, JOURNAL_VERSION } from './record.js';

const options = { version: '0.1.0' };
const spec: PlanSpec = { vms: [{ name: 'a' }, { name: 'b' }], pools: { slots: 1 } };
let host: FakeHost;
let runId: string;
let paths: RunPaths;
let journal: Buffer;

beforeEach(async () => {
  host = createFakeHost();
  const { runners } = playStages(host);
  const result = await host.clock.run(runPlan({ graph: makePlan(spec), runners, host, stateDir: '/state', options }));
  ({ runId } = result);
  paths = runPaths('/state', runId);
  journal = Buffer.from(host.files.peek(paths.journal) ?? '');
});

function resume(): ReturnType<typeof resumeRun> {
  const { runners } = playStages(host);
  return host.clock.run(resumeRun({ runners, host, stateDir: '/state', options }));
}

/** Severity and message of what verifying finds. */
async function found(): Promise<string[]> {
  return (await verifyState(host, '/state')).map(({ severity, message }) => `${severity}: ${message}`);
}

/** Where a line of the journal begins; lines count from 1. */
function startOf(line: number): number {
  let offset = 0;
  for (let at = 1; at < line; at += 1) offset = journal.indexOf(0x0a, offset) + 1;
  return offset;
}

function flipBit(offset: number): void {
  journal[offset] = (journal[offset] ?? 0) ^ 4;
  host.files.put(paths.journal, journal);
}

describe('a journal that is whole', () => {
  it('is left as it is by verify and by repair', async () => {
    expect(await found()).toEqual([]);
    expect(await repairState(host, '/state', runId)).toBeUndefined();
    expect(host.files.peek(paths.journal)).toEqual(journal);
  });
});

describe('a bit that flipped in the middle', () => {
  const line = 20;

  it.each([
    ['in the checksum', 2],
    ['in the text', 30],
  ])('%s is found with its line, keeps the run from going on, and is not cut off unasked', async (_, at) => {
    flipBit(startOf(line) + at);
    expect(await found()).toEqual([`error: line ${line}: the checksum does not fit, and good records follow`]);
    for (const work of [() => resume(), () => readRun(host, '/state')]) {
      await expect(work()).rejects.toMatchObject({ code: 'engine.journal-damaged', details: { line } });
    }
    expect(host.files.peek(paths.journal)).toEqual(journal);
    // A list needs no journal: other runs of the folder stay reachable.
    expect(await listRuns(host, '/state')).toHaveLength(1);
  });

  it('is repaired by cutting, with a copy, and nothing tells of what was cut any more', async () => {
    flipBit(startOf(line) + 30);
    const repaired = await repairState(host, '/state', runId);
    expect(repaired).toMatchObject({ recordsKept: line - 1, bytesCut: journal.length - startOf(line) });
    expect(host.files.peek(repaired?.copy ?? '')).toEqual(journal);
    expect(host.files.peek(paths.journal)).toEqual(journal.subarray(0, startOf(line)));
    expect(await found()).toEqual([]);
    const view = await readRun(host, '/state');
    expect([view.outcome, view.exitCode, view.endedAt]).toEqual([undefined, undefined, undefined]);
    expect((await listRuns(host, '/state'))[0]?.outcome).toBeUndefined();
    const events = await readEvents(host, paths.dir);
    expect(Math.max(...events.map((event) => event.j ?? 0))).toBe(line - 2);
    expect(await repairState(host, '/state', runId)).toBeUndefined();

    expect(await resume()).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    const after = await readEvents(host, paths.dir);
    expect(after.map((event) => event.seq)).toEqual(after.map((_, at) => at + 1));
    expect((await readRun(host, '/state')).outcome).toBe('succeeded');
  });

  it('is not repaired while the run is going on', async () => {
    const facts = await host.facts();
    flipBit(startOf(line) + 30);
    const holder = { runId, host: facts.hostname, user: 'u', pid: facts.pid, startTicks: facts.startTicks };
    host.files.put(paths.lock, JSON.stringify({ ...holder, bootId: facts.bootId, ts: '' }), 0o600);
    await expect(repairState(host, '/state', runId)).rejects.toMatchObject({ code: 'lock.held' });
    expect(host.files.peek(paths.journal)).toEqual(journal);
  });
});

describe('a journal that was cut short', () => {
  it.each([1, 5, 60])('by %i bytes is a warning, and resuming or repairing takes the rest away', async (bytes) => {
    const cut = journal.subarray(0, journal.length - bytes);
    host.files.put(paths.journal, cut);
    const whole = cut.lastIndexOf(0x0a) + 1;
    expect(await found()).toEqual([`warning: the last record is torn (${cut.length - whole} bytes)`]);
    expect((await readRun(host, '/state')).notices).toHaveLength(1);
    const repaired = await repairState(host, '/state', runId);
    expect(repaired).toMatchObject({ bytesCut: cut.length - whole });
    expect(await found()).toEqual([]);
    expect(await resume()).toMatchObject({ outcome: 'succeeded' });
  });
});

describe('a snapshot', () => {
  it('that is missing or garbage costs nothing but time; one that lies is found', async () => {
    const before = (await readRun(host, '/state')).status;
    const state = { v: 1, planHash: makePlan(spec).planHash, offset: journal.length };
    const ledger = { seq: 9999, tasks: {}, groups: {}, waves: [], acknowledged: [] };
    for (const text of ['', '{"v":1', JSON.stringify({ ...state, ledger, v: 2 })]) {
      host.files.put(paths.state, text);
      expect(await found()).toEqual([]);
      expect((await readRun(host, '/state')).status).toEqual(before);
    }
    const last = journal.toString().trimEnd().split('\n').length - 1;
    host.files.put(paths.state, JSON.stringify({ ...state, ledger: { ...ledger, seq: last } }));
    expect(await found()).toEqual(['error: the snapshot tells another story than the journal']);
  });
});

describe('a journal of a newer Drover', () => {
  beforeEach(() => {
    const first = JSON.parse(journal.subarray(9, startOf(2) - 1).toString()) as Record<string, unknown>;
    const newer = encodeLine(JSON.stringify({ ...first, v: JOURNAL_VERSION + 1 }));
    journal = Buffer.concat([Buffer.from(newer), journal.subarray(startOf(2))]);
    host.files.put(paths.journal, journal);
  });

  it('is refused by everything that would read or change it, and left as it is', async () => {
    const refused = { code: 'engine.journal-version' };
    await expect(resume()).rejects.toMatchObject(refused);
    await expect(readRun(host, '/state')).rejects.toMatchObject(refused);
    await expect(repairState(host, '/state', runId)).rejects.toMatchObject(refused);
    expect(await found()).toEqual([expect.stringMatching(/^error: the journal has format 2; .* up to 1$/) as string]);
    expect(host.files.peek(paths.journal)).toEqual(journal);
    expect(host.files.tree('/state').filter((path) => path.endsWith('/lock'))).toEqual([]);
  });

  it('is refused also when a snapshot would spare reading its first record', async () => {
    const offset = startOf(10);
    const ledger = { seq: 8, tasks: {}, groups: {}, waves: [], acknowledged: [] };
    host.files.put(paths.state, JSON.stringify({ v: 1, planHash: makePlan(spec).planHash, offset, ledger }));
    await expect(readRun(host, '/state')).rejects.toMatchObject({ code: 'engine.journal-version' });
  });
});

describe('a run that was taken up again', () => {
  it('and crashed then is interrupted, whatever its first end was', async () => {
    const failing = createFakeHost();
    const broken = playStages(failing, async (task) => {
      if (task.stage === 'FIX') throw new DroverError({ code: 'file.denied', message: 'no' });
    });
    const request = { host: failing, stateDir: '/state', options };
    await failing.clock.run(runPlan({ ...request, graph: makePlan(spec), runners: broken.runners }));
    expect((await readRun(failing, '/state')).outcome).toBe('failed');
    const slow = playStages(failing, (_task, { signal }) => failing.clock.sleep(1e6, signal));
    void resumeRun({ ...request, runners: slow.runners });
    await failing.clock.advance(5000);
    const after = createFakeHost({ files: failing.files.fork(() => failing.clock.now()), facts: { pid: 5 } });
    const [listed] = await listRuns(after, '/state');
    expect(listed).toMatchObject({ active: false });
    expect(listed?.outcome).toBeUndefined();
    const view = await readRun(after, '/state');
    expect([view.outcome, view.exitCode, view.endedAt]).toEqual([undefined, undefined, undefined]);
  });
});
