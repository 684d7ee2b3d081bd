/**
 * The command line as a process: what it costs to start, and a playbook run again of which nothing changed. Needs the
 * built `dist/` and qemu-img.
 * Usage: node bench/cli.mjs [CASE...]
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCases } from './measure.mjs';

const entry = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/**
 * Processor seconds of a process and its children, best of several: other work on the machine only ever adds.
 * @param {readonly string[]} args of node
 */
function cpuSeconds(args) {
  const script = `TIMEFORMAT='%U %S'; time "$@" >/dev/null`;
  const { stderr } = spawnSync('bash', ['-c', script, 'bash', process.execPath, ...args], { encoding: 'utf8' });
  const [user, system] = stderr.trim().split(' ').map(Number);
  return (user ?? Number.NaN) + (system ?? Number.NaN);
}

/** @param {readonly string[]} args */
const best = (args) => Math.min(...Array.from({ length: 9 }, () => cpuSeconds(args)));

/** @param {readonly string[]} args of drover */
function start(args) {
  const bare = best(['-e', '0']);
  return { samples: [best([entry, ...args])], unit: 's of processor', more: { bareNode: bare } };
}

/** A playbook of `n` data disks, carried out once; then again, timed. @param {number} n */
function again(n) {
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-bench-'));
  try {
    mkdirSync(path.join(dir, 'images'));
    const names = Array.from({ length: n }, (_, i) => `vm${String(i).padStart(4, '0')}`);
    const image = path.join(dir, 'image.qcow2');
    spawnSync('qemu-img', ['create', '-q', '-f', 'qcow2', image, '1M']);
    for (const name of names) copyFileSync(image, path.join(dir, 'images', `${name}.qcow2`));
    writeFileSync(path.join(dir, 'list.csv'), `name,disks\n${names.map((name) => `${name},${name}.qcow2\n`).join('')}`);
    writeFileSync(
      path.join(dir, 'bench.yaml'),
      `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: bench }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
defaults: { source: images, target: here, guest: { family: none }, memory: 256MiB, validate: { level: image } }
limits: { maxVmsInFlight: 8 }
waves: [{ name: all, vmsFrom: { file: list.csv } }]
`,
    );
    const run = () => {
      const begin = performance.now();
      const { status, stderr } = spawnSync(
        process.execPath,
        [entry, 'run', 'bench.yaml', '--yes', '--renderer', 'silent'],
        {
          cwd: dir,
          encoding: 'utf8',
        },
      );
      if (status !== 0) throw new Error(`the run ended with ${status}: ${stderr.slice(0, 2000)}`);
      return (performance.now() - begin) / 1000;
    };
    const first = run();
    const second = run();
    const runs = path.join(dir, '.drover', 'runs');
    const last = readdirSync(runs).sort().at(-1) ?? '';
    const started = readFileSync(path.join(runs, last, 'journal.ndjson'), 'utf8').split('"task.start"').length - 1;
    return { samples: [second], unit: 's', more: { first, started } };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

await runCases(import.meta.filename, {
  'cli.version': { n: 1, limits: { p50: 0.15 }, measure: () => start(['--version']) },
  'cli.help': { n: 1, measure: () => start(['--help']) },
  // `started` counts stages that ran in the second run.
  'cli.again': { n: 1000, limits: { p50: 5, started: 0 }, measure: again },
});
