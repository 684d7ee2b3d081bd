/**
 * The engine alone, with stages that do nothing: what it costs to schedule, to keep the journal, to hand a freed place to
 * the next task, and to take up a run of ten thousand machines that was killed half-way. Needs the built `dist/`.
 * Usage: node bench/engine.mjs [CASE...]
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHost } from '../dist/host/index.js';
import { STAGES } from '../dist/model/stage.js';
import { indexGraph } from '../dist/engine/graph-index.js';
import { resumeRun, runPlan } from '../dist/engine/index.js';
import { openJournal } from '../dist/engine/journal.js';
import { RunLedger } from '../dist/engine/ledger.js';
import { Scheduler } from '../dist/engine/scheduler.js';
import { bigPlan } from './big-playbook.mjs';
import { runCases, seconds } from './measure.mjs';

const STAGE_COUNT = STAGES.length;
const PER_VM = { small: 143, middle: 1430, large: 10_000 };

/**
 * A plan in which only the number of machines at work is limited, to 64: space and speed of this machine do not matter.
 * @param {number} n
 */
async function openPlan(n) {
  const graph = await bigPlan(n, 'csv');
  const open = Object.keys(graph.pools).map((pool) => [pool, pool === 'vmsInFlight' ? 64 : 1e15]);
  return { ...graph, pools: Object.fromEntries(open) };
}

/**
 * Schedules a whole plan; `execute` is what a task does.
 * @param {object} graph
 * @param {{ record: (body: object, then?: () => void) => void, ledger: object, index: object, execute: (node: number) => Promise<void> }} ports
 */
function schedule(graph, { record, ledger, index, execute }) {
  return new Promise((resolve, reject) => {
    const scheduler = new Scheduler(index, {
      clock: createHost().clock,
      runId: 'bench',
      circuitBreaker: true,
      record,
      execute: async (node) => {
        await execute(node);
        return { kind: 'succeeded', seconds: 0 };
      },
      vmOver: () => undefined,
      emit: () => undefined,
      done: () => resolve(undefined),
      bug: reject,
    });
    scheduler.begin(ledger, () => false);
  });
}

/** Microseconds per task without a disk: records are taken as durable at once. @param {object} graph */
async function inMemory(graph) {
  const index = indexGraph(graph);
  const ledger = new RunLedger(index);
  let seq = 0;
  /** @type {{ record: object, then: (() => void) | undefined }[]} */
  let queue = [];
  const flush = () => {
    const group = queue;
    queue = [];
    for (const { record, then } of group) {
      ledger.apply(record);
      then?.();
    }
  };
  const spent = await seconds(() =>
    schedule(graph, {
      index,
      ledger,
      record: (body, then) => {
        if (queue.length === 0) setImmediate(flush);
        queue.push({ record: { seq, ts: '2026-01-01T00:00:00.000Z', ...body }, then });
        seq += 1;
      },
      execute: async () => undefined,
    }),
  );
  return (spent * 1e6) / graph.nodes.length;
}

/**
 * The same with the real journal on the real disk.
 * @param {object} graph
 * @param {(node: number) => Promise<void>} execute
 */
