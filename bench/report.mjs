/**
 * The report of a run of ten thousand machines: building it from events, and writing the HTML page and the Markdown.
 * Needs the built `dist/`.
 * Usage: node bench/report.mjs [CASE...]
 */
import { STAGES } from '../dist/model/stage.js';
import { buildReport, reportHtml } from '../dist/report/index.js';
import { repeat, runCases } from './measure.mjs';

const T0 = Date.parse('2026-01-01T00:00:00.000Z');
const N = 10_000;
const ts = (ms) => new Date(T0 + ms).toISOString();

function graph(n) {
  const vms = Array.from({ length: n }, (_, i) => ({
    vmKey: `images:vm${i}`,
    name: `vm${i}`,
    wave: `wave${i % 10}`,
    description: { warnings: [], nics: [], disks: [], origin: { kind: 'disks', path: `/images/vm${i}.vmdk` } },
  }));
  return {
    playbook: 'bench',
    playbookDigests: [],
    warnings: [],
    vms,
    waves: Array.from({ length: 10 }, (_, i) => ({ name: `wave${i}` })),
    nodes: vms.flatMap((vm) =>
      STAGES.map((stage) => ({
        id: `${vm.name}.${stage}`,
        kind: 'stage',
        stage,
        vmKey: vm.vmKey,
        demand: [{ pool: 'local.disk', units: 1 }],
        estimate: { p50s: 10 },
        cacheReasons: [{ kind: 'never-ran' }],
      })),
    ),
  };
}

function events(n) {
  const list = [];
  const add = (ms, i, stage, data, type = 'task.state') =>
    list.push({
      v: 1,
      seq: list.length + 1,
      ts: ts(ms),
      run: 'r',
      vm: `images:vm${i}`,
      ...(stage === undefined ? {} : { stage, task: `vm${i}.${stage}`, attempt: 1 }),
      type,
      data,
    });
  for (let i = 0; i < n; i += 1) {
    let at = (i % 997) * 10_000;
    for (const stage of STAGES) {
      add(at, i, stage, { from: 'pending', to: 'ready' });
      add(at + 2000, i, stage, { from: 'ready', to: 'running' });
      at += 10_000;
      add(at, i, stage, { from: 'running', to: 'succeeded', seconds: 8, bytes: 1e9 });
    }
    add(at, i, undefined, { to: i % 101 === 0 ? 'failed' : 'succeeded' }, 'vm.state');
  }
  return list;
}

/** @param {number} n */
const input = (n) => ({
  graph: graph(n),
  run: {
    id: 'r',
    playbook: 'bench',
    planHash: 'ab',
    startedAt: ts(0),
    endedAt: ts(1e7),
    outcome: 'failed',
    user: 'u',
    host: 'h',
    version: '0',
    dir: '/r',
  },
  host: { accelerator: 'kvm', acceleratorReason: '', cpus: 1, memoryBytes: 1, tools: {} },
  events: events(n),
  results: new Map(),
  waivers: [],
  leftBehind: [],
  now: ts(1e7),
});

await runCases(import.meta.filename, {
  'report.build': {
    n: N,
    limits: { p50: 5 },
    measure: async (n) => {
      const of = input(n);
      return { samples: await repeat(() => buildReport(of)), unit: 's' };
    },
  },
  'report.html': {
    n: N,
    limits: { p50: 5, bytes: 5 * 1024 ** 2 },
    measure: async (n) => {
      const report = buildReport(input(n));
      const bytes = Buffer.byteLength(reportHtml(report));
      return { samples: await repeat(() => reportHtml(report)), unit: 's', more: { bytes } };
    },
  },
});
