import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { FakeFiles, FakeHost } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import { makePlan, playStages } from '../../test/support/engine-fixture.js';
import type { PlanSpec, Script } from '../../test/support/engine-fixture.js';
import { indexGraph } from './graph-index.js';
import { readRun, resumeRun, runPlan, verifyState } from './index.js';
import { RunLedger } from './ledger.js';
import { runPaths } from './layout.js';
import { readJournal, scanJournal } from './recovery.js';
import { recoverRun, replayRun } from './recover-run.js';
import { readEventsFile } from './event-stream.js';

const options = { version: '0.1.0' };
const spec: PlanSpec = {
  vms: [{ name: 'a' }, { name: 'b' }, { name: 'c', settings: { keepIntermediates: 'all' } }, { name: 'd' }],
  pools: { slots: 2 },
};

/** One machine fails for good, one passes at its second attempt. */
function scriptFor(host: FakeHost): Script {
  return async (task, context) => {
    await host.clock.sleep(1000, context.signal);
    await context.spawned({ pgid: 700 + task.attempt, startTicks: '1', bootId: 'boot', tool: 'qemu-img' });
    context.log('info', 'working');
    if (task.vm.name === 'b' && task.stage === 'FIX') {
      throw new DroverError({ code: 'file.denied', message: 'made to fail' });
    }
    if (task.vm.name === 'd' && task.stage === 'FETCH' && task.attempt === 1) {
      throw new DroverError({ code: 'engine.stalled', message: 'made to stall' });
    }
  };
}

interface Recorded {
  readonly host: FakeHost;
  readonly runId: string;
  /** The files as they were at some of the moments when something was about to be written. */
  readonly moments: readonly FakeFiles[];
  readonly acts: number;
}

/** Runs to the end, copying the files at the chosen acts. */
async function record(isChosen: (act: number) => boolean): Promise<Recorded> {
  const host = createFakeHost();
  const moments: FakeFiles[] = [];
  let acts = 0;
  host.files.fault = () => {
    acts += 1;
    if (isChosen(acts)) moments.push(host.files.fork(() => host.clock.now()));
    return undefined;
  };
  const graph = makePlan(spec);
  const { runners } = playStages(host, scriptFor(host));
  const result = await host.clock.run(runPlan({ graph, runners, host, stateDir: '/state', options }));
  host.files.fault = undefined;
  return { host, runId: result.runId, moments, acts };
}

/** A machine after the crash: another process, the same files. */
function afterCrash(files: FakeFiles, keep: number, pid = 5555): FakeHost {
  const host = createFakeHost({ files, facts: { pid, startTicks: '990' } });
  files.crash(() => keep);
  return host;
}

function outcomeOf(host: FakeHost): Record<string, string | undefined> {
  const products = host.files.tree('/out').filter((path) => path.endsWith('.qcow2'));
  return Object.fromEntries(products.map((path) => [path, host.files.peek(path)?.toString()]));
}

