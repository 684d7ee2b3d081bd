/** Everything a fixer looks at, for tests: facts follow from the files, the rest is a plain two-disk machine. */
import type { FixPlan, NicPlan } from '../../../model/fix.js';
import type { BlockDevice, Inspection } from '../../../model/inspection.js';
import { readBootloaderFacts } from '../bootloader/index.js';
import { readCrypttabFacts } from '../crypttab/index.js';
import { newState } from '../fixers/types.js';
import type { FixContext, FixSettings } from '../fixers/types.js';
import { readFstabFacts } from '../fstab/index.js';
import type { SourceDiskFacts } from '../fstab/index.js';
import { readNetworkFacts } from '../network/index.js';
import { testTree } from './tree.js';
import type { TestFile } from './tree.js';

export interface TestFacts {
  readonly block?: readonly BlockDevice[];
  readonly disks?: readonly SourceDiskFacts[];
  readonly inspection?: Partial<Inspection>;
  readonly nics?: readonly NicPlan[];
  readonly plan?: Partial<FixPlan>;
  readonly fix?: Partial<FixSettings['fix']>;
  readonly network?: Partial<FixSettings['network']>;
}

export const mac = '00:50:56:3a:5b:7c';

/** One adapter that used to be called ens192. */
export const oneNic: readonly NicPlan[] = [
  { index: 0, mac, model: 'virtio', network: 'default', ifname: 'ens192', nameSource: 'only', naming: 'pin' },
];

export const rootUuid = '3f8a6f0e-6a2b-4f5c-9d3e-1b2c3d4e5f60';
export const swapUuid = '7c1d2e3f-4a5b-6c7d-8e9f-0a1b2c3d4e5f';
export const dataUuid = 'a0b1c2d3-e4f5-4678-89ab-cdef01234567';

function disk(index: number): BlockDevice {
  const device = `/dev/sd${String.fromCharCode(97 + index)}`;
  return { device, kind: 'disk', diskIndex: index, sizeBytes: 10 * 1024 ** 3, parents: [] };
}

/** A partition with its filesystem. */
export function partition(
  diskIndex: number,
  number: number,
  fsType: string,
  facts: Partial<BlockDevice> = {},
): BlockDevice {
  const parent = disk(diskIndex).device;
  return {
    device: `${parent}${number}`,
    kind: 'partition',
    diskIndex,
    partition: number,
    sizeBytes: 1024 ** 3,
    fsType,
    parents: [parent],
    partUuid: `9e4c1a2b-0${diskIndex + 1}`,
    ...facts,
  };
}

/** sda: ext4 root and swap; sdb: ext4 for data. */
export const twoDisks: readonly BlockDevice[] = [
  disk(0),
  partition(0, 1, 'ext4', { uuid: rootUuid, partUuid: '11111111-01', label: 'root' }),
  partition(0, 2, 'swap', { uuid: swapUuid, partUuid: '11111111-02' }),
  disk(1),
  partition(1, 1, 'ext4', { uuid: dataUuid, partUuid: '22222222-01', label: 'data' }),
];

export const scsiDisks: readonly SourceDiskFacts[] = [
  { index: 0, bus: 'scsi', controller: 0, unit: 0 },
  { index: 1, bus: 'scsi', controller: 0, unit: 1 },
];

const defaultSettings: FixSettings = {
  fix: {
    mode: 'auto',
    fsck: 'check',
    fstab: 'stabilize',
    agents: 'auto',
    backup: true,
    initramfs: { when: 'auto', method: 'auto' },
    boot: { serialConsole: false },
    selinux: 'auto',
  },
  network: { mac: 'preserve', naming: 'preserve', freezeCloudInit: false },
};

/** A context over these files. Facts that follow from files are read from them, the way INSPECT does. */
export function testContext(files: Readonly<Record<string, TestFile>>, facts: TestFacts = {}): FixContext {
  const tree = testTree(files);
  const block = facts.block ?? twoDisks;
  const disks = facts.disks ?? scsiDisks;
  const resolve = { block, disks };
  const inspection: Inspection = {
    version: 1,
    family: 'linux',
    arch: 'x86_64',
    distro: { id: 'debian', idLike: [], versionId: '12', prettyName: 'Debian GNU/Linux 12' },
    hostname: 'web01',
    packageFormat: 'deb',
    init: 'systemd',
    systemdVersion: 252,
    immutable: false,
    root: { device: '/dev/sda1', candidates: ['/dev/sda1'] },
    firmware: { observed: 'bios', fallbackLoader: false, efiLoaders: [] },
    block,
    mountpoints: [{ path: '/', device: '/dev/sda1', fsType: 'ext4', dirty: false }],
    duplicateIds: [],
    unreadable: [],
    fstab: readFstabFacts(tree.text('/etc/fstab') ?? '', resolve),
    crypttab: readCrypttabFacts(tree.text('/etc/crypttab') ?? '', resolve),
    bootloader: readBootloaderFacts(tree),
    kernels: [],
    network: readNetworkFacts(tree),
    agents: [],
    cloudInit: { installed: false, disabled: false },
    selinux: 'none',
    packages: 300,
    cost: { rpcs: 0, launchMs: 0 },
    warnings: [],
    ...facts.inspection,
  };
  const plan: FixPlan = {
    version: 1,
    guest: 'linux',
    firmware: 'bios',
    secureBoot: false,
    machine: 'q35',
    disks: disks.map(({ index }) => ({ index, bus: 'virtio-blk', target: `vd${String.fromCharCode(97 + index)}` })),
    nics: facts.nics ?? [],
    kernels: [],
    steps: [],
    memoryBytes: 1024 ** 3,
    cpus: 1,
    tpm: false,
    decisions: [],
    warnings: [],
    ...facts.plan,
  };
  return {
    tree,
    inspection,
    plan,
    disks,
    settings: {
      fix: { ...defaultSettings.fix, ...facts.fix },
      network: { ...defaultSettings.network, ...facts.network },
    },
    state: newState(plan),
  };
}
