import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHost } from '../../src/host/index.js';
import type { Host } from '../../src/host/index.js';
import { findFirmware, probeAccelerator, proveBoot, qemuArgv, qemuFacts } from '../../src/machine/index.js';
import type { BootProofRequest, BootProofResult, BootRequirements } from '../../src/machine/index.js';
import type { DomainView } from '../../src/model/index.js';
import { MACHINES } from '../fixtures/boot/machines.js';
import { BOOT_DISKS, printingDisk } from '../fixtures/boot/sectors.js';
import { requireTools } from '../support/tools.js';

const hasTools = await requireTools('qemu-system-x86_64', 'qemu-img');
const host = createHost();
const base = MACHINES['bios-q35'] as DomainView;

const NEED: BootRequirements = {
  required: [['kernel'], ['login', 'report']],
  wanted: [],
  wantedMs: 0,
  settleMs: 300,
  totalMs: 20_000,
  inactivityMs: 20_000,
  accelerator: 'tcg',
  allowedResets: 0,
  success: [],
  failure: [],
};

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-boot-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** A request that boots this disk from an overlay, as VALIDATE would. */
async function prepare(
  disk: Buffer,
  need: Partial<BootRequirements> = {},
  view: Partial<DomainView> = {},
): Promise<BootProofRequest> {
  const product = join(dir, 'product.raw');
  const overlay = join(dir, 'overlay.qcow2');
  await writeFile(product, disk);
  await host.exec({
    tool: 'qemu-img',
    args: ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', product, overlay],
    purpose: 'test',
    mutates: false,
    timeoutMs: 20_000,
  });
  const cache = join(tmpdir(), 'drover-test-cache');
  return {
    view: { ...base, ...view, disks: [{ ...base.disks[0], path: product, format: 'raw' } as DomainView['disks'][0]] },
    images: [{ index: 0, image: { path: overlay, format: 'qcow2', backing: { path: product, format: 'raw' } } }],
    workDir: dir,
    evidenceDir: join(dir, 'evidence'),
    accelerator: { ...(await probeAccelerator(host, cache)), accelerator: 'tcg', cpuModel: 'max' },
    qemu: await qemuFacts(host, cache),
    cpus: 1,
    memoryBytes: 64 * 1024 ** 2,
    need: { ...NEED, ...need },
    domainXml: '<domain/>',
  };
}

async function prove(
  disk: Buffer,
  need: Partial<BootRequirements> = {},
  view: Partial<DomainView> = {},
): Promise<BootProofResult> {
  return proveBoot(host, await prepare(disk, need, view));
}

