/** INSPECT, PLAN and FIX on real guests in one appliance, then a boot of the result on the hardware that it was made for. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createHost } from '../../src/host/index.js';
import type {
  FetchResult,
  FixResult,
  FlattenResult,
  FixPlan,
  Inspection,
  StageContext,
  StageName,
  StageRunner,
  StageTask,
} from '../../src/model/index.js';
import { createFixStage, createInspectStage, createPlanStage } from '../../src/stages/index.js';
import { buildGuest, requireGuests } from '../support/guests.js';
import { settings } from '../support/plan-fixture.js';

const ready = (await requireGuests()) && process.env['DROVER_SKIP_SLOW'] !== '1';
const lab = mkdtempSync(join(tmpdir(), 'drover-fix-'));
afterAll(() => rmSync(lab, { recursive: true, force: true }));

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

interface Fixed {
  readonly inspection: Inspection;
  readonly plan: FixPlan;
  readonly fix: FixResult;
  readonly log: readonly string[];
}

/** The three stages over images, in one process, as the engine would run them. */
async function fixImages(name: string, disks: readonly string[], format: 'raw' | 'qcow2', mac: string): Promise<Fixed> {
  const host = createHost();
  const kept = new Map<string, AsyncDisposable>();
  const results: Partial<Record<StageName, unknown>> = {};
  const log: string[] = [];
  const images = disks.map((path, index) => ({
    id: `disk${index}`,
    index,
    path,
    format,
    virtualSizeBytes: statSync(path).size,
  }));
  const fetched: FetchResult = {
    description: {
      name,
      vmKey: `images:${name}`,
      origin: { kind: 'disks', path: disks[0] ?? '' },
      disks: images.map(({ id, index }) => ({
        id,
        index,
        bus: 'scsi',
        controller: 0,
        unit: index,
        location: { kind: 'blank' },
      })),
      nics: [{ index: 0, mac, model: 'vmxnet3' }],
      warnings: [],
    },
    disks: [],
    warnings: [],
  };
  const flat: FlattenResult = { disks: images.map((image) => ({ ...image, mode: 'overlay' })), warnings: [] };
  results.FETCH = fetched;
  results.FLATTEN = flat;
  const context: StageContext = {
    signal: new AbortController().signal,
    input: (stage) => results[stage] as never,
    progress: () => undefined,
    log: (_level, message) => void log.push(message),
    spawned: async () => undefined,
    session: {
      get: (key) => kept.get(key) as never,
      keep: (key, thing) => {
        kept.set(key, thing);
        return thing;
      },
      drop: async (key) => {
        const thing = kept.get(key);
        kept.delete(key);
        await thing?.[Symbol.asyncDispose]();
      },
    },
  };
  const run = async (runner: StageRunner): Promise<void> => {
    const work = join(lab, name, runner.stage);
    const logs = join(lab, name, 'logs');
    for (const dir of [work, logs]) mkdirSync(dir, { recursive: true });
    const began = performance.now();
    const task = {
      runId: 'fix-test',
      playbook: 'test',
      taskId: runner.stage,
      stage: runner.stage,
      attempt: 1,
      fingerprint: 'x',
      vm: { vmKey: `images:${name}`, name, settings: settings(), description: fetched.description },
      paths: { work, out: join(lab, name, 'out'), logs },
    } as unknown as StageTask;
    results[runner.stage] = (await runner.run(task, context)).result;
    log.push(`${runner.stage} took ${((performance.now() - began) / 1000).toFixed(1)} s`);
  };
  try {
    for (const runner of [createInspectStage(host), createPlanStage(), createFixStage(host)]) {
      await run(runner);
    }
  } finally {
    for (const thing of kept.values()) await thing[Symbol.asyncDispose]();
  }
  return {
    inspection: results.INSPECT as Inspection,
    plan: results.PLAN as FixPlan,
    fix: results.FIX as FixResult,
    log,
  };
}

