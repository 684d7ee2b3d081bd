import { DroverError } from '../../../lib/error.js';
import { parseSize } from '../../../lib/units.js';
import type { DiskBus } from '../../../model/domain.js';
import { FIX_STEPS } from '../../../model/fix.js';
import type { FixPlan, FixStep, FixStepId, KernelPlan } from '../../../model/fix.js';
import type { Inspection, KernelFacts } from '../../../model/inspection.js';
import type { ResolvedSettings } from '../../../model/settings.js';
import { diskSettings } from '../../../model/settings.js';
import type { VmDescription } from '../../../model/vm.js';
import { chooseBus, chooseNicModel, kernelsToHandle, planKernel } from './drivers.js';
import { bootDiskFor, chooseFirmware } from './firmware.js';
import { planNics } from './nics.js';
import { refuse } from './refusals.js';

export interface DecideInput {
  readonly inspection: Inspection;
  readonly description: VmDescription;
  readonly settings: ResolvedSettings;
}

type Decision = FixPlan['decisions'][number];

const DEFAULT_MEMORY = 2 * 1024 ** 3;
const DEFAULT_CPUS = 2;
const PREFIXES: Readonly<Record<DiskBus, string>> = { 'virtio-blk': 'vd', 'virtio-scsi': 'sd', sata: 'sd', ide: 'hd' };

/** `a` to `z`, then `aa` and so on, as the kernel counts. */
export function diskLetters(index: number): string {
  return index < 26
    ? String.fromCharCode(97 + index)
    : `${diskLetters(Math.floor(index / 26) - 1)}${diskLetters(index % 26)}`;
}

/** Bus and device name of every disk; names are counted per prefix. */
export function placeDisks(indexes: readonly number[], busOf: (index: number) => DiskBus): FixPlan['disks'] {
  const counts = new Map<string, number>();
  return indexes.map((index) => {
    const bus = busOf(index);
    const prefix = PREFIXES[bus];
    const nth = counts.get(prefix) ?? 0;
    counts.set(prefix, nth + 1);
    return { index, bus, target: `${prefix}${diskLetters(nth)}` };
  });
}

function planSteps(
  input: DecideInput,
  fixes: boolean,
  kernels: readonly KernelPlan[],
  firmware: string,
): readonly FixStep[] {
  const { inspection, settings } = input;
  const skip = (id: FixStepId): string | undefined => {
    if (!fixes)
      return settings.fix.mode === 'none'
        ? 'the playbook says fix.mode none'
        : 'there is no Linux system on these disks';
    switch (id) {
      case 'fsck':
        return settings.fix.fsck === 'off' ? 'the playbook says off' : undefined;
      case 'fstab':
        return settings.fix.fstab === 'off' ? 'the playbook says off' : undefined;
      case 'agents':
        return settings.fix.agents === 'keep'
          ? 'the playbook says keep'
          : inspection.agents.length === 0
            ? 'no agent was found'
            : undefined;
      case 'crypttab':
        return inspection.crypttab.length === 0 ? 'the guest has no crypttab entries' : undefined;
      case 'cloud-init':
        return settings.network.freezeCloudInit ? undefined : 'nothing was asked for';
      case 'initramfs':
        return kernels.every((kernel) => kernel.action === 'keep' || kernel.action === 'none')
          ? 'every initramfs has what is needed'
          : undefined;
      case 'uefi-fallback':
        return firmware === 'bios'
          ? 'the guest boots with BIOS'
          : inspection.firmware.fallbackLoader
            ? 'the fallback loader is there'
            : undefined;
      case 'selinux':
        return settings.fix.selinux === 'off'
          ? 'the playbook says off'
          : inspection.selinux === 'none' || inspection.selinux === 'disabled'
            ? 'the guest does not use SELinux'
            : undefined;
      case 'caches':
      case 'bootloader':
      case 'network':
      case 'modules':
      case 'postcheck':
        return undefined;
    }
  };
  return FIX_STEPS.map((id) => {
    const reason = skip(id);
    return { id, willRun: reason === undefined, reason: reason ?? 'part of every fix' };
  });
}

function defaultKernel(kernels: readonly KernelFacts[]): KernelFacts | undefined {
  return kernels.find((kernel) => kernel.isDefault) ?? kernels.find((kernel) => !kernel.isRescue) ?? kernels[0];
}

/**
 * Decides everything that FIX, CONVERT and VALIDATE will do, from facts alone: equal inputs give an equal plan. Throws a
 * refusal (`guest.no-root`, `guest.multi-root`, `guest.arch`, `guest.firmware-conflict`, `guest.root-spec`, …) when the
 * product could not boot.
 */
