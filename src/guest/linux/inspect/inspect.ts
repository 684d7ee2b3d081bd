import { join } from 'node:path';
import type { Host } from '../../../host/index.js';
import { DroverError } from '../../../lib/error.js';
import { INSPECTION_VERSION } from '../../../model/inspection.js';
import type { BlockDevice, Inspection, KernelFacts } from '../../../model/inspection.js';
import type { Firmware, SourceDisk } from '../../../model/vm.js';
import { readInventory } from '../../common/inventory.js';
import type { Inventory } from '../../common/inventory.js';
import type { GuestSession, GuestTree, OpenGuest } from '../../common/ports.js';
import { createGuestTree } from '../../common/tree.js';
import { detectAgents } from '../agents/index.js';
import { readBootloaderFacts } from '../bootloader/index.js';
import { readCrypttabFacts } from '../crypttab/index.js';
import { readFstabFacts } from '../fstab/index.js';
import { kernelIndex, readInitramfs } from '../initramfs/index.js';
import type { InitramfsContents } from '../initramfs/index.js';
import { readNetworkFacts } from '../network/index.js';
import { readFirmware } from './firmware.js';
import {
  archOfElf,
  readCloudInit,
  readHostname,
  readImmutable,
  readInit,
  readSelinux,
  readSystemdVersion,
} from './identity.js';
import { decisiveKernels, findKernels, installedTool, kernelFacts, kernelWarnings, needsReading } from './kernels.js';
import { mountScript, planMounts, readMounts } from './mounts.js';
import type { MountItem } from './mounts.js';
import { readDistro, readPackageFormat } from './os-release.js';
import { readPackages } from './packages.js';
import { LISTING_SCRIPT, readTreeFrom } from './read-tree.js';
import { chooseRoot } from './roots.js';
import type { RootCandidate, RootChoice } from './roots.js';

export interface InspectOptions {
  /** Existing folder on this machine for what is read out; copies of images stay there as long as the guest is open. */
  readonly scratchDir: string;
  readonly disks: readonly SourceDisk[];
  readonly firmware?: Firmware;
  /** Root device that the playbook names. */
  readonly root?: string;
  /** Look at the block devices only. */
  readonly blockOnly?: boolean;
}

/** The guest as it stays open for PLAN and FIX. Disposing of it ends the appliance. */
export type InspectedGuest = OpenGuest;

/** Reads all facts of a guest. Throws `guest.call` when the appliance fails; what the guest looks like never throws. */
export async function inspectGuest(
  host: Host,
  session: GuestSession,
  options: InspectOptions,
): Promise<InspectedGuest> {
  const inventory = await readInventory(session);
  const windows = inventory.windowsDevices.length > 0;
  const choice: RootChoice =
    options.blockOnly === true
      ? { best: [], notes: [] }
      : chooseRoot(inventory.peeks, {
          block: inventory.block,
          disks: options.disks,
          ...(options.root === undefined ? {} : { wanted: options.root }),
        });
  if (choice.chosen === undefined) {
    const inspection = withoutTree(session, inventory, choice, options, windows);
    return openGuestOf(session, host, inspection, createGuestTree([]), new Map(), []);
  }
  return inspectLinux(host, session, inventory, choice, choice.chosen, options);
}

function blockFacts(inventory: Pick<Inventory, 'block'>): Pick<Inspection, 'block' | 'duplicateIds'> {
  return { block: inventory.block, duplicateIds: duplicateIds(inventory.block) };
}

/** Identifiers on more than one device; members of one btrfs and of one array share theirs by right. */
function duplicateIds(block: readonly BlockDevice[]): string[] {
  const seen = new Map<string, BlockDevice[]>();
  for (const device of block) {
    const isMember = /_member$/.test(device.fsType ?? '');
    const ids = [
      ...(device.uuid === undefined || isMember ? [] : [`UUID=${device.uuid.toLowerCase()}`]),
      ...(device.label === undefined || isMember ? [] : [`LABEL=${device.label}`]),
      ...(device.partUuid === undefined ? [] : [`PARTUUID=${device.partUuid.toLowerCase()}`]),
    ];
    for (const id of ids) seen.set(id, [...(seen.get(id) ?? []), device]);
  }
  return [...seen]
    .filter(([id, devices]) => devices.length > 1 && !(id.startsWith('PARTUUID=') ? false : isOneBtrfs(devices)))
    .map(([id]) => id)
    .sort();
}

function isOneBtrfs(devices: readonly BlockDevice[]): boolean {
  return devices.every((device) => device.fsType === 'btrfs' && device.uuid === devices[0]?.uuid);
}

function withoutTree(
  session: GuestSession,
  inventory: Inventory,
  choice: RootChoice,
  options: InspectOptions,
  windows: boolean,
): Inspection {
  const isBsd = inventory.block.some(
    (device) => device.fsType === 'ufs' || /^(0xa[569]|516e7cb[4-9]-)/.test(device.partType ?? ''),
  );
  const family =
    choice.best.length > 0
      ? 'linux'
      : windows
        ? 'windows'
        : isBsd
          ? 'bsd'
          : inventory.unreadable.length > 0
            ? 'unknown'
            : 'none';
  const [first] = choice.best;
  return {
    ...emptyInspection(family, inventory, options.firmware),
    distro: { id: 'unknown', idLike: [], versionId: '', prettyName: windows ? 'Windows' : 'unknown' },
    ...(first === undefined
      ? {}
      : { root: { device: first.peek.device, candidates: choice.best.map(({ name }) => name) } }),
    unreadable: inventory.unreadable,
    cost: { rpcs: session.rpcs, launchMs: Math.round(session.launchMs) },
    warnings: choice.notes,
  };
}

