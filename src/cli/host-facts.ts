import { dirname } from 'node:path';
import type { Host, MachineFacts, ToolName } from '../host/index.js';
import { findFirmware, probeAccelerator } from '../machine/index.js';
import type { AcceleratorVerdict } from '../machine/index.js';
import type { StageName } from '../model/stage.js';
import type { HostFacts, PlanFacts, StageFacts, TargetFacts } from '../plan/index.js';
import { machineCacheDir } from '../stages/index.js';
import { VERSION } from './version.js';

export interface ProbedHost {
  readonly machine: MachineFacts;
  readonly accelerator: AcceleratorVerdict;
  readonly firmware: readonly { readonly kind: 'uefi' | 'uefi-secure'; readonly loader?: string }[];
  readonly scratchFreeBytes: number;
}

/** The nearest folder upward that exists: what a folder that is still to be made will stand on. */
async function existingFolder(host: Host, dir: string): Promise<string> {
  for (let at = dir; ; at = dirname(at)) {
    if ((await host.files.stat(at))?.kind === 'directory' || dirname(at) === at) return at;
  }
}

/** The verdict about KVM; without QEMU there is nothing to probe and nothing to accelerate. */
export async function acceleratorOf(host: Host, fresh = false): Promise<AcceleratorVerdict> {
  try {
    return await probeAccelerator(host, machineCacheDir(host), { fresh });
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'the probe failed';
    return { accelerator: 'tcg', cpuModel: 'max', reason, slowness: 12, runs: [], probedAtMs: host.clock.now() };
  }
}

/** What `doctor` shows of this machine. */
export async function probeHost(
  host: Host,
  stateDir: string,
  options: { readonly fresh: boolean },
): Promise<ProbedHost> {
  const firmware: { kind: 'uefi' | 'uefi-secure'; loader?: string }[] = [];
  for (const kind of ['uefi', 'uefi-secure'] as const) {
    const found = await findFirmware(host, { kind, arch: 'x86_64', machine: 'q35' }).catch(() => undefined);
    firmware.push({ kind, ...(found?.loader === undefined ? {} : { loader: found.loader }) });
  }
  const space = await host.files.space(await existingFolder(host, stateDir));
  return {
    machine: await host.facts(),
    accelerator: await acceleratorOf(host, options.fresh),
    firmware,
    scratchFreeBytes: space.freeBytes,
  };
}

/** Asks the kernel and writes nothing: a plan changes nothing. */
async function targetFacts(host: Host, dir: string): Promise<TargetFacts> {
  const folder = await existingFolder(host, dir);
  const [facts, space, refusal] = await Promise.all([
    host.files.stat(folder),
    host.files.space(folder),
    host.files.whyNotWritable(folder),
  ]);
  return {
    freeBytes: space.freeBytes,
    writable: refusal === undefined,
    ...(refusal === undefined ? {} : { note: refusal }),
    ...(facts === undefined ? {} : { device: facts.device }),
  };
}

/** Where a plan puts what it makes. */
export interface PlanPlaces {
  /** Folder for intermediates that the playbook names. */
  readonly scratch: string | undefined;
  /** Folder of each target, by name. */
  readonly targets: ReadonlyMap<string, string>;
}

/** Everything the planner is told about this machine. */
export async function planFacts(
  host: Host,
  stateDir: string,
  places: PlanPlaces,
  stages: Readonly<Record<StageName, StageFacts>>,
): Promise<PlanFacts> {
  const scratchDir = places.scratch ?? stateDir;
  const folder = await existingFolder(host, scratchDir);
  const [machine, space, stat, accelerator] = await Promise.all([
    host.facts(),
    host.files.space(folder),
    host.files.stat(folder),
    acceleratorOf(host),
  ]);
  const tools: Record<string, string | null> = {};
  for (const name of new Set(Object.values(stages).flatMap((stage) => stage.tools))) {
    tools[name] = (await host.toolVersion(name as ToolName)) ?? null;
  }
  const targets: Record<string, TargetFacts> = {};
  for (const [name, dir] of places.targets) targets[name] = await targetFacts(host, dir);
  const hostFacts: HostFacts = {
    cpus: machine.cpus,
    memoryBytes: machine.totalMemoryBytes,
    freeMemoryBytes: machine.availableMemoryBytes,
    scratchDir,
    scratchFreeBytes: space.freeBytes,
    scratchFsType: space.fsType,
    ...(stat === undefined ? {} : { scratchDevice: stat.device }),
    kvm: { usable: accelerator.accelerator === 'kvm', reason: accelerator.reason },
  };
  return {
    createdBy: `drover ${VERSION}`,
    today: new Date(host.clock.now()).toISOString().slice(0, 10),
    host: hostFacts,
    tools,
    stages,
    targets,
  };
}