describe.skipIf(!hasTools)('the boot proof', () => {
  it('passes a guest that comes to its login prompt, with evidence', async () => {
    const before = createHash('sha256').update(BOOT_DISKS.ok()).digest('hex');
    const result = await prove(BOOT_DISKS.ok());
    expect([result.verdict, result.stage, result.end]).toEqual(['pass', 'login', 'quit']);
    expect(result.signals.map((s) => s.signal)).toEqual(['process', 'kernel', 'userspace', 'target', 'login']);
    expect(result.consoleTail).toContain('web01 login:');

    const names = await readdir(result.evidenceDir);
    expect(names).toEqual(
      expect.arrayContaining([
        ...['argv.json', 'debugcon.log', 'domain.xml', 'events.jsonl', 'net0.pcap', 'probe.json', 'qmp.jsonl'],
        ...['serial.log', 'serial.txt', 'sha256sums', 'stderr.log', 'timeline.jsonl', 'verdict.json', 'screen-000.png'],
      ]),
    );
    const png = await readFile(join(result.evidenceDir, 'screen-000.png'));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    for (const line of (await readFile(join(result.evidenceDir, 'sha256sums'), 'utf8')).trim().split('\n')) {
      const [sum, name] = line.split('  ') as [string, string];
      expect(
        createHash('sha256')
          .update(await readFile(join(result.evidenceDir, name)))
          .digest('hex'),
      ).toBe(sum);
    }
    // The product lies below the overlay and was not touched.
    expect(
      createHash('sha256')
        .update(await readFile(join(dir, 'product.raw')))
        .digest('hex'),
    ).toBe(before);
    expect((await readdir(dir)).sort()).toEqual(['evidence', 'overlay.qcow2', 'product.raw']);
  });

  it.each([
    ['panic', BOOT_DISKS.panic(), 'kernel-panic'],
    ['initramfs', BOOT_DISKS.initramfs(), 'root-missing'],
    ['grub', BOOT_DISKS.grub(), 'grub-rescue'],
    ['off', BOOT_DISKS.off(), 'early-exit'],
    ['loop', BOOT_DISKS.loop(), 'early-exit'],
    ['a disk without a boot sector', Buffer.alloc(1024 ** 2), 'no-bootable-device'],
  ])('fails %s for the right reason', async (_, disk, id) => {
    const result = await prove(disk);
    expect([result.verdict, result.finding?.id]).toEqual(['fail', id]);
    expect(result.finding?.hint).not.toBe('');
    expect(result.durationMs).toBeLessThan(15_000);
  });

  it('counts restarts where some are allowed', async () => {
    const result = await prove(BOOT_DISKS.loop(), { allowedResets: 2 });
    expect([result.verdict, result.finding?.id]).toEqual(['fail', 'reboot-loop']);
  });

  it('sees a stop screen', async () => {
    const result = await prove(BOOT_DISKS.blue(), { totalMs: 30_000 });
    expect([result.verdict, result.finding?.id]).toEqual(['fail', 'bugcheck']);
    expect(result.finding?.excerpt).toContain('0, 0, 168');
  });

  it('does not call silence a success', async () => {
    const result = await prove(BOOT_DISKS.silent(), { totalMs: 3000 });
    expect(result.verdict).toBe('fail');
    expect(result.reason).toContain('nothing was seen after the firmware');
  });

  it('is inconclusive when a boot stops half-way', async () => {
    const result = await prove(printingDisk('[    0.000000] Linux version 6.1\r\n'), { inactivityMs: 2500 });
    expect([result.verdict, result.stage]).toEqual(['inconclusive', 'kernel']);
    expect(result.reason).toContain('missing: login or report');
  });

  it('honours the patterns of the playbook, failure first', async () => {
    const text = 'MY SERVICE IS UP and MY SERVICE IS BROKEN\r\n';
    const rules = { required: [['target']] as const, success: [/SERVICE IS UP/] };
    expect((await prove(printingDisk(text), rules)).verdict).toBe('pass');
    const failed = await prove(printingDisk(text), { ...rules, failure: [/IS BROKEN/] });
    expect([failed.verdict, failed.finding?.id]).toEqual(['fail', 'playbook-failure']);
  });

  it('runs UEFI machines with a private copy of the variables', async () => {
    const firmware = await findFirmware(host, { kind: 'uefi', arch: 'x86_64', machine: 'q35' });
    const template = await stat(firmware.varsTemplate ?? '');
    const result = await prove(Buffer.alloc(1024 ** 2), { totalMs: 60_000, inactivityMs: 60_000 }, { firmware });
    expect([result.verdict, result.finding?.id]).toEqual(['fail', 'no-bootable-device']);
    expect((await stat(firmware.varsTemplate ?? '')).mtimeMs).toBe(template.mtimeMs);
    expect(await readdir(dir)).not.toContain('vars.fd');
  });

  it('leaves nothing behind when it is cancelled, but the evidence so far', async () => {
    const request = await prepare(BOOT_DISKS.silent());
    const pids: number[] = [];
    const watched: Host = {
      ...host,
      spawn: async (spec) => {
        const child = await host.spawn(spec);
        pids.push(child.pid);
        return child;
      },
    };
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 1500);
    const before = new Set(await readdir(tmpdir()));
    await expect(proveBoot(watched, request, abort.signal)).rejects.toThrow('enough');
    expect(pids).toHaveLength(1);
    expect(() => process.kill(pids[0] ?? 0, 0)).toThrow();
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('drover-') && !before.has(name))).toEqual([]);
    const verdict = JSON.parse(await readFile(join(dir, 'evidence/verdict.json'), 'utf8')) as BootProofResult;
    expect([verdict.verdict, verdict.reason]).toEqual(['inconclusive', 'cancelled']);
  });

  it('says why QEMU would not start', async () => {
    const request = await prepare(BOOT_DISKS.ok());
    const images = [{ index: 0, image: { path: join(dir, 'gone.qcow2'), format: 'qcow2' as const } }];
    await expect(proveBoot(host, { ...request, images })).rejects.toMatchObject({
      code: 'vm.start-failed',
      message: expect.stringContaining('gone.qcow2'),
    });
    expect(await readFile(join(dir, 'evidence/stderr.log'), 'utf8')).toContain('gone.qcow2');
  });
});

describe.skipIf(!hasTools)("QEMU's command line", () => {
  // Firmware files and images of the golden machines do not exist here; every other part is checked by QEMU itself.
  const names = Object.keys(MACHINES).filter((name) => MACHINES[name]?.firmware.kind === 'bios');
  it.each(names)('is accepted for %s', async (name) => {
    const view = MACHINES[name] as DomainView;
    const request = await prepare(Buffer.alloc(1024 ** 2));
    const images = [];
    for (const disk of view.disks) {
      const path = join(dir, `image,${disk.index}.raw`);
      await writeFile(path, Buffer.alloc(1024 ** 2));
      images.push({ index: disk.index, image: { path, format: 'raw' as const } });
    }
    const argv = qemuArgv(view, {
      ...{ accelerator: 'tcg', cpuModel: 'max', cpus: 1, memoryBytes: 64 * 1024 ** 2, images, network: 'isolated' },
      ...{
        qmpSocket: join(dir, 'qmp'),
        pidFile: join(dir, 'pid'),
        serialLog: join(dir, 's'),
        debugLog: join(dir, 'd'),
      },
      ...{ agentSocket: join(dir, 'agent'), sandbox: request.qemu.sandbox, onReboot: 'shutdown' },
      captures: view.nics.map((nic) => ({ index: nic.index, path: join(dir, `${nic.index}.pcap`) })),
    });
    await using qemu = await host.spawn({ tool: 'qemu-system-x86_64', args: argv, purpose: 'test', mergeStderr: true });
    let said = '';
    qemu.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const exited = qemu.exited.then(() => 'ended');
    for (let i = 0; i < 200 && !(await host.files.exists(join(dir, 'pid'))); i += 1) {
      if ((await Promise.race([exited, host.clock.sleep(50)])) === 'ended') break;
    }
    await host.clock.sleep(100);
    // Alive and paused: the whole machine was built.
    expect(said).toBe('');
    expect(() => process.kill(qemu.pid, 0)).not.toThrow();
  });
});