/** Boots an image, logs in on the serial console and returns what a command prints. */
async function askOnSerial(image: string, mac: string, command: string, timeoutMs: number): Promise<string> {
  const qemu = spawn('qemu-system-x86_64', [
    ...['-machine', 'q35,accel=tcg', '-cpu', 'max', '-smp', '2', '-m', '1024', '-display', 'none', '-no-reboot'],
    ...['-drive', `file=${image},format=qcow2,if=virtio`, '-nic', `user,model=virtio-net-pci,mac=${mac}`],
    ...['-snapshot', '-serial', 'stdio'],
  ]);
  const steps: readonly (readonly [RegExp, string])[] = [
    [/login: $/, 'root\n'],
    [/Password: $/, 'drover\n'],
    [/# $/, `${command}; echo end-of-answer\n`],
  ];
  let at = 0;
  let text = '';
  let whole = '';
  const timer = setTimeout(() => qemu.kill('SIGKILL'), timeoutMs);
  qemu.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const plain = chunk.replace(/\u001b\[[0-9;?]*[A-Za-z]|\u001bc/g, '');
    text += plain;
    whole += plain;
    const step = steps[at];
    if (step?.[0].test(text) === true) {
      at += 1;
      text = '';
      qemu.stdin.write(step[1]);
    } else if (at === steps.length && /\nend-of-answer/.test(text)) qemu.kill('SIGKILL');
  });
  await new Promise((resolve, reject) => qemu.on('close', resolve).on('error', reject));
  clearTimeout(timer);
  if (at < steps.length) throw new Error(`the guest did not get to a shell:\n${whole.slice(-3000)}`);
  return text;
}

describe.skipIf(!ready)('FIX on a real guest', () => {
  it('makes a Debian guest of VMware boot on virtio with its old interface name', { timeout: 1_500_000 }, async () => {
    const guest = await buildGuest('demo-serial');
    const { mac } = guest.recipe.network;
    const source = guest.disks[0] ?? '';
    const before = await sha256(source);

    const first = await fixImages('demo', guest.disks, 'raw', mac);
    console.log([...first.log, JSON.stringify(first.fix.cost)].join('\n'));
    console.log(first.fix.steps.map((step) => `${step.id}: ${step.status} ${step.notes.join('; ')}`).join('\n'));
    expect(await sha256(source)).toBe(before);

    const { fix, inspection } = first;
    expect(fix.steps.filter((step) => step.status === 'failed')).toEqual([]);
    expect(inspection.fstab.some((entry) => entry.spec.includes('by-path'))).toBe(true);
    const step = (id: string) => fix.steps.find((each) => each.id === id);
    expect(step('fstab')?.mapped.every(({ to }) => to.startsWith('UUID='))).toBe(true);
    expect(step('fstab')?.changes.map(({ path }) => path)).toContain('/etc/fstab');
    expect(step('agents')?.notes.join()).toMatch(/removed open-vm-tools/);
    expect(step('initramfs')?.notes.join()).toMatch(/appended .*virtio_blk/);
    expect(step('postcheck')?.status).not.toBe('failed');
    expect(fix.nics).toEqual([
      { index: 0, mac, ifname: 'ens192', profile: '/etc/network/interfaces', method: 'dhcp', addresses: [] },
    ]);
    expect(fix.cost.launches).toBe(1);

    const image = fix.disks[0]?.path ?? '';
    const question =
      'ip -br address show dev ens192; systemctl list-units --failed --no-legend | wc -l; dpkg -l open-vm-tools | tail -n 1; dpkg --audit | wc -l; uname -r';
    const answer = await askOnSerial(image, mac, question, 400_000);
    console.log(answer);
    expect(answer).toMatch(/ens192\s+UP\s+10\.0\.2\.15\/24/);
    expect(answer).toMatch(/\n0\r?\n/);
    expect(answer).not.toMatch(/^ii\s+open-vm-tools/m);

    // Fixing what was fixed finds nothing to do.
    const second = await fixImages('again', [image], 'qcow2', mac);
    console.log(second.log.filter((line) => / took /.test(line)).join('\n'));
    expect(second.fix.steps.filter((each) => each.status === 'failed' || each.changes.length > 0)).toEqual([]);
  });
});
