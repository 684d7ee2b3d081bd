/**
 * Whether KVM really runs guests here. That /dev/kvm exists, opens and answers proves nothing: there are nested hosts where QEMU
 * then aborts, and others where the guest runs ten times slower than under emulation. So a real boot sector is run under a
 * deadline, once per boot of the host, program file and processor.
 */
import { posix } from 'node:path';
import { sha256 } from '../lib/canonical-json.js';
import type { Host } from '../host/index.js';
import { DEBUG_EXIT_CODE, DEBUG_EXIT_PORT, exitDisk } from './boot-sector.js';
import { binaryKey, readCache, writeCache } from './qemu-facts.js';

const KVM_DEADLINE_MS = 3000;
const TCG_DEADLINE_MS = 30_000;
const CACHE_MS = 24 * 3600 * 1000;
/** KVM that is this much slower than emulation is worse than none. */
const KVM_MAY_BE_SLOWER = 3;
/** Time that emulation needs for the probe on the machine for which the time limits were chosen. */
const REFERENCE_TCG_MS = 400;
/** How much slower a guest boots under emulation than under KVM on that machine. */
const REFERENCE_SLOWNESS = 6;

export interface ProbeRun {
  readonly accelerator: 'kvm' | 'tcg';
  readonly cpuModel: string;
  readonly outcome: 'ran' | 'failed' | 'too-slow';
  readonly milliseconds: number;
  /** What QEMU said last, or how it ended. */
  readonly note: string;
}

export interface AcceleratorVerdict {
  readonly accelerator: 'kvm' | 'tcg';
  readonly cpuModel: string;
  /** One sentence for people. */
  readonly reason: string;
  /** Factor for time limits: 1 with KVM, else 5 to 12. */
  readonly slowness: number;
  readonly runs: readonly ProbeRun[];
  readonly probedAtMs: number;
}

/** How much longer a boot may take than under KVM, from the time that emulation took for the probe. */
export function slownessOf(tcgMs: number): number {
  const factor = REFERENCE_SLOWNESS * (tcgMs / REFERENCE_TCG_MS);
  return Math.round(Math.min(12, Math.max(5, factor)) * 10) / 10;
}

/** Chooses from what the probe runs showed. Pure. */
export function judgeRuns(runs: readonly ProbeRun[], probedAtMs: number): AcceleratorVerdict {
  const tcg = runs.find((run) => run.accelerator === 'tcg');
  const limit = tcg?.outcome === 'ran' ? Math.max(tcg.milliseconds * KVM_MAY_BE_SLOWER, 500) : Infinity;
  const kvm = runs.find((run) => run.accelerator === 'kvm' && run.outcome === 'ran' && run.milliseconds <= limit);
  if (kvm !== undefined) {
    return {
      accelerator: 'kvm',
      cpuModel: kvm.cpuModel,
      reason: `KVM ran the probe in ${kvm.milliseconds} ms`,
      slowness: 1,
      runs,
      probedAtMs,
    };
  }
  const tries = runs.filter((run) => run.accelerator === 'kvm');
  const why = tries.length === 0 ? 'there is no /dev/kvm' : tries.map(describeRun).join('; ');
  return {
    accelerator: 'tcg',
    cpuModel: 'max',
    reason: `KVM is not usable: ${why}`,
    slowness: tcg?.outcome === 'ran' ? slownessOf(tcg.milliseconds) : 12,
    runs,
    probedAtMs,
  };
}

function describeRun(run: ProbeRun): string {
  switch (run.outcome) {
    case 'ran':
      return `cpu ${run.cpuModel} took ${run.milliseconds} ms, longer than emulation may excuse`;
    case 'too-slow':
      return `cpu ${run.cpuModel} did not end within ${run.milliseconds} ms`;
    case 'failed':
      return `cpu ${run.cpuModel} failed (${run.note})`;
  }
}

