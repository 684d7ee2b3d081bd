/**
 * Compiling a playbook of ten thousand machines: from YAML, from a CSV list, and writing and reading the plan.
 * Each case runs in a process of its own, so that its peak memory is its own. Needs the built `dist/`.
 *
 * Prints one JSON line per case: { name, n, runs, mean, p50, p99, rss, bytes?, limit, ok, node, cpu }; seconds and bytes.
 * Usage: node bench/plan.mjs [machines] [runs]
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { loadPlaybook } from '../dist/playbook/index.js';
import { planFromJson, planToJson } from '../dist/model/plan-json.js';
import { STAGES } from '../dist/model/stage.js';
import { compilePlan } from '../dist/plan/index.js';

const GIB = 1024 ** 3;
const ROOT = '/bench';
/** Seconds and bytes that must not be exceeded with 10 000 machines on two shared processors. */
const LIMITS = {
  'plan.compile-yaml': { seconds: 6, rss: 600 * 1024 ** 2 },
  'plan.compile-csv': { seconds: 2, rss: 600 * 1024 ** 2 },
  'plan.write': { seconds: 0.5, bytes: 25e6 },
  'plan.read': { seconds: 1 },
};

const name = (i) => `vm${String(i).padStart(5, '0')}`;

function head(wave) {
  return `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: bench }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
mappings: { networks: { default: [ { from: "*", to: default } ] } }
defaults: { source: images, target: here, validate: { level: boot } }
waves:
  - name: all
${wave}`;
}

function yamlText(n) {
  const rows = Array.from(
    { length: n },
    (_, i) =>
      `      - name: ${name(i)}\n        disks: [ ${name(i)}.vmdk ]\n        overrides: { memory: ${1 + (i % 16)}GiB, cpus: ${1 + (i % 8)}, nics: { "0": { mac: "${mac(i)}" } } }\n`,
  );
  return head(`    vms:\n${rows.join('')}`);
}

function csvText(n) {
  const rows = Array.from({ length: n }, (_, i) => `${name(i)},${name(i)}.vmdk\n`);
  return `name,disks\n${rows.join('')}`;
}

function mac(i) {
  return `00:50:56:${[i >> 16, i >> 8, i].map((part) => (part & 255).toString(16).padStart(2, '0')).join(':')}`;
}

function files(n, kind) {
  const texts = new Map([
    [`${ROOT}/bench.yaml`, kind === 'yaml' ? yamlText(n) : head('    vmsFrom: { file: list.csv }\n')],
    [`${ROOT}/list.csv`, csvText(n)],
  ]);
  const bytes = new Map([...texts].map(([path, text]) => [path, Buffer.from(text)]));
  return {
    read: async (path) => {
      const found = bytes.get(path);
      if (found === undefined) throw new Error(`no file ${path}`);
      return found;
    },
    realpath: async (path) => path,
    exists: async (path) => bytes.has(path) || path === ROOT,
  };
}

/** What the sources would say: loose disks of many sizes. */
function describe(i) {
  const path = `${ROOT}/images/${name(i)}.vmdk`;
  const sizeBytes = (1 + ((i * 7919) % 200)) * 2 ** 28;
  return {
    name: name(i),
    vmKey: `images:${name(i)}`,
    origin: { kind: 'disks', path },
    disks: [
      {
        id: 'disk0',
        index: 0,
        bus: 'scsi',
        virtualSizeBytes: (10 + (i % 50)) * GIB,
        allocatedBytes: sizeBytes,
        location: {
          kind: 'file',
          path,
          format: 'vmdk',
          chain: [
            {
              path,
              role: 'image',
              sizeBytes,
              mtimeNs: `17000000000000${String(i).padStart(5, '0')}`,
              inode: String(i),
              sampleSha256: createHash('sha256').update(path).digest('hex'),
            },
          ],
        },
      },
    ],
    nics: [{ index: 0, mac: mac(i), network: 'VM Network' }],
    warnings: [],
  };
}

const READS = {
  FETCH: ['/fetch'],
  FLATTEN: ['/flatten'],
  INSPECT: ['/guest'],
  PLAN: ['/firmware', '/machine', '/memory', '/cpus', '/nics', '/disk/bus', '/disks', '/network'],
  FIX: ['/fix'],
  CONVERT: ['/disk', '/disks', '/convert'],
  VALIDATE: ['/validate'],
};

function facts() {
  return {
    createdBy: 'drover bench',
    today: '2026-01-01',
    host: {
      cpus: 8,
      memoryBytes: 64 * GIB,
      freeMemoryBytes: 48 * GIB,
      scratchDir: '/scratch',
      scratchFreeBytes: 4096 * GIB,
      kvm: { usable: true, reason: '' },
    },
    tools: { 'qemu-img': '7.2', guestfish: '1.48' },
    stages: Object.fromEntries(
      STAGES.map((stage) => [stage, { implVersion: 1, readsSettings: READS[stage], tools: ['qemu-img', 'guestfish'] }]),
    ),
    targets: {},
  };
}

async function compiled(n, kind) {
  const loaded = await loadPlaybook([`${ROOT}/bench.yaml`], { cwd: ROOT, env: () => undefined }, files(n, kind));
  if (loaded.value === undefined) throw new Error(JSON.stringify(loaded.diagnostics.slice(0, 3)));
  const descriptions = new Map(Array.from({ length: n }, (_, i) => [name(i), describe(i)]));
  const begin = performance.now();
  const { value, diagnostics } = compilePlan({ loaded: loaded.value, descriptions, facts: facts() });
  if (value === undefined) throw new Error(JSON.stringify(diagnostics.slice(0, 3)));
  return { graph: value, compileSeconds: (performance.now() - begin) / 1000 };
}

async function measure(task, n, runs) {
  const samples = [];
  let bytes;
  if (task.startsWith('plan.compile')) {
    const kind = task.endsWith('yaml') ? 'yaml' : 'csv';
    for (let run = 0; run < runs; run += 1) {
      const begin = performance.now();
      const { compileSeconds } = await compiled(n, kind);
      samples.push((performance.now() - begin) / 1000);
      if (process.env.BENCH_VERBOSE) console.error(`${task}: of which compiling ${compileSeconds.toFixed(2)} s`);
    }
  } else {
    const { graph } = await compiled(n, 'csv');
    const text = planToJson(graph);
    bytes = Buffer.byteLength(text);
    for (let run = 0; run < runs; run += 1) {
      const begin = performance.now();
      if (task === 'plan.write') planToJson(graph);
      else planFromJson(text);
      samples.push((performance.now() - begin) / 1000);
    }
  }
  const sorted = samples.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const limit = LIMITS[task];
  const rss = process.resourceUsage().maxRSS * 1024;
  const p50 = at(0.5);
  const ok =
    p50 <= limit.seconds &&
    (limit.rss === undefined || rss <= limit.rss) &&
    (limit.bytes === undefined || bytes <= limit.bytes);
  return {
    name: task,
    n,
    runs,
    mean: samples.reduce((sum, value) => sum + value, 0) / samples.length,
    p50,
    p99: at(0.99),
    rss,
    ...(bytes === undefined ? {} : { bytes }),
    limit,
    ok,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
  };
}

const [first = '10000', second = '3', only] = process.argv.slice(2);
if (only === undefined) {
  for (const task of Object.keys(LIMITS)) {
    const self = fileURLToPath(import.meta.url);
    process.stdout.write(
      execFileSync(process.execPath, [self, first, second, task], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
  }
} else {
  process.stdout.write(`${JSON.stringify(await measure(only, Number(first), Number(second)))}\n`);
}