export function decide(input: DecideInput): FixPlan {
  const { inspection, description, settings } = input;
  const fixes = settings.fix.mode !== 'none' && settings.guest.family !== 'none';
  if (fixes) refuse(inspection);
  const decisions: Decision[] = [];
  const warnings: string[] = [];
  const say = (what: string, value: string, why: string): void => void decisions.push({ what, value, why });

  const firmware = chooseFirmware(inspection, description, settings, fixes);
  say('firmware', firmware.firmware, firmware.why);
  if (firmware.warning !== undefined) warnings.push(firmware.warning);

  const indexes = description.disks.map((disk) => disk.index);
  const kernel = inspection.family === 'linux' ? defaultKernel(inspection.kernels) : undefined;
  const bus =
    kernel === undefined
      ? undefined
      : chooseBus(kernel, indexes.length, fixes ? settings.fix.initramfs : { when: 'never', method: 'auto' });
  if (fixes && kernel !== undefined && bus === undefined) {
    throw new DroverError({
      code: 'guest.initramfs',
      message: `kernel ${kernel.version} finds its disks on no bus that a virtual machine offers`,
      details: { kernel: kernel.version, drivers: kernel.drivers },
    });
  }
  // An unknown system gets what every system of the last fifteen years has a driver for.
  const general: DiskBus =
    bus?.bus ?? (inspection.family === 'linux' || inspection.family === 'none' ? 'virtio-blk' : 'sata');
  const disks = placeDisks(indexes, (index) => {
    const own = diskSettings(settings, index).bus;
    return own === 'auto' ? general : own;
  });
  say('disk bus', [...new Set(disks.map((disk) => disk.bus))].join(', '), bus?.why ?? 'no kernel was inspected');
  if (bus?.warning !== undefined) warnings.push(bus.warning);

  const bootDisk = bootDiskFor(firmware.firmware, inspection);
  if (bootDisk !== undefined && bootDisk !== indexes[0]) {
    say('boot disk', `disk ${bootDisk}`, `the disks before it hold nothing that ${firmware.firmware} starts`);
  }

  const rootDisk = inspection.block.find((device) => device.device === inspection.root?.device)?.diskIndex;
  const rootBus = disks.find((disk) => disk.index === (rootDisk ?? indexes[0]))?.bus ?? general;
  const kernels = fixes
    ? kernelsToHandle(inspection, settings.fix.initramfs).map((facts) =>
        planKernel(facts, rootBus, settings.fix.initramfs),
      )
    : [];
  for (const plan of kernels) say(`initramfs of ${plan.version}`, plan.action, plan.reason);

  const model = chooseNicModel(kernel);
  const { nics, warnings: nicWarnings } = planNics(inspection, description, settings, model);
  warnings.push(...nicWarnings);
  for (const nic of nics) {
    const name = nic.ifname === undefined ? 'name not kept' : `keeps ${nic.ifname}`;
    say(
      `adapter ${nic.index}`,
      `${nic.model}, ${nic.mac ?? 'address by the host'}, ${name}`,
      nic.nameSource === undefined ? 'no name is bound to it' : `name known by ${nic.nameSource}`,
    );
  }

  const machine =
    settings.machine !== 'auto'
      ? settings.machine
      : disks.some((disk) => disk.bus === 'ide') && firmware.firmware === 'bios'
        ? 'pc'
        : 'q35';
  say(
    'machine type',
    machine,
    settings.machine !== 'auto'
      ? 'the playbook says so'
      : machine === 'pc'
        ? 'it has an IDE bus'
        : 'current, with PCI Express',
  );
  const memoryBytes =
    (settings.memory === undefined ? undefined : parseSize(settings.memory)) ??
    description.memoryBytes ??
    DEFAULT_MEMORY;
  const cpus = settings.cpus ?? description.cpus ?? DEFAULT_CPUS;
  if (inspection.immutable && fixes)
    warnings.push('the system image of this guest is immutable: only identifiers and network files are changed');

  return {
    version: 1,
    guest: fixes && inspection.family === 'linux' ? 'linux' : 'none',
    firmware: firmware.firmware,
    secureBoot: firmware.firmware === 'uefi' && description.secureBoot === true,
    machine,
    disks,
    ...(bootDisk === undefined ? {} : { bootDisk }),
    nics,
    kernels,
    steps: planSteps(input, fixes && inspection.family === 'linux', kernels, firmware.firmware),
    ...(bus?.fallback === undefined ? {} : { fallbackBus: bus.fallback }),
    memoryBytes,
    cpus,
    tpm: description.tpm === true,
    decisions,
    warnings,
  };
}
