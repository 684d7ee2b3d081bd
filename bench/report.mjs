/**
 * The report of a run of ten thousand machines: building it from events, and writing the HTML page and the Markdown.
 * Needs the built `dist/`. Prints one JSON line per case: { name, n, runs, mean, p50, p99, rss, bytes?, limit, ok, node, cpu }.
 * Usage: node bench/report.mjs [machines] [runs]
 */
import { cpus } from 'node:os';
import { STAGES } from '../dist/model/stage.js';
import { buildReport, reportHtml } from '../dist/report/index.js';

const T0 = Date.parse('2026-01-01T00:00:00.000Z');
const LIMITS = {
  'report.build': { seconds: 5 },
  'report.html': { seconds: 5, bytes: 5 * 1024 ** 2 },
};
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

const [n = 10_000, runs = 3] = process.argv.slice(2).map(Number);
const input = {
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
};
let report;
let page = '';
const cases = { 'report.build': () => (report = buildReport(input)), 'report.html': () => (page = reportHtml(report)) };
for (const [name, work] of Object.entries(cases)) {
  const samples = [];
  for (let run = 0; run < runs; run += 1) {
    const begin = performance.now();
    work();
    samples.push((performance.now() - begin) / 1000);
  }
  samples.sort((a, b) => a - b);
  const at = (share) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))];
  const limit = LIMITS[name];
  const bytes = name === 'report.html' ? Buffer.byteLength(page) : undefined;
  const result = {
    name,
    n,
    runs,
    mean: samples.reduce((sum, value) => sum + value, 0) / samples.length,
    p50: at(0.5),
    p99: at(0.99),
    rss: process.resourceUsage().maxRSS * 1024,
    ...(bytes === undefined ? {} : { bytes }),
    limit,
    ok: at(0.5) <= limit.seconds && (bytes === undefined || bytes <= limit.bytes),
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
