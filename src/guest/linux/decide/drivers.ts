import type { DiskBus, NicModel } from '../../../model/domain.js';
import type { KernelPlan } from '../../../model/fix.js';
import type { DriverFacts, Inspection, KernelFacts, WatchedDriver } from '../../../model/inspection.js';
import type { ResolvedSettings } from '../../../model/settings.js';

type InitramfsSettings = ResolvedSettings['fix']['initramfs'];

/** Drivers without which a guest does not find its root disk on a bus. */
const NEEDED: Readonly<Record<DiskBus, readonly WatchedDriver[]>> = {
  'virtio-blk': ['virtio_pci', 'virtio_blk'],
  'virtio-scsi': ['virtio_pci', 'virtio_scsi', 'sd_mod'],
  sata: ['ahci', 'sd_mod'],
  ide: ['ata_piix', 'sd_mod'],
};

/** Best first. virtio-blk has a PCI function per disk, so that many disks go to virtio-scsi. */
const BUS_ORDER: readonly DiskBus[] = ['virtio-blk', 'virtio-scsi', 'sata', 'ide'];
const MANY_DISKS = 20;

/** What is put into an initramfs that is touched anyway, so that the bus and the adapter can be changed later. */
const WANTED: readonly WatchedDriver[] = ['virtio_pci', 'virtio_blk', 'virtio_scsi', 'virtio_net'];

function driverOf(kernel: KernelFacts, driver: WatchedDriver): DriverFacts {
  return (
    kernel.drivers.find((facts) => facts.driver === driver) ?? { driver, presence: 'absent', inInitramfs: 'unknown' }
  );
}

function isThere(facts: DriverFacts): boolean {
  return facts.presence === 'builtin' || facts.inInitramfs === 'yes' || facts.inInitramfs === 'builtin';
}

/** Whether a kernel reaches its root on this bus as it is, or can after its initramfs was completed. */
function reach(kernel: KernelFacts, bus: DiskBus, initramfs: InitramfsSettings): 'now' | 'after-fix' | 'never' {
  const facts = NEEDED[bus].map((driver) => driverOf(kernel, driver));
  if (facts.every(isThere)) return 'now';
  const fixable = initramfs.when !== 'never' && kernel.initramfs !== undefined;
  return fixable && facts.every((fact) => fact.presence !== 'absent') ? 'after-fix' : 'never';
}

export interface BusChoice {
  readonly bus: DiskBus;
  readonly why: string;
  readonly fallback?: DiskBus;
  readonly warning?: string;
}

/** The bus of the disks for the kernel that boots, and the bus to fall back to when its initramfs cannot be completed. */
export function chooseBus(kernel: KernelFacts, disks: number, initramfs: InitramfsSettings): BusChoice | undefined {
  const order = disks > MANY_DISKS ? BUS_ORDER.filter((bus) => bus !== 'virtio-blk') : BUS_ORDER;
  const bus = order.find((candidate) => reach(kernel, candidate, initramfs) !== 'never');
  if (bus === undefined) return undefined;
  const how = reach(kernel, bus, initramfs);
  const fallback = how === 'now' ? undefined : order.find((candidate) => reach(kernel, candidate, initramfs) === 'now');
  const lacks = NEEDED[order[0] ?? 'virtio-blk'].filter((driver) => driverOf(kernel, driver).presence === 'absent');
  return {
    bus,
    why:
      how === 'now'
        ? `kernel ${kernel.version} finds its disks there as it is`
        : `kernel ${kernel.version} has the drivers as modules; its initramfs gets them`,
    ...(fallback === undefined ? {} : { fallback }),
    ...(bus === order[0]
      ? {}
      : {
          warning: `the disks go to ${bus} instead of ${order[0]}: kernel ${kernel.version} has no ${lacks.join(', ')}`,
        }),
  };
}

/** The adapter model that the kernel has a driver for; virtio first. */
export function chooseNicModel(kernel: KernelFacts | undefined): NicModel {
  if (kernel === undefined) return 'virtio';
  for (const [driver, model] of [
    ['virtio_net', 'virtio'],
    ['e1000e', 'e1000e'],
    ['e1000', 'e1000'],
  ] as const) {
    if (driverOf(kernel, driver).presence !== 'absent') return model;
  }
  return 'rtl8139';
}

/** Kernels whose initramfs is looked after: the one that boots, the two newest, and rescue entries only when all are asked for. */
export function kernelsToHandle(inspection: Inspection, initramfs: InitramfsSettings): readonly KernelFacts[] {
  const usual = inspection.kernels.filter((kernel) => !kernel.isRescue);
  const newest = usual.slice(0, 2);
  return inspection.kernels.filter(
    (kernel) => kernel.isDefault || newest.includes(kernel) || (kernel.isRescue && initramfs.when === 'always'),
  );
}

/** What happens to the initramfs of one kernel for the bus that was chosen. */
export function planKernel(kernel: KernelFacts, bus: DiskBus, initramfs: InitramfsSettings): KernelPlan {
  const path = kernel.initramfs?.path;
  const base = { version: kernel.version, ...(path === undefined ? {} : { initramfs: path }) };
  const wanted = [...new Set([...NEEDED[bus], ...WANTED])]
    .map((driver) => driverOf(kernel, driver))
    .filter((facts) => facts.presence === 'module');
  const missing = NEEDED[bus].map((driver) => driverOf(kernel, driver)).filter((facts) => !isThere(facts));
  const modules = wanted.filter((facts) => facts.inInitramfs !== 'yes').map((facts) => facts.driver);
  if (path === undefined) return { ...base, action: 'none', modules: [], reason: 'this kernel has no initramfs' };
  if (initramfs.when === 'never') return { ...base, action: 'none', modules: [], reason: 'the playbook says never' };
  if (missing.length === 0 && initramfs.when !== 'always') {
    return { ...base, action: 'keep', modules: [], reason: `the drivers for ${bus} are there already` };
  }
  if (missing.some((facts) => facts.presence === 'absent')) {
    const names = missing.filter((facts) => facts.presence === 'absent').map((facts) => facts.driver);
    return { ...base, action: 'none', modules: [], reason: `this kernel has no ${names.join(', ')}` };
  }
  if (initramfs.method === 'rebuild')
    return { ...base, action: 'rebuild', modules, reason: 'the playbook asks for a rebuild' };
  if (missing.some((facts) => facts.inInitramfs === 'unknown') && initramfs.method === 'auto') {
    return { ...base, action: 'rebuild', modules, reason: 'the format of the image is not understood' };
  }
  if (modules.length === 0)
    return { ...base, action: 'keep', modules: [], reason: `the drivers for ${bus} are there already` };
  return {
    ...base,
    action: 'append',
    modules,
    reason: `it lacks ${modules.join(', ')}, which this kernel has as modules`,
  };
}
