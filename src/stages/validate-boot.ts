/** Levels `boot` and `network`: the machine of the domain XML is started from the overlays and watched. */
import { posix } from 'node:path';
import { DroverError } from '../lib/error.js';
import { formatSize, parseDuration, parseSize } from '../lib/units.js';
import type { Host } from '../host/index.js';
import { proveBoot, qemuFacts } from '../machine/index.js';
import type {
  AcceleratorVerdict,
  BlockImage,
  BootProofResult,
  BootRequirements,
  ReportPatience,
} from '../machine/index.js';
import type { ConvertResult, DiskImage, GuestReport, StageTask, ValidationCheck } from '../model/index.js';
import { machineCacheDir } from './task-host.js';

const DEFAULT_MEMORY = 2 * 1024 ** 3;
const QEMU_OVERHEAD = 256 * 1024 ** 2;
const LONGEST_MS = 3600 * 1000;
const SHORTEST_INACTIVITY_MS = 60_000;
/** Writing all labels anew costs a pass over every file and a restart. */
const RELABEL_FACTOR = 3;

/** Limits of a boot: those of the playbook, which are for KVM, times what this host was measured to be slower. */
export function bootLimits(
  timeout: string,
  accelerator: AcceleratorVerdict,
  relabels: boolean,
): { readonly totalMs: number; readonly inactivityMs: number; readonly patience: ReportPatience } {
  const base = (parseDuration(timeout) ?? 300_000) * (relabels ? RELABEL_FACTOR : 1);
  const totalMs = Math.min(LONGEST_MS, Math.round(base * accelerator.slowness));
  // Timers inside the guest run by the clock and are not slower; what is waited for is.
  const slow = accelerator.accelerator === 'kvm' ? 1 : 3;
  return {
    totalMs,
    inactivityMs: Math.max(SHORTEST_INACTIVITY_MS, Math.round(totalMs / 3)),
    patience: { settleS: Math.min(100 * slow, totalMs / 2000), addressS: Math.min(30 * slow, totalMs / 4000) },
  };
}

/** What must be seen for a pass. A guest that reports is believed more than one that only shows a prompt. */
export function bootNeeds(
  isInstrumented: boolean,
  isLinux: boolean,
  level: 'boot' | 'network',
): Pick<BootRequirements, 'required' | 'wanted'> {
  if (isInstrumented) {
    return level === 'network'
      ? { required: [['kernel'], ['report']], wanted: ['login'] }
      : { required: [['kernel'], ['login', 'target', 'report', 'agent']], wanted: ['report', 'login'] };
  }
  // Without a console of its own a guest can show itself on the network and on the screen.
  const quiet = {
    required: [
      ['login', 'target', 'agent', 'dhcp', 'network'],
      ['login', 'target', 'agent', 'screen'],
    ],
    wanted: [],
  } as const;
  return isLinux
    ? quiet
    : {
        required: [
          ['agent', 'dhcp', 'network'],
          ['agent', 'screen'],
        ],
        wanted: [],
      };
}

async function memoryFor(host: Host, task: StageTask, converted: ConvertResult): Promise<number> {
  const set = task.vm.settings.validate.memory;
  const wanted = set === undefined ? undefined : parseSize(set);
  const memoryBytes = wanted ?? Math.min(converted.domain.memoryBytes, DEFAULT_MEMORY);
  const { availableMemoryBytes } = await host.facts();
  if (memoryBytes + QEMU_OVERHEAD > availableMemoryBytes) {
    throw new DroverError({
      code: 'vm.no-memory',
      message: `the boot needs ${formatSize(memoryBytes + QEMU_OVERHEAD)} of memory, ${formatSize(availableMemoryBytes)} are free`,
      details: { neededBytes: memoryBytes + QEMU_OVERHEAD, availableMemoryBytes },
    });
  }
  return memoryBytes;
}

/** Fresh overlays over the products, for a boot without instrumentation. */
export async function plainOverlays(host: Host, converted: ConvertResult, dir: string): Promise<readonly DiskImage[]> {
  const overlays: DiskImage[] = [];
  for (const disk of converted.disks) {
    const path = posix.join(dir, `boot-${disk.index}.qcow2`);
    await host.exec({
      tool: 'qemu-img',
      args: ['create', '-q', '-f', 'qcow2', '-F', disk.format, '-b', disk.path, path],
      purpose: `make a throw-away layer over disk ${disk.index}`,
      mutates: false,
      timeoutMs: 60_000,
    });
    overlays.push({ ...disk, path, format: 'qcow2' });
  }
  return overlays;
}