describe('after a crash', () => {
  it('every one of 10 000 cuts of the journal is read back as the records before it', async () => {
    const { host, runId } = await record(() => false);
    const paths = runPaths('/state', runId);
    const bytes = host.files.peek(paths.journal) ?? Buffer.alloc(0);
    const whole = scanJournal(bytes).records;
    expect(whole.length).toBeGreaterThan(60);
    const ends = [0];
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) ends.push(at + 1);
    const cuts = Array.from({ length: 10_000 }, (_, n) => Math.floor((n * bytes.length) / 9_999));
    for (const cut of [...cuts, ...ends]) {
      const scan = scanJournal(bytes.subarray(0, cut));
      const records = ends.filter((end) => end > 0 && end <= cut).length;
      if (scan.records.length !== records || scan.damage !== undefined || scan.goodBytes !== ends[records]) {
        expect({ cut, got: scan.records.length, damage: scan.damage }).toEqual({
          cut,
          got: records,
          damage: undefined,
        });
      }
    }
  });

  it('a resumed run ends as if nothing had happened, whenever the process died and whatever was not on disk', async () => {
    const reference = await record(() => false);
    const expected = outcomeOf(reference.host);
    const states = (await readRun(reference.host, '/state')).status;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 700 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (act, keep) => {
          const { moments, runId } = await record((at) => at === act);
          const files = moments[0];
          if (files === undefined) return;
          const host = afterCrash(files, keep);
          const paths = runPaths('/state', runId);
          // Before run.json there is no run yet: nothing was started, and the next run finds nothing in its way.
          const isRun = await host.files.exists(paths.runFile);
          const { runners, calls } = playStages(host, scriptFor(host));
          if (!isRun) {
            const again = await host.clock.run(
              runPlan({ graph: makePlan(spec), runners, host, stateDir: '/state', options }),
            );
            expect(again.exitCode).toBe(1);
            expect(outcomeOf(host)).toEqual(expected);
            return;
          }
          const before = await readJournal(host, paths.journal);
          const done = before.records.filter((record) => record.type === 'task.end' && record.state === 'succeeded');
          const result = await host.clock.run(resumeRun({ runners, host, stateDir: '/state', options }));
          expect(result.exitCode).toBe(1);
          expect(result.vms.map((vm) => [vm.name, vm.state])).toEqual([
            ['a', 'succeeded'],
            ['b', 'failed'],
            ['c', 'succeeded'],
            ['d', 'succeeded'],
          ]);
          expect(outcomeOf(host)).toEqual(expected);
          // What was durably done is not done again.
          const graph = makePlan(spec);
          for (const record of done) {
            const node = graph.nodes.find((n) => record.type === 'task.end' && n.id === record.task);
            const who = `${node?.vmKey?.slice(4)} ${node?.stage}`;
            if (node?.kind === 'stage') expect(`${who}: ${calls.get(who) ?? 0}`).toBe(`${who}: 0`);
          }
          const view = await readRun(host, '/state');
          const settled = new Map(
            [...view.status].map(([id, status]) => [id, status.state.replace('cached', 'succeeded')]),
          );
          expect(settled).toEqual(new Map([...states].map(([id, status]) => [id, status.state])));
          expect(await verifyState(host, '/state')).toEqual([]);
          // No lock is left.
          expect(host.files.tree('/state').filter((path) => path.includes('/locks/vm/'))).toEqual([]);
          expect(host.files.tree('/out').filter((path) => path.includes('.drover-locks'))).toEqual([]);
          // Events: numbers without a gap, and every record has had its events once.
          const { events } = await readEventsFile(host, paths.events);
          expect(events.map((event) => event.seq)).toEqual(events.map((_, at) => at + 1));
          const ends = events.filter((e) => e.type === 'task.state' && e.data.to === 'succeeded').map((e) => e.task);
          expect(new Set(ends).size).toBe(ends.length);
          const journal = await readJournal(host, paths.journal);
          const told = new Set(events.map((event) => event.j));
          for (const { seq, type } of journal.records) {
            if (type !== 'task.group' && type !== 'control.ack') expect([type, told.has(seq)]).toEqual([type, true]);
          }
        },
      ),
      { numRuns: 120 },
    );
  }, 300_000);

  it('a crash while resuming is no worse than the first one', async () => {
    const reference = await record(() => false);
    expect(reference.acts).toBeGreaterThan(300);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 30, max: reference.acts }),
        fc.integer({ min: 1, max: 300 }),
        async (first, second) => {
          const { moments } = await record((at) => at === first);
          const files = moments[0];
          if (files === undefined) return;
          const host = afterCrash(files, 0.5);
          let acts = 0;
          let copy: FakeFiles | undefined;
          host.files.fault = () => {
            acts += 1;
            if (acts === second) copy = host.files.fork(() => host.clock.now());
            return undefined;
          };
          const { runners } = playStages(host, scriptFor(host));
          if (!(await host.files.exists('/state/runs'))) return;
          const work = resumeRun({ runners, host, stateDir: '/state', options }).catch((error: unknown) => error);
          const ended = await host.clock.run(work);
          if (copy === undefined || ended instanceof DroverError) return;
          const third = afterCrash(copy, 0.3, 6666);
          const again = playStages(third, scriptFor(third));
          const result = await third.clock.run(
            resumeRun({ runners: again.runners, host: third, stateDir: '/state', options }),
          );
          expect(result.vms.map((vm) => vm.state)).toEqual(['succeeded', 'failed', 'succeeded', 'succeeded']);
          expect(await verifyState(third, '/state')).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  }, 300_000);

  it('a snapshot tells the same as the whole journal, at every record', async () => {
    const { host, runId } = await record(() => false);
    const paths = runPaths('/state', runId);
    const index = indexGraph(makePlan(spec));
    const bytes = host.files.peek(paths.journal) ?? Buffer.alloc(0);
    const { records } = scanJournal(bytes);
    const whole = new RunLedger(index);
    for (const record of records) whole.apply(record);
    let offset = 0;
    const ledger = new RunLedger(index);
    for (const record of records) {
      ledger.apply(record);
      offset = bytes.indexOf(0x0a, offset) + 1;
      const state = { v: 1, planHash: index.graph.planHash, offset, ledger: ledger.toSnapshot() };
      await host.files.writeAtomic(paths.state, JSON.stringify(state));
      const replayed = await replayRun(host, paths, index);
      expect(replayed.scan.records.length).toBe(records.length - record.seq - 1);
      expect(replayed.ledger.toSnapshot()).toEqual(whole.toSnapshot());
    }
  });

  it('damage before the end is refused, found by verify, and repaired with a copy', async () => {
    const { host, runId } = await record(() => false);
    const paths = runPaths('/state', runId);
    const bytes = host.files.peek(paths.journal) ?? Buffer.alloc(0);
    const middle = bytes.indexOf(0x0a, Math.floor(bytes.length / 2)) + 30;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    await host.files.writeAtomic(paths.journal, bytes);
    const { runners } = playStages(host);
    await expect(resumeRun({ runners, host, stateDir: '/state', options })).rejects.toMatchObject({
      code: 'engine.journal-damaged',
      message: /journal\.ndjson:\d+: the checksum does not fit/,
    });
    expect(host.files.peek(paths.journal)).toEqual(bytes);
    expect((await verifyState(host, '/state')).map((f) => f.severity)).toEqual(['error']);
    const { repairState } = await import('./index.js');
    const repaired = await repairState(host, '/state', runId);
    expect(host.files.peek(repaired?.copy ?? '')).toEqual(bytes);
    expect(repaired?.recordsKept).toBeGreaterThan(10);
    const again = playStages(host, scriptFor(host));
    const result = await host.clock.run(resumeRun({ runners: again.runners, host, stateDir: '/state', options }));
    expect(result.vms.map((vm) => vm.state)).toEqual(['succeeded', 'failed', 'succeeded', 'succeeded']);
  });

  it('recovery alone cuts a torn end and nothing else', async () => {
    const { host, runId } = await record(() => false);
    const paths = runPaths('/state', runId);
    const bytes = host.files.peek(paths.journal) ?? Buffer.alloc(0);
    await host.files.writeAtomic(paths.journal, bytes.subarray(0, bytes.length - 5));
    const { notices, nextSeq } = await recoverRun(host, paths, indexGraph(makePlan(spec)));
    expect(notices.join()).toMatch(/torn \(\d+ bytes\)/);
    const scan = await readJournal(host, paths.journal);
    expect(scan.totalBytes).toBe(scan.goodBytes);
    expect(nextSeq).toBe(scan.lastSeq + 1);
  });
});
