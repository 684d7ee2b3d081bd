/**
 * One real guest, VMDK to a fixed and bootable qcow2, by Drover and by virt-v2v in the same run on the same machine; and
 * by the two things that neither can do without: one appliance launch and one conversion. Needs the built `dist/`.
 *
 * Prints one JSON line per case: { name, seconds, cpuSeconds, writtenBytes?, rss?, ... }, then the ratios with their
 * limits. VALIDATE is off: virt-v2v proves nothing either. The guest has UUIDs in fstab, because virt-v2v cannot convert
 * the by-path names of the demo guest.
 *
 * Usage: node bench/peers.mjs [runs]; ends with 1 when a limit is missed. Without virt-v2v, nbdkit and nbdcopy that ratio is
 * left out.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildGuest } from '../test/guests/index.mjs';
import { toolEnv } from '../test/guests/run.mjs';

const MIB = 1024 ** 2;
const LIMITS = {
  /** Drover's time as a part of virt-v2v's. */
  v2v: 1 / 6,
  /** Drover's time over one appliance launch plus one qemu-img convert. */
  floor: 1.5,
  /** Bytes written over 1.1 times the image plus 64 MiB. */
  written: 1,
  /** Peak memory of Drover's own process. */
  rss: 250 * MIB,
};

const runs = Number(process.argv[2] ?? 1);
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const dir = mkdtempSync(path.join(tmpdir(), 'drover-peers-'));

/** Runs a command and prints, as its last line on stderr, what it took: seconds, CPU seconds, and bytes written. */
const measured = `
TIMEFORMAT='%R %U %S'
time "$@"
code=$?
awk '/^write_bytes/ { print "written", $2 }' /proc/$$/io >&2 2>/dev/null
exit $code
`;

/**
 * @typedef {object} Measurement
 * @property {number} seconds
 * @property {number} cpuSeconds
 * @property {number | undefined} writtenBytes by the command and all it waited for
 */

/**
 * @param {string} cwd
 * @param {readonly string[]} command
 * @param {string} [input]
 * @returns {Measurement}
 */
function measure(cwd, command, input) {
  const options = {
    cwd,
    env: toolEnv,
    input: input ?? '',
    encoding: /** @type {const} */ ('utf8'),
    maxBuffer: 64 * MIB,
  };
  const result = spawnSync('bash', ['-c', measured, 'bash', ...command], options);
  if (result.status !== 0)
    throw new Error(`${command.join(' ')} ended with ${result.status}:\n${result.stderr.slice(-3000)}`);
  const times = [...result.stderr.matchAll(/^(\d+[.]\d+) (\d+[.]\d+) (\d+[.]\d+)$/gm)].pop();
  if (!times) throw new Error('bash printed no times');
  const written = /^written (\d+)$/m.exec(result.stderr);
  return {
    seconds: Number(times[1]),
    cpuSeconds: Number(times[2]) + Number(times[3]),
    writtenBytes: written ? Number(written[1]) : undefined,
  };
}

/** @param {string} file */
const allocated = (file) => statSync(file).blocks * 512;

const playbook = `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: peers }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
waves:
  - name: all
    vms:
      - { name: web01, disks: [web01.vmdk], overrides: { firmware: bios, memory: 1GiB, cpus: 2, nics: { "0": { mac: "00:50:56:3a:5b:7c", network: default } }, validate: { level: none } } }
`;

/** Node writes its own peak memory to a file when it ends. */
const reportPeak = `data:text/javascript,${encodeURIComponent(
  "import { writeFileSync } from 'node:fs'; process.on('exit', () => writeFileSync(process.env.DROVER_BENCH_PEAK, String(process.resourceUsage().maxRSS * 1024)));",
)}`;

