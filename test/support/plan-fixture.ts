/** Small complete inputs for the planner, for tests that change one thing at a time. */
import type { Location } from '../../src/lib/diagnostic.js';
import type { CountOrPercent, LoadedPlaybook, LoadedVm, LoadedWave } from '../../src/model/effective.js';
import type { ResolvedSettings } from '../../src/model/settings.js';
import { STAGES } from '../../src/model/stage.js';
import type { StageName } from '../../src/model/stage.js';
import type { SourceDisk, VmDescription } from '../../src/model/vm.js';
import type { PlanFacts, PlanInput, StageFacts } from '../../src/plan/index.js';

export const GIB = 1024 ** 3;
export const MIB = 1024 ** 2;

function at(line: number, column = 1): Location {
  return { file: 'first.yaml', line, column };
}

/** The built-in settings, complete. */
export function settings(over: Partial<ResolvedSettings> = {}): ResolvedSettings {
  return {
    firmware: 'auto',
    machine: 'auto',
    nics: { '0': { network: 'default' } },
    networkMap: 'default',
    disk: { format: 'qcow2', compress: 'none', preallocation: 'off', bus: 'auto' },
    disks: {},
    guest: { family: 'auto' },
    fetch: { copy: false, verifyManifest: true, select: 'all', nested: 1 },
    flatten: { mode: 'auto', verify: 'none', ignoreCid: false },
    fix: {
      mode: 'auto',
      fsck: 'check',
      fstab: 'stabilize',
      agents: 'auto',
      backup: false,
      initramfs: { when: 'auto', method: 'auto' },
      boot: { serialConsole: false },
      selinux: 'auto',
    },
    network: { mac: 'preserve', naming: 'preserve', freezeCloudInit: true },
    convert: { verify: 'check', checksum: true, overwrite: false },
    validate: { level: 'auto', required: true, instrument: true, timeout: '5m' },
    timeouts: {},
    retries: {},
    keepIntermediates: 'failed',
    ...over,
  };
}

export function disk(index = 0, over: Partial<SourceDisk> = {}, path = `/src/disk${index}.vmdk`): SourceDisk {
  return {
    id: `disk${index}`,
    index,
    bus: 'scsi',
    virtualSizeBytes: 10 * GIB,
    allocatedBytes: 2 * GIB,
    location: {
      kind: 'file',
      path,
      format: 'vmdk',
      chain: [
        {
          path,
          role: 'image',
          sizeBytes: 2 * GIB,
          mtimeNs: '1700000000000000000',
          inode: '42',
          sampleSha256: 'ab'.repeat(32),
        },
      ],
    },
    ...over,
  };
}

export function description(name: string, over: Partial<VmDescription> = {}): VmDescription {
  return {
    name,
    vmKey: `images:${name}`,
    origin: { kind: 'disks', path: '/src' },
    disks: [disk(0, {}, `/src/${name}.vmdk`)],
    nics: [],
    warnings: [],
    ...over,
  };
}

interface VmSketch {
  readonly name: string;
  readonly settings?: ResolvedSettings;
  readonly labels?: Readonly<Record<string, string>>;
  readonly dependsOn?: readonly { readonly vm: string; readonly reached?: StageName }[];
  readonly origins?: Readonly<Record<string, string>>;
  readonly folder?: string;
}

export interface WaveSketch {
  readonly name: string;
  readonly vms: readonly (string | VmSketch)[];
  readonly batchEnds?: readonly number[];
  readonly dependsOn?: readonly {
    readonly wave: string;
    readonly require?: CountOrPercent;
    readonly onUpstreamFailure?: 'block' | 'proceed';
  }[];
  readonly policies?: LoadedWave['policies'];
  readonly maxVmsInFlight?: number;
}

const BUILT_IN = settings();