async function probeRun(
  host: Host,
  disk: string,
  accelerator: 'kvm' | 'tcg',
  cpuModel: string,
  signal: AbortSignal | undefined,
): Promise<ProbeRun> {
  const deadline = accelerator === 'kvm' ? KVM_DEADLINE_MS : TCG_DEADLINE_MS;
  const began = host.clock.monotonic();
  const image = JSON.stringify({
    driver: 'raw',
    'node-name': 'd',
    'read-only': true,
    file: { driver: 'file', filename: disk },
  });
  await using qemu = await host.spawn({
    tool: 'qemu-system-x86_64',
    args: [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'q35', '-m', '32'],
      ...['-accel', accelerator, '-cpu', cpuModel],
      ...['-device', `isa-debug-exit,iobase=0x${DEBUG_EXIT_PORT.toString(16)},iosize=4`],
      ...['-blockdev', image, '-device', 'virtio-blk-pci,drive=d'],
    ],
    purpose: `find out whether ${accelerator} runs guests`,
    ...(signal === undefined ? {} : { signal }),
    mergeStderr: true,
  });
  let said = '';
  qemu.stdout.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString('utf8')}`.slice(-2000);
  });
  const stopWaiting = new AbortController();
  const exit = await Promise.race([
    qemu.exited,
    host.clock.sleep(deadline, stopWaiting.signal).then(
      () => undefined,
      () => undefined,
    ),
  ]);
  const milliseconds = Math.round(host.clock.monotonic() - began);
  stopWaiting.abort();
  if (exit === undefined) qemu.kill('SIGKILL');
  signal?.throwIfAborted();
  const last = said.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  if (exit === undefined) return { accelerator, cpuModel, outcome: 'too-slow', milliseconds, note: last };
  if (exit.code === DEBUG_EXIT_CODE) return { accelerator, cpuModel, outcome: 'ran', milliseconds, note: '' };
  const how = exit.code === null ? `ended by ${exit.signal ?? 'a signal'}` : `exit code ${exit.code}`;
  return { accelerator, cpuModel, outcome: 'failed', milliseconds, note: last === '' ? how : `${how}: ${last}` };
}

/**
 * The accelerator for guests on this host, probed by running one and remembered for a day. Throws `exec.missing-tool` without QEMU.
 * @param cacheDir folder for remembered verdicts
 */
export async function probeAccelerator(
  host: Host,
  cacheDir: string,
  options: { readonly fresh?: boolean; readonly signal?: AbortSignal } = {},
): Promise<AcceleratorVerdict> {
  const { bootId } = await host.facts();
  const cpu = /^model name\s*:\s*(.+)$/m.exec(await host.files.readText('/proc/cpuinfo').catch(() => ''))?.[1] ?? '';
  const key = sha256(`${await binaryKey(host)}\0${bootId}\0${cpu}`).slice(0, 16);
  const path = posix.join(cacheDir, `accelerator-${key}.json`);
  const known = (await readCache(host, path)) as AcceleratorVerdict | undefined;
  const age = host.clock.now() - (known?.probedAtMs ?? 0);
  if (options.fresh !== true && known?.runs !== undefined && age >= 0 && age < CACHE_MS) return known;

  const dir = await host.files.makeTempDir('drover-probe-');
  const runs: ProbeRun[] = [];
  try {
    const disk = posix.join(dir, 'exit.raw');
    await host.files.writeAtomic(disk, exitDisk());
    runs.push(await probeRun(host, disk, 'tcg', 'max', options.signal));
    if (await host.files.exists('/dev/kvm')) {
      for (const cpuModel of ['host', 'qemu64']) {
        const run = await probeRun(host, disk, 'kvm', cpuModel, options.signal);
        runs.push(run);
        if (run.outcome === 'ran') break;
      }
    }
  } finally {
    await host.files.removeTree(dir);
  }
  const verdict = judgeRuns(runs, host.clock.now());
  await writeCache(host, path, verdict);
  return verdict;
}
