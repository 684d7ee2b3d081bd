/**
 * The demo: a real Debian guest as VMware left it becomes a machine that boots under KVM, and the evidence is shown.
 * What it prints is read from the run's report and from what the guest printed on its serial port, and it fails when
 * any of it is missing.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildOva, recipes, whyNotHere } from '../test/guests/index.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dir = path.resolve(process.argv[2] ?? path.join(root, 'demo'));
const recipe = recipes.demo;
const started = Date.now();

const say = (/** @type {string} */ text) => process.stderr.write(`${text}\n`);
const seconds = (/** @type {number} */ since) => `${((Date.now() - since) / 1000).toFixed(0)} s`;

const playbook = `# yaml-language-server: $schema=${path.relative(dir, path.join(root, 'schemas', 'playbook.schema.json'))}
apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: demo }
sources: { exports: { type: local, dir: ./exports } }
targets: { here: { type: files, dir: ./out } }
mappings:
  networks:
    default:
      - { from: VM Network, to: default }
waves:
  - name: all
    vms:
      - { name: ${recipe.hostname}, ova: ${recipe.hostname}.ova, overrides: { validate: { level: network } } }
`;

/** Brings the exported machine and the playbook into the demo's folder, without touching what is right already. */
async function prepare() {
  const obstacle = await whyNotHere();
  if (obstacle !== undefined) throw new Error(obstacle);
  const building = Date.now();
  const ova = await buildOva('demo', { say: (text) => say(`  ${text} ...`) });
  await mkdir(path.join(dir, 'exports'), { recursive: true });
  const copy = path.join(dir, 'exports', `${recipe.hostname}.ova`);
  const [from, to] = [await stat(ova), await stat(copy).catch(() => undefined)];
  // The copy carries the time of its original: an unchanged export must stay an unchanged source.
  if (to?.size !== from.size || Math.trunc(to.mtimeMs) !== Math.trunc(from.mtimeMs)) {
    await rm(copy, { force: true });
    await copyFile(ova, copy);
    await utimes(copy, from.atime, from.mtime);
  }
  const file = path.join(dir, 'demo.yaml');
  if ((await readFile(file, 'utf8').catch(() => '')) !== playbook) await writeFile(file, playbook);
  say(`  ${path.relative(process.cwd(), copy)}, ${(from.size / 2 ** 20).toFixed(0)} MiB (${seconds(building)})`);
  return file;
}

/**
 * Runs the command line as a user would; its screen goes to the terminal, its result is returned.
 * @param {readonly string[]} args
 * @returns {Promise<{ code: number, stdout: string }>}
 */
function drover(args) {
  return new Promise((resolve, reject) => {
    const main = path.join(root, 'dist', 'cli', 'main.js');
    const child = spawn(process.execPath, [main, ...args], { stdio: ['inherit', 'pipe', 'inherit'] });
    // The child hears Ctrl-C itself and ends in order; this process waits for it.
    const patience = () => undefined;
    process.on('SIGINT', patience);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => (stdout += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGINT', patience);
      resolve({ code: code ?? 1, stdout });
    });
  });
}

/**
 * @typedef {import('../src/model/report.js').RunReport} RunReport
 * @typedef {import('../src/model/report.js').VmReport} VmReport
 */

/**
 * Every claim with what proves it; `seen` is absent when the proof is missing.
 * @param {VmReport} vm
 * @returns {Promise<{ claim: string, seen: string | undefined }[]>}
 */
async function evidence(vm) {
  const guest = vm.validation?.guestReport;
  const serial = vm.validation?.evidenceDir ? await serialText(vm.validation.evidenceDir) : '';
  const login = serial.split(/[\r\n]+/).find((line) => /\blogin:\s*$/.test(line));
  const nic = guest?.interfaces.find((candidate) => candidate.name === recipe.network.ifname);
  const address = nic?.addresses.find((candidate) => /^\d+\.\d+\.\d+\.\d+/.test(candidate));
  return [
    { claim: 'login prompt reached', seen: login?.trim() },
    {
      claim: `${recipe.network.ifname} up with a DHCP address`,
      seen: nic && nic.mac === recipe.network.mac && address ? `${address}, still ${nic.mac}` : undefined,
    },
    {
      claim: 'zero failed units',
      seen: guest && guest.failedUnits.length === 0 ? `systemd says ${guest.systemState}` : undefined,
    },
    { claim: 'proof passed', seen: vm.validation?.verdict === 'pass' ? `level ${vm.validation.level}` : undefined },
  ];
}

/** @param {string} evidenceDir */
async function serialText(evidenceDir) {
  for (const name of ['serial.txt', 'serial.log']) {
    const file = path.join(evidenceDir, name);
    if (existsSync(file)) return readFile(file, 'utf8');
  }
  return '';
}

/** @param {VmReport} vm */
function sayChanges(vm) {
  const changes = vm.fix.flatMap((step) => step.changes.map((change) => ({ step: step.id, path: change.path })));
  if (changes.length === 0) return;
  say(`\nChanged inside the guest (${changes.length} files; every diff is in the report):`);
  /** @type {Map<string, string[]>} */
  const byStep = new Map();
  for (const { step, path: file } of changes) byStep.set(step, [...(byStep.get(step) ?? []), file]);
  const shown = 3;
  for (const [step, files] of byStep) {
    const rest = files.length > shown ? `, and ${files.length - shown} more` : '';
    say(`  ${step.padEnd(14)} ${files.slice(0, shown).join(', ')}${rest}`);
  }
}

try {
  say(`A Debian 12 server as VMware left it: ${recipe.about}`);
  const file = await prepare();
  say(`\ndrover run ${path.relative(process.cwd(), file)} --yes`);
  const running = Date.now();
  const { code, stdout } = await drover(['--state-dir', path.join(dir, '.drover'), 'run', file, '--yes', '--json']);
  if (code !== 0) throw new Error(`drover run ended with ${code}`);
  /** @type {RunReport} */
  const report = JSON.parse(stdout);
  const vm = report.vms[0];
  if (!vm) throw new Error('the report holds no machine');
  sayChanges(vm);
  say(`\nEvidence from the boot of the product${vm.cached ? ' (of an earlier run; nothing had to be done)' : ''}:`);
  const claims = await evidence(vm);
  for (const { claim, seen } of claims) say(`  ${seen ? '✔' : '✖'} ${claim.padEnd(30)} ${seen ?? 'no evidence'}`);
  say('\nWhat came out:');
  for (const product of vm.products) say(`  disk    ${product.path}`);
  if (vm.domainXml) say(`  xml     ${vm.domainXml}`);
  say(`  report  ${path.join(report.run.dir, 'report.html')} (and report.md, report.json)`);
  if (vm.validation?.evidenceDir) say(`  boot    ${vm.validation.evidenceDir}`);
  const absent = [...vm.products.map((product) => product.path), vm.domainXml ?? 'a domain XML'].filter(
    (product) => !existsSync(product),
  );
  if (vm.products.length === 0) absent.push('a disk');
  if (absent.length > 0) throw new Error(`missing: ${absent.join(', ')}`);
  if (claims.some(({ seen }) => !seen)) throw new Error('the evidence is not complete');
  say(`\nDone in ${seconds(started)}, of which drover took ${seconds(running)}. Run it again: there is nothing to do.`);
} catch (error) {
  say(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