/** What is known of a machine in which no system was looked into. */
export function emptyInspection(
  family: Inspection['family'],
  disks: Pick<Inventory, 'block' | 'bootCode'>,
  declared: Firmware | undefined,
): Inspection {
  return {
    version: INSPECTION_VERSION,
    family,
    arch: 'unknown',
    distro: { id: 'unknown', idLike: [], versionId: '', prettyName: 'unknown' },
    hostname: '',
    packageFormat: 'none',
    init: 'unknown',
    immutable: false,
    firmware: readFirmware(disks, createGuestTree([]), [], declared),
    ...blockFacts(disks),
    mountpoints: [],
    unreadable: [],
    fstab: [],
    crypttab: [],
    bootloader: { kinds: ['none'], configs: [] },
    kernels: [],
    network: { backends: [], profiles: [], pins: [] },
    agents: [],
    cloudInit: { installed: false, disabled: false },
    selinux: 'none',
    packages: 0,
    cost: { rpcs: 0, launchMs: 0 },
    warnings: [],
  };
}

async function inspectLinux(
  host: Host,
  session: GuestSession,
  inventory: Inventory,
  choice: RootChoice,
  root: RootCandidate,
  options: InspectOptions,
): Promise<InspectedGuest> {
  const plan = planMounts(root, inventory, options.disks);
  const answer = (await session.script(`${mountScript(plan.items, 'ro')}${LISTING_SCRIPT}`)).toString('latin1');
  const { mountpoints, unreadable } = readMounts(answer, plan.items, inventory.dirty);
  if (!mountpoints.some((mount) => mount.path === '/')) {
    const reason = unreadable.find(({ device }) => device === root.peek.device)?.reason ?? 'it cannot be mounted';
    throw new DroverError({
      code: 'guest.call',
      message: `the root filesystem ${root.name} cannot be read: ${reason}`,
    });
  }
  const { tree, elfHead } = await readTreeFrom(host, session, options.scratchDir, answer);

  const resolving = { block: inventory.block, disks: options.disks, rootDevice: root.peek.device };
  const bootloader = readBootloaderFacts(tree);
  const images = new Map<string, InitramfsContents>();
  const copies = new Map<string, string>();
  const files = findKernels(tree, bootloader.defaultKernel);
  for (const kernel of decisiveKernels(files)) {
    const path = kernel.initramfs?.path;
    if (path === undefined || images.has(path) || !needsReading(kernelIndex(tree, kernel.modulesDir))) continue;
    const copy = join(options.scratchDir, `initramfs-${copies.size}`);
    await session.download(path, copy);
    copies.set(path, copy);
    await using source = await host.files.open(copy);
    images.set(path, await readInitramfs(host, source));
  }
  const tool = installedTool(tree);
  const kernels: KernelFacts[] = files.map((kernel) =>
    kernelFacts(kernel, kernelIndex(tree, kernel.modulesDir), images.get(kernel.initramfs?.path ?? ''), tool),
  );
  const distro = readDistro(tree);
  const packageFormat = readPackageFormat(tree, distro);
  const packages = readPackages(tree, packageFormat);
  const systemdVersion = readSystemdVersion(tree);
  const inspection: Inspection = {
    version: INSPECTION_VERSION,
    family: 'linux',
    arch: archOfElf(elfHead),
    distro,
    hostname: readHostname(tree),
    packageFormat,
    init: readInit(tree),
    ...(systemdVersion === undefined ? {} : { systemdVersion }),
    immutable: readImmutable(tree),
    root: { device: root.peek.device, candidates: choice.best.map(({ name }) => name) },
    firmware: readFirmware(inventory, tree, mountpoints, options.firmware),
    ...blockFacts(inventory),
    mountpoints,
    unreadable: [...inventory.unreadable, ...unreadable],
    fstab: readFstabFacts(tree.text('/etc/fstab') ?? '', resolving),
    crypttab: readCrypttabFacts(tree.text('/etc/crypttab') ?? '', resolving),
    bootloader,
    kernels,
    network: readNetworkFacts(tree),
    agents: detectAgents(tree, packages),
    cloudInit: readCloudInit(tree),
    selinux: readSelinux(tree),
    packages: packages.length,
    cost: { rpcs: session.rpcs, launchMs: Math.round(session.launchMs) },
    warnings: [...choice.notes, ...plan.warnings, ...kernelWarnings(kernels, images)],
  };
  return openGuestOf(session, host, inspection, tree, copies, plan.items);
}

function openGuestOf(
  session: GuestSession,
  host: Host,
  inspection: Inspection,
  tree: GuestTree,
  copies: ReadonlyMap<string, string>,
  items: readonly MountItem[],
): OpenGuest {
  let mounted: OpenGuest['mounted'] = inspection.mountpoints.length === 0 ? 'no' : 'ro';
  return {
    session,
    inspection,
    tree,
    copies,
    get mounted() {
      return mounted;
    },
    async remount(mode) {
      if (mounted !== 'no') await session.call(['umount-all']);
      mounted = 'no';
      const wanted = items.filter((item) => inspection.mountpoints.some((mount) => mount.path === item.path));
      const answer = (await session.script(mountScript(wanted, mode))).toString('latin1');
      const { mountpoints, unreadable } = readMounts(answer, wanted, new Set());
      const root = mountpoints.find((mount) => mount.path === '/');
      if (root === undefined || (mode === 'rw' && root.readOnlyReason !== undefined)) {
        const reason = unreadable[0]?.reason ?? root?.readOnlyReason ?? 'nothing could be mounted';
        throw new DroverError({ code: 'guest.call', message: `the guest cannot be mounted for writing: ${reason}` });
      }
      mounted = mode;
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      for (const copy of copies.values()) await host.files.remove(copy);
    },
  };
}