/** A playbook of waves; every machine stands on a line of its own. */
export function playbook(waves: readonly WaveSketch[], over: Partial<LoadedPlaybook> = {}): LoadedPlaybook {
  let line = 10;
  return {
    name: 'first',
    description: '',
    labels: {},
    root: '/plays',
    files: [{ path: '/plays/first.yaml', shown: 'first.yaml', role: 'playbook', sha256: 'cd'.repeat(32) }],
    sources: [{ name: 'images', type: 'local', dir: '/src', allowDirs: [], connections: 4, location: at(4) }],
    targets: [{ name: 'here', type: 'files', dir: '/out', ingest: 4, location: at(5) }],
    host: { capacity: { net: 4, disk: 4 } },
    networks: {},
    policies: { onFailure: 'continue', maxFailures: null },
    maxVmsInFlight: 16,
    waivers: [],
    ...over,
    waves: waves.map((wave): LoadedWave => {
      const location = at((line += 1), 5);
      const vms = wave.vms.map((sketch): LoadedVm => {
        const vm = typeof sketch === 'string' ? { name: sketch } : sketch;
        const place = at((line += 1), 9);
        return {
          name: vm.name,
          wave: wave.name,
          source: 'images',
          target: 'here',
          madeOf: { kind: 'disks', disks: [{ file: `${vm.name}.vmdk` }] },
          folder: vm.folder ?? vm.name,
          labels: vm.labels ?? {},
          dependsOn: (vm.dependsOn ?? []).map((dep) => ({
            vm: dep.vm,
            reached: dep.reached ?? 'VALIDATE',
            location: place,
          })),
          settings: vm.settings ?? BUILT_IN,
          origins: vm.origins ?? {},
          originChains: {},
          at: { vm: place, madeOf: place, source: place, target: place },
        };
      });
      return {
        name: wave.name,
        description: '',
        vms,
        batchEnds: wave.batchEnds ?? [vms.length],
        dependsOn: (wave.dependsOn ?? []).map((dep) => ({
          wave: dep.wave,
          require: dep.require ?? { percent: 100 },
          onUpstreamFailure: dep.onUpstreamFailure ?? 'block',
          location,
        })),
        policies: wave.policies ?? { onFailure: 'continue', maxFailures: null },
        maxVmsInFlight: wave.maxVmsInFlight ?? null,
        location,
      };
    }),
  };
}

const READS: Readonly<Record<StageName, readonly string[]>> = {
  FETCH: ['/fetch'],
  FLATTEN: ['/flatten'],
  INSPECT: ['/guest'],
  PLAN: ['/firmware', '/machine', '/memory', '/cpus', '/nics', '/disk/bus', '/disks', '/network'],
  FIX: ['/fix'],
  CONVERT: ['/disk', '/disks', '/convert'],
  VALIDATE: ['/validate'],
};
const TOOLS: Readonly<Record<StageName, readonly string[]>> = {
  FETCH: [],
  FLATTEN: ['qemu-img'],
  INSPECT: ['guestfish'],
  PLAN: [],
  FIX: ['guestfish'],
  CONVERT: ['qemu-img', 'virt-xml-validate'],
  VALIDATE: ['qemu-system-x86_64', 'qemu-img'],
};

export function stageFacts(): Readonly<Record<StageName, StageFacts>> {
  const entries = STAGES.map((stage) => [stage, { implVersion: 1, readsSettings: READS[stage], tools: TOOLS[stage] }]);
  return Object.fromEntries(entries) as Record<StageName, StageFacts>;
}

export function facts(over: Partial<PlanFacts> = {}): PlanFacts {
  return {
    createdBy: 'drover 0.1.0',
    today: '2026-05-02',
    host: {
      cpus: 4,
      memoryBytes: 16 * GIB,
      freeMemoryBytes: 12 * GIB,
      scratchDir: '/scratch',
      scratchFreeBytes: 1000 * GIB,
      kvm: { usable: true, reason: 'probe ran' },
    },
    tools: {
      'qemu-img': '7.2.9',
      guestfish: '1.48.6',
      'virt-xml-validate': '9.0.0',
      'qemu-system-x86_64': '7.2.9',
    },
    stages: stageFacts(),
    targets: { here: { freeBytes: 1000 * GIB, writable: true } },
    ...over,
  };
}

/** A complete input for a playbook; every machine is described unless given. */
export function planInput(
  loaded: LoadedPlaybook,
  over: Partial<PlanInput> & { readonly described?: Readonly<Record<string, VmDescription>> } = {},
): PlanInput {
  const { described, ...rest } = over;
  const names = loaded.waves.flatMap((wave) => wave.vms.map((vm) => vm.name));
  return {
    loaded,
    descriptions: new Map(names.map((name) => [name, described?.[name] ?? description(name)])),
    facts: facts(),
    ...rest,
  };
}
