/**
 * Guests of other kinds than the demo's, each taken the whole way. A guest takes one to four minutes without KVM, so most
 * run only when asked for: DROVER_TEST_GUESTS=all, or the names of recipes separated by commas. The one that always runs
 * shares its packages with the demo's guest.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunReport } from '../../src/model/report.js';
import { buildGuest, recipes, whyNotHere } from '../guests/index.mjs';
import type { RecipeName } from '../guests/index.mjs';
import { drover } from '../support/cli.js';

const names = Object.keys(recipes) as RecipeName[];
const wanted = process.env['DROVER_TEST_GUESTS'];
const asked = (wanted ?? 'two-adapters').split(',').filter((name) => name !== '');
const unknown = asked.filter((name) => name !== 'all' && !names.some((known) => known === name));
if (unknown.length > 0) throw new Error(`DROVER_TEST_GUESTS: there is no recipe ${unknown.join(', ')}`);
const chosen = asked.includes('all') ? names : names.filter((name) => asked.includes(name));
const obstacle = chosen.length === 0 ? 'DROVER_TEST_GUESTS names no guests' : await whyNotHere();
if (obstacle !== undefined) {
  const isNeeded = chosen.length > 0 && (wanted !== undefined || process.env['DROVER_REQUIRE_TOOLS'] === '1');
  if (isNeeded) throw new Error(obstacle);
  console.warn(`skipped: ${obstacle}`);
}

/** The contract's playbook for a list of disks. Without `mac` the guest itself has to tell its address. */
function diskPlaybook(files: readonly string[], mac: string | undefined, level: string): string {
  const nic = mac === undefined ? '{ network: default }' : `{ mac: "${mac}", network: default }`;
  return playbook(`disks: [${files.join(', ')}]`, `nics: { "0": ${nic} }, `, level);
}

function playbook(madeOf: string, nics: string, level: string): string {
  return `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: first }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
waves:
  - name: all
    vms:
      - { name: web01, source: images, target: here, ${madeOf}, overrides: { memory: 1GiB, cpus: 2, ${nics}validate: { level: ${level} } } }
`;
}

/** The VMX of a guest with two adapters, which says their addresses and slots; the playbook says only where they go. */
function vmx(name: RecipeName, files: readonly string[]): string {
  const { network } = recipes[name];
  const adapter = (n: number, mac: string, ifname: string): string =>
    `ethernet${n}.present = "TRUE"\nethernet${n}.virtualDev = "vmxnet3"\nethernet${n}.addressType = "static"\nethernet${n}.address = "${mac}"\nethernet${n}.networkName = "VM Network"\nethernet${n}.pciSlotNumber = "${ifname.replace('ens', '')}"\n`;
  const disks = files.map((file, n) => `scsi0:${n}.present = "TRUE"\nscsi0:${n}.fileName = "${file}"\n`).join('');
  const second = network.second === undefined ? '' : adapter(1, network.second.mac, network.second.ifname);
  return `.encoding = "UTF-8"\nconfig.version = "8"\nvirtualHW.version = "19"\ndisplayName = "web01"\nguestOS = "debian12-64"\nfirmware = "bios"\nscsi0.present = "TRUE"\nscsi0.virtualDev = "pvscsi"\n${disks}${adapter(0, network.mac, network.ifname)}${second}`;
}

/** Runs the playbook in a folder of its own that gets these disks. */
async function migrate(
  dir: string,
  disks: readonly string[],
  mac: string | undefined,
  level: string,
  descriptor?: RecipeName,
): Promise<RunReport['vms'][number]> {
  mkdirSync(join(dir, 'images'), { recursive: true });
  const files = disks.map((disk, index) => `disk${index}${extname(disk)}`);
  for (const [index, file] of files.entries()) copyFileSync(disks[index] ?? '', join(dir, 'images', file));
  if (descriptor === undefined) writeFileSync(join(dir, 'first.yaml'), diskPlaybook(files, mac, level));
  else {
    writeFileSync(join(dir, 'images', 'web01.vmx'), vmx(descriptor, files));
    writeFileSync(
      join(dir, 'first.yaml'),
      playbook('vmx: web01.vmx', 'nics: { "0": { network: default }, "1": { network: default } }, ', level),
    );
  }
  const ended = await drover(dir, ['run', 'first.yaml', '--yes', '--json']);
  expect(ended.code, ended.err).toBe(0);
  const [vm] = (JSON.parse(ended.out) as RunReport).vms;
  if (vm === undefined) throw new Error('the report has no machine');
  return vm;
}

describe.skipIf(obstacle !== undefined)('a guest of another kind', () => {
  test.each(chosen.length > 0 ? chosen : names)(
    '%s comes up as it was, and moving it again changes nothing',
    async (name) => {
      const { network } = recipes[name];
      const dir = mkdtempSync(join(process.env['DROVER_TEST_TMP'] ?? tmpdir(), 'drover-guest-'));
      try {
        const guest = await buildGuest(name, { format: 'vmdk' });
        const byDescriptor = network.second === undefined ? undefined : name;
        const vm = await migrate(join(dir, 'first'), guest.disks, network.mac, 'network', byDescriptor);
        expect(vm.validation?.verdict).toBe('pass');
        const report = vm.validation?.guestReport;
        expect(report?.failedUnits).toEqual([]);
        expect(report?.systemState).toBe('running');
        const adapters = network.second === undefined ? [network] : [network, network.second];
        for (const adapter of adapters) {
          const address = adapter.address ?? expect.stringMatching(/^10\.100\.\d+\./);
          expect(report?.interfaces).toContainEqual(
            expect.objectContaining({
              name: adapter.ifname,
              mac: adapter.mac,
              addresses: expect.arrayContaining([address]) as unknown,
            }),
          );
        }
        expect(vm.appliance?.launches).toBe(1);
        expect(vm.appliance?.calls).toBeLessThanOrEqual(25);

        const products = guest.disks.map((_, index) => join(dir, `first/out/web01/web01-disk${index}.qcow2`));
        const again = await migrate(join(dir, 'again'), products, undefined, 'image');
        expect(again.fix.flatMap((step) => step.changes)).toEqual([]);
        if (network.second === undefined) {
          expect(again.nics[0]).toMatchObject({ mac: network.mac, ifname: network.ifname });
        }
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    },
  );
});
