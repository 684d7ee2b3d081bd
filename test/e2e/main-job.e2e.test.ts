/** The whole way: a real guest that VMware left behind becomes one that boots under KVM, with the evidence. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunReport } from '../../src/model/report.js';
import { buildGuest, whyNotHere } from '../guests/index.mjs';
import { drover as runDrover } from '../support/cli.js';

/** In the environment of every run below; it must turn up nowhere. */
const CANARY = 'canary-7f3d9b1e-do-not-print';

const obstacle = await whyNotHere();
if (obstacle !== undefined) {
  if (process.env['DROVER_REQUIRE_TOOLS'] === '1') throw new Error(obstacle);
  console.warn(`skipped: ${obstacle}`);
}

let dir = '';

function playbook(level: string): string {
  return `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: first }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
waves:
  - name: all
    vms:
      - { name: web01, source: images, target: here, disks: [web01.vmdk], overrides: { firmware: bios, memory: 1GiB, cpus: 2, nics: { "0": { mac: "00:50:56:3a:5b:7c", network: default } }, validate: { level: ${level} } } }
`;
}

/** Runs the built command line in the folder of these tests. */
const drover = (args: readonly string[]) => runDrover(dir, args, { DROVER_TEST_TOKEN: CANARY });

function digest(path: string): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  const chunk = Buffer.alloc(1024 ** 2);
  for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) hash.update(chunk.subarray(0, read));
  closeSync(file);
  return hash.digest('hex');
}

function leftProcesses(): readonly string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (words.includes(dir)) found.push(words.slice(0, 160));
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

function* everyFile(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* everyFile(path);
    else if (entry.isFile()) yield path;
  }
}

describe.skipIf(obstacle !== undefined)('a guest is moved', () => {
  let source = '';
  beforeAll(async () => {
    dir = mkdtempSync(join(process.env['DROVER_TEST_TMP'] ?? tmpdir(), 'drover-e2e-'));
    mkdirSync(join(dir, 'images'));
    const guest = await buildGuest('demo', { format: 'vmdk' });
    copyFileSync(guest.disks[0] ?? '', join(dir, 'images', 'web01.vmdk'));
    writeFileSync(join(dir, 'first.yaml'), playbook('network'));
    source = digest(join(dir, 'images', 'web01.vmdk'));
  }, 900_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('the guest comes up on first boot with its network', async () => {
    const last = await drover(['run', 'first.yaml', '--yes', '--json']);
    expect(last.err).toContain('succeeded');
    expect(last.code).toBe(0);
    const report = JSON.parse(last.out) as RunReport;
    const [vm] = report.vms;
    expect(vm?.validation?.verdict).toBe('pass');
    const guest = vm?.validation?.guestReport;
    expect(guest?.interfaces).toContainEqual(
      expect.objectContaining({
        name: 'ens192',
        mac: '00:50:56:3a:5b:7c',
        addresses: expect.arrayContaining([expect.stringMatching(/^10\./)]),
      }),
    );
    expect(guest?.failedUnits).toEqual([]);
    expect(vm?.fix.find((step) => step.id === 'fstab')?.changes[0]?.diff).toMatch(/^-.*by-path.*\n\+UUID=/m);
    expect(leftProcesses()).toEqual([]);
  });

  test('the products lie where the playbook says, and the source is what it was', async () => {
    expect(
      readdirSync(join(dir, 'out', 'web01'))
        .filter((name) => !name.startsWith('.'))
        .sort(),
    ).toEqual(['web01-disk0.qcow2', 'web01.xml']);
    expect(digest(join(dir, 'images', 'web01.vmdk'))).toBe(source);
    const xml = spawnSync('virt-xml-validate', [join(dir, 'out', 'web01', 'web01.xml')], { encoding: 'utf8' });
    expect(xml.status).toBe(0);
  });

  test('a second run has nothing to do, in seconds, and touches nothing', async () => {
    const product = join(dir, 'out', 'web01', 'web01-disk0.qcow2');
    const before = statSync(product).mtimeMs;
    const began = Date.now();
    const again = await drover(['run', 'first.yaml', '--yes', '--json']);
    expect(again.code).toBe(0);
    expect((JSON.parse(again.out) as RunReport).vms[0]?.cached).toBe(true);
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(statSync(product).mtimeMs).toBe(before);
    expect((await drover(['plan', 'first.yaml', '--detailed-exitcode'])).code).toBe(0);
  });

  test('a changed setting reruns what depends on it, and the plan says why', async () => {
    writeFileSync(join(dir, 'first.yaml'), playbook('image').replace('cpus: 2', 'cpus: 3'));
    const plan = await drover(['plan', 'first.yaml', '--detailed-exitcode']);
    expect(plan.code).toBe(10);
    expect(plan.out).toContain('/cpus');
    writeFileSync(join(dir, 'first.yaml'), playbook('network'));
  });

  test('no secret of the environment is in any file that Drover wrote', async () => {
    const found = [...everyFile(join(dir, '.drover')), ...everyFile(join(dir, 'out'))].filter(
      (path) => statSync(path).size < 64 * 1024 ** 2 && readFileSync(path).includes(CANARY),
    );
    expect(found).toEqual([]);
  });
});
