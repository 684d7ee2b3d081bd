/** Playbooks of many machines in memory, and the plans that are compiled from them. */
import { createHash } from 'node:crypto';
import { loadPlaybook } from '../dist/playbook/index.js';
import { STAGES } from '../dist/model/stage.js';
import { compilePlan } from '../dist/plan/index.js';

const GIB = 1024 ** 3;
const ROOT = '/bench';

const name = (/** @type {number} */ i) => `vm${String(i).padStart(5, '0')}`;

/** @param {string} wave */
function head(wave) {
  return `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: bench }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
mappings: { networks: { default: [ { from: "*", to: default } ] } }
defaults: { source: images, target: here, validate: { level: boot } }
limits: { maxVmsInFlight: 64 }
waves:
  - name: all
${wave}`;
}

/** @param {number} n */
function yamlText(n) {
  const rows = Array.from(
    { length: n },
    (_, i) =>
      `      - name: ${name(i)}\n        disks: [ ${name(i)}.vmdk ]\n        overrides: { memory: ${1 + (i % 16)}GiB, cpus: ${1 + (i % 8)}, nics: { "0": { mac: "${mac(i)}" } } }\n`,
  );
  return head(`    vms:\n${rows.join('')}`);
}

/** @param {number} n */
function csvText(n) {
  const rows = Array.from({ length: n }, (_, i) => `${name(i)},${name(i)}.vmdk\n`);
  return `name,disks\n${rows.join('')}`;
}

/** @param {number} i */
function mac(i) {
  return `00:50:56:${[i >> 16, i >> 8, i].map((part) => (part & 255).toString(16).padStart(2, '0')).join(':')}`;
}

/**
 * @param {number} n
 * @param {'yaml' | 'csv'} kind
 */
function files(n, kind) {
  const texts = new Map([
    [`${ROOT}/bench.yaml`, kind === 'yaml' ? yamlText(n) : head('    vmsFrom: { file: list.csv }\n')],
    [`${ROOT}/list.csv`, csvText(n)],
  ]);
  const bytes = new Map([...texts].map(([path, text]) => [path, Buffer.from(text)]));
  return {
    read: async (/** @type {string} */ path) => {
      const found = bytes.get(path);
      if (found === undefined) throw new Error(`no file ${path}`);
      return found;
    },
    realpath: async (/** @type {string} */ path) => path,
    exists: async (/** @type {string} */ path) => bytes.has(path) || path === ROOT,
  };
}

/** What the sources would say: loose disks of many sizes. @param {number} i */
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
      cpus: 64,
      memoryBytes: 512 * GIB,
      freeMemoryBytes: 480 * GIB,
      scratchDir: '/scratch',
      scratchFreeBytes: 65536 * GIB,
      kvm: { usable: true, reason: '' },
    },
    tools: { 'qemu-img': '7.2', guestfish: '1.48' },
    stages: Object.fromEntries(
      STAGES.map((stage) => [stage, { implVersion: 1, readsSettings: READS[stage], tools: ['qemu-img', 'guestfish'] }]),
    ),
    targets: {},
  };
}

/**
 * Loads and compiles a playbook of `n` machines.
 * @param {number} n
 * @param {'yaml' | 'csv'} kind
 */
export async function bigPlan(n, kind) {
  const loaded = await loadPlaybook([`${ROOT}/bench.yaml`], { cwd: ROOT, env: () => undefined }, files(n, kind));
  if (loaded.value === undefined) throw new Error(JSON.stringify(loaded.diagnostics.slice(0, 3)));
  const descriptions = new Map(Array.from({ length: n }, (_, i) => [name(i), describe(i)]));
  const { value, diagnostics } = compilePlan({ loaded: loaded.value, descriptions, facts: facts() });
  if (value === undefined) throw new Error(JSON.stringify(diagnostics.slice(0, 3)));
  return value;
}
