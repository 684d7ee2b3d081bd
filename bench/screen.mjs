/**
 * The live screen while 64 machines run and each says twice a second how far it is, on a terminal of its own (`script`).
 * Prints one JSON line with its share of a processor and the growth of its memory. Needs the built `dist/`.
 * Usage: node bench/screen.mjs; DROVER_BENCH_SECONDS says how long it is watched (60).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { liveScreen } from '../dist/cli/screen/live.js';
import { createProgressView } from '../dist/report/index.js';
import { bigPlan } from './big-playbook.mjs';
import { runCases } from './measure.mjs';

const RUNNING = 64;
const MACHINES = 1000;
const WARM_UP_S = 10;

/** What the child does on its terminal: draws for some time and writes into a file what that took. */
async function draw(/** @type {string} */ out, /** @type {number} */ forSeconds) {
  const graph = await bigPlan(MACHINES, 'csv');
  const view = createProgressView('bench', graph);
  const started = Date.now();
  let seq = 0;
  const tell = (/** @type {object} */ event) => {
    seq += 1;
    const whole = { v: 1, seq, ts: new Date().toISOString(), run: 'bench', attempt: 1, ...event };
    view.apply(whole);
    screen.onEvent(whole);
  };
  const terminal = { isTty: true, color: true, rows: () => 40, columns: () => 120 };
  const screen = liveScreen(view, terminal, () => Date.now());
  const running = graph.vms.slice(0, RUNNING);
  for (const { vmKey: vm } of running) {
    tell({ type: 'task.state', vm, stage: 'FETCH', task: vm, data: { from: 'pending', to: 'running' } });
  }
  const total = 200 * 1024 ** 3;
  const report = () => {
    for (const [at, { vmKey: vm }] of running.entries()) {
      const doneBytes = ((Date.now() - started) / 1000) * (50 + at) * 1024 ** 2;
      const data = {
        phase: 'copy',
        doneBytes,
        totalBytes: total,
        totalKind: 'exact',
        rateBps: (50 + at) * 1024 ** 2,
        etaS: 900,
      };
      tell({ type: 'task.progress', vm, stage: 'FETCH', task: vm, data });
    }
  };
  const timer = setInterval(report, 500);
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_S * 1000));
  globalThis.gc?.();
  const [cpu, rss, at] = [process.cpuUsage(), process.memoryUsage().rss, performance.now()];
  await new Promise((resolve) => setTimeout(resolve, forSeconds * 1000));
  const { user, system } = process.cpuUsage(cpu);
  globalThis.gc?.();
  const grown = process.memoryUsage().rss - rss;
  clearInterval(timer);
  writeFileSync(out, JSON.stringify({ share: (user + system) / 1000 / (performance.now() - at), grown }));
  process.exit(0);
}

const [first, second] = process.argv.slice(2);
if (first === '--draw') {
  await draw(second ?? '', Number(process.argv[4]));
} else {
  const forSeconds = Number(process.env['DROVER_BENCH_SECONDS'] ?? 60);
  await runCases(import.meta.filename, {
    'screen.live': {
      n: RUNNING,
      limits: { p50: 0.05, grown: 20 * 1024 ** 2 },
      measure: () => {
        const dir = mkdtempSync(path.join(tmpdir(), 'drover-bench-'));
        const out = path.join(dir, 'figures.json');
        const command = `"${process.execPath}" --expose-gc "${import.meta.filename}" --draw "${out}" ${forSeconds}`;
        try {
          const { status } = spawnSync('script', ['-qfec', command, '/dev/null'], {
            stdio: ['ignore', 'ignore', 'inherit'],
            env: { ...process.env, CI: '', TERM: 'xterm-256color' },
          });
          if (status !== 0) throw new Error(`script ended with ${status}`);
          const { share, grown } = JSON.parse(readFileSync(out, 'utf8'));
          return { samples: [share], unit: 'processors', more: { grown, seconds: forSeconds } };
        } finally {
          rmSync(dir, { recursive: true, force: true });
        }
      },
    },
  });
}