/** @param {string} work fresh, with images/web01.vmdk */
function droverCase(work) {
  writeFileSync(path.join(work, 'peers.yaml'), playbook);
  const peak = path.join(work, 'peak');
  const command = ['env', `DROVER_BENCH_PEAK=${peak}`, process.execPath, '--import', reportPeak, main];
  const took = measure(work, [...command, 'run', 'peers.yaml', '--yes', '--quiet']);
  const image = allocated(path.join(work, 'out', 'web01', 'web01-disk0.qcow2'));
  return { ...took, rss: Number(readFileSync(peak, 'utf8')), imageBytes: image };
}

/** @param {string} work */
function v2vCase(work) {
  mkdirSync(path.join(work, 'v2v'));
  const args = ['-i', 'disk', path.join(work, 'images', 'web01.vmdk'), '-o', 'local', '-of', 'qcow2', '-os', 'v2v'];
  const took = measure(work, ['virt-v2v', ...args]);
  const image = readdirSync(path.join(work, 'v2v')).find((name) => !name.endsWith('.xml')) ?? '';
  return { ...took, imageBytes: allocated(path.join(work, 'v2v', image)) };
}

/** @param {string} work */
function launchCase(work) {
  const disk = path.join(work, 'images', 'web01.vmdk');
  return measure(work, ['guestfish'], `add "${disk}" format:vmdk readonly:true\nrun\nlist-filesystems\n`);
}

/** @param {string} work */
function convertCase(work) {
  return measure(work, ['qemu-img', 'convert', '-f', 'vmdk', '-O', 'qcow2', 'images/web01.vmdk', 'plain.qcow2']);
}

// It reads disks through nbdkit and writes them with nbdcopy, which its package only recommends.
const hasV2v = ['virt-v2v', 'nbdkit', 'nbdcopy'].every(
  (tool) => spawnSync(tool, ['--version'], { env: toolEnv }).status === 0,
);
/** @type {Record<string, (work: string) => Measurement & { rss?: number, imageBytes?: number }>} */
const cases = {
  launch: launchCase,
  convert: convertCase,
  drover: droverCase,
  ...(hasV2v ? { 'virt-v2v': v2vCase } : {}),
};

try {
  const guest = await buildGuest('demo-uuid', { format: 'vmdk', say: (text) => process.stderr.write(`${text} ...\n`) });
  /** The best of the runs: other work on the machine can only add to it. @type {Record<string, ReturnType<typeof droverCase>>} */
  const best = {};
  for (let run = 0; run < runs; run++) {
    for (const [name, take] of Object.entries(cases)) {
      const work = mkdtempSync(path.join(dir, `${name}-`));
      mkdirSync(path.join(work, 'images'));
      copyFileSync(guest.disks[0] ?? '', path.join(work, 'images', 'web01.vmdk'));
      const took = /** @type {ReturnType<typeof droverCase>} */ (take(work));
      console.log(JSON.stringify({ name: `peers.${name}`, run, ...took }));
      if (!best[name] || took.seconds < best[name].seconds) best[name] = took;
      rmSync(work, { recursive: true, force: true });
    }
  }
  const { launch, convert, drover, 'virt-v2v': v2v } = best;
  if (!launch || !convert || !drover) throw new Error('nothing was measured');
  const ratios = {
    'peers.ratio.floor': [drover.seconds / (launch.seconds + convert.seconds), LIMITS.floor],
    ...(v2v ? { 'peers.ratio.virt-v2v': [drover.seconds / v2v.seconds, LIMITS.v2v] } : {}),
    ...(drover.writtenBytes === undefined
      ? {}
      : { 'peers.written': [drover.writtenBytes / (1.1 * drover.imageBytes + 64 * MIB), LIMITS.written] }),
    'peers.rss': [drover.rss, LIMITS.rss],
  };
  for (const [name, [value = 0, limit = 0]] of Object.entries(ratios)) {
    const ok = value <= limit;
    if (!ok) process.exitCode = 1;
    console.log(JSON.stringify({ name, value, limit, ok, runs }));
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