async function journaled(graph, execute) {
  const dir = await mkdtemp(path.join(tmpdir(), 'drover-bench-'));
  try {
    const host = createHost();
    const index = indexGraph(graph);
    const ledger = new RunLedger(index);
    let records = 0;
    const journal = await openJournal({
      host,
      path: path.join(dir, 'journal.ndjson'),
      nextSeq: 0,
      sync: true,
      onDurable: (record) => {
        records += 1;
        ledger.apply(record);
      },
      onBroken: (error) => {
        throw error;
      },
    });
    const spent = await seconds(async () => {
      await schedule(graph, { index, ledger, record: (body, then) => void journal.append(body, then), execute });
      await journal.flushed();
    });
    await journal.close();
    return { spent, records };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Time from the end of a task to the start of the one that takes its place, with 64 places, all taken. @param {number} n */
async function dispatchLatency(n) {
  const graph = await openPlan(n);
  // One pool that every task takes one unit of, so that a start always answers an end.
  const nodes = graph.nodes.map((node) =>
    node.kind === 'stage' ? { ...node, demand: [{ pool: 'bench', units: 1 }] } : node,
  );
  /** @type {number[]} */
  const freed = [];
  /** @type {number[]} */
  const samples = [];
  let running = 0;
  let most = 0;
  let at = 0;
  await journaled({ ...graph, nodes, pools: { bench: 64 } }, async () => {
    const since = freed.shift();
    if (since !== undefined) samples.push(performance.now() - since);
    running += 1;
    most = Math.max(most, running);
    at += 1;
    // Between 50 and 149 ms, spread evenly and the same in every run.
    await new Promise((resolve) => setTimeout(resolve, 50 + ((at * 61) % 100)));
    running -= 1;
    freed.push(performance.now());
  });
  return { samples, unit: 'ms', more: { running: most } };
}

/** Stages that leave a small document and nothing else. @param {() => void} [onStart] */
function idleStages(onStart) {
  return Object.fromEntries(
    STAGES.map((stage) => [
      stage,
      {
        stage,
        implVersion: 1,
        readsSettings: [],
        tools: [],
        run: async () => {
          onStart?.();
          return { result: { stage }, outputs: [] };
        },
      },
    ]),
  );
}

/** The child that is killed: runs a plan in the folder until its parent has seen enough. @param {string} stateDir @param {number} n */
async function runUntilKilled(stateDir, n) {
  const graph = await openPlan(n);
  const half = (n * STAGE_COUNT) / 2;
  let started = 0;
  const runners = idleStages(() => {
    started += 1;
    if (started >= half) process.kill(process.pid, 'SIGKILL');
  });
  await runPlan({ host: createHost(), graph, runners, stateDir, options: { version: 'bench' } });
}

/** @param {number} n */
async function resumeHalfDone(n) {
  const dir = await mkdtemp(path.join(tmpdir(), 'drover-bench-'));
  try {
    await new Promise((resolve) => {
      const env = { ...process.env, DROVER_BENCH_KILLED: JSON.stringify([dir, n]) };
      spawn(process.execPath, [import.meta.filename], { env, stdio: ['ignore', 'ignore', 'inherit'] }).on(
        'close',
        resolve,
      );
    });
    const begin = performance.now();
    let first = Number.NaN;
    const runners = idleStages(() => {
      if (Number.isNaN(first)) first = (performance.now() - begin) / 1000;
    });
    const result = await resumeRun({
      host: createHost(),
      runners,
      stateDir: dir,
      options: { version: 'bench', verify: 'none' },
    });
    if (result.outcome !== 'succeeded') throw new Error(`the resumed run ended as ${result.outcome}`);
    const journal = await readFile(path.join(result.runDir, 'journal.ndjson'), 'utf8');
    const records = journal.slice(0, journal.indexOf('"run.resumed"')).split('\n').length - 1;
    return { samples: [first], unit: 's', more: { records, whole: (performance.now() - begin) / 1000 } };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Microseconds per task at three sizes; each the median of three samples after a warm-up. */
async function overhead() {
  /** @type {number[]} */
  const medians = [];
  for (const n of [PER_VM.small, PER_VM.middle, PER_VM.large]) {
    const graph = await openPlan(n);
    await inMemory(graph);
    // Every sample is about 70 000 tasks, so that each size makes the same garbage and pays for clearing it away.
    const runs = Math.round(PER_VM.large / n);
    const samples = [];
    for (let sample = 0; sample < 3; sample += 1) {
      globalThis.gc?.();
      let sum = 0;
      for (let run = 0; run < runs; run += 1) sum += await inMemory(graph);
      samples.push(sum / runs);
    }
    medians.push(samples.sort((x, y) => x - y)[1] ?? Number.NaN);
  }
  const [tasks1k = 0, tasks10k = 0, tasks70k = 0] = medians;
  const mean = (tasks1k + tasks10k + tasks70k) / 3;
  const spread = Math.max(...medians.map((median) => Math.abs(median - mean))) / mean;
  return { samples: medians, unit: 'us/task', more: { tasks1k, tasks10k, tasks70k, spread } };
}

const killed = process.env['DROVER_BENCH_KILLED'];
if (killed === undefined) {
  await runCases(import.meta.filename, {
    // Flat: no size is farther than 20 % from the mean of all three.
    'engine.schedule': { n: PER_VM.large, limits: { mean: 50, spread: 0.2 }, measure: overhead },
    'engine.journal': {
      n: PER_VM.middle,
      limits: { mean: 300, 'min:transitionsPerS': 3000 },
      measure: async (n) => {
        const graph = await openPlan(n);
        const { spent, records } = await journaled(graph, async () => undefined);
        const samples = [(spent * 1e6) / graph.nodes.length];
        return { samples, unit: 'us/task', more: { transitionsPerS: records / spent } };
      },
    },
    'engine.dispatch': { n: 300, limits: { p99: 25 }, measure: dispatchLatency },
    'engine.resume': { n: PER_VM.large, limits: { p50: 5 }, measure: resumeHalfDone },
  });
} else {
  const [dir, n] = JSON.parse(killed);
  await runUntilKilled(dir, n);
}