export interface BootPartRequest {
  readonly task: StageTask;
  readonly converted: ConvertResult;
  readonly overlays: readonly DiskImage[];
  readonly workDir: string;
  readonly accelerator: AcceleratorVerdict;
  readonly isInstrumented: boolean;
  readonly isLinux: boolean;
  readonly relabels: boolean;
  readonly level: 'boot' | 'network';
  readonly signal: AbortSignal;
  readonly onStage: (phase: string) => void;
}

export interface BootPart {
  readonly check: ValidationCheck;
  readonly proof: BootProofResult;
  /** What the guest said of its network: its report, else the answer of its agent. */
  readonly report?: GuestReport;
  readonly isIsolated: boolean;
  readonly warnings: readonly string[];
}

function imageOf(overlay: DiskImage, converted: ConvertResult): BlockImage {
  const product = converted.disks.find((disk) => disk.index === overlay.index);
  if (product === undefined)
    throw new DroverError({ code: 'internal.bug', message: `no product for disk ${overlay.index}` });
  return {
    path: overlay.path,
    format: 'qcow2',
    backing: { path: product.path, format: product.format === 'raw' ? 'raw' : 'qcow2' },
  };
}

function agentReport(proof: BootProofResult): GuestReport | undefined {
  const { agent } = proof;
  if (agent === undefined || agent.interfaces.length === 0) return undefined;
  const interfaces = agent.interfaces.map((one) => ({ ...one, state: 'unknown' }));
  return { hostname: '', kernel: agent.system, interfaces, defaultRoutes: [], failedUnits: [], systemState: 'unknown' };
}

function evidenceOf(proof: BootProofResult): string {
  const seen = proof.signals
    .filter((signal) => signal.signal !== 'process')
    .map((signal) => `${(signal.atMs / 1000).toFixed(1)} s ${signal.signal}: ${signal.excerpt.slice(0, 160)}`);
  const finding = proof.finding;
  const lines = [
    ...(finding === undefined
      ? []
      : [`${finding.id} after ${(finding.atMs / 1000).toFixed(1)} s: ${finding.excerpt}`, `hint: ${finding.hint}`]),
    ...seen,
    ...(proof.verdict === 'pass' ? [] : [proof.reason, 'end of the console:', proof.consoleTail.slice(-1500)]),
  ];
  return lines.join('\n').slice(0, 4096);
}

/** Boots the machine. Throws what `proveBoot` throws; a guest that fails is a failed check. */
export async function checkBoot(host: Host, request: BootPartRequest): Promise<BootPart> {
  const { task, converted, accelerator } = request;
  const { settings } = task.vm;
  const limits = bootLimits(settings.validate.timeout, accelerator, request.relabels);
  const qemu = await qemuFacts(host, machineCacheDir(host));
  const facts = await host.facts();
  const stamp = new Date(host.clock.now()).toISOString().replaceAll(/[:.]/g, '-');
  const proof = await proveBoot(
    host,
    {
      view: converted.domain,
      images: request.overlays.map((overlay) => ({ index: overlay.index, image: imageOf(overlay, converted) })),
      workDir: request.workDir,
      evidenceDir: posix.join(task.paths.logs, 'boot', `${stamp}-${host.random.base32(6)}`),
      accelerator,
      qemu,
      cpus: Math.min(converted.domain.cpus, facts.cpus),
      memoryBytes: await memoryFor(host, task, converted),
      domainXml: await host.files.readText(converted.domainXml),
      need: {
        ...bootNeeds(request.isInstrumented, request.isLinux, request.level),
        wantedMs: Math.round(20_000 * Math.max(1, accelerator.slowness / 2)),
        settleMs: 3000,
        totalMs: limits.totalMs,
        inactivityMs: limits.inactivityMs,
        accelerator: accelerator.accelerator,
        allowedResets: request.relabels ? 1 : 0,
        success: [],
        failure: [],
      },
      onProgress: ({ stage }) => request.onStage(`boot: ${stage}`),
    },
    request.signal,
  );
  const report = proof.report ?? agentReport(proof);
  return {
    check: {
      id: 'boot',
      level: 'boot',
      status: proof.verdict,
      evidence: evidenceOf(proof),
      seconds: Math.round(proof.durationMs / 100) / 10,
    },
    proof,
    ...(report === undefined ? {} : { report }),
    isIsolated: qemu.userNetwork,
    warnings: [
      ...proof.warnings.map((finding) => `${finding.id}: ${finding.excerpt}`),
      ...(converted.domain.tpm ? ['the boot ran without the TPM of the machine'] : []),
      ...(qemu.userNetwork ? [] : ['this QEMU has no user networking, so the adapters were connected to nothing']),
    ],
  };
}
