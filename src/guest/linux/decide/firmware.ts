import { DroverError } from '../../../lib/error.js';
import type { Inspection } from '../../../model/inspection.js';
import type { ResolvedSettings } from '../../../model/settings.js';
import type { Firmware, VmDescription } from '../../../model/vm.js';

export interface FirmwareChoice {
  readonly firmware: Firmware;
  readonly why: string;
  readonly warning?: string;
}

/** An EFI system partition that could not be read leaves open what it would boot. */
function cannotBoot(wanted: Firmware, { observed, espDevice }: Inspection['firmware']): boolean {
  return wanted === 'uefi' ? observed === 'bios' && espDevice === undefined : observed === 'uefi';
}

function conflict(who: string, wanted: Firmware, observed: Firmware): DroverError {
  return new DroverError({
    code: 'guest.firmware-conflict',
    message: `${who} says firmware ${wanted}, but the disks boot with ${observed} only`,
    hint: `Set firmware: ${observed} for this machine, or leave firmware out.`,
    details: { declared: wanted, observed },
  });
}

/**
 * Firmware of the new machine: the playbook's word, else the descriptor's, else what the disks need. A word that the disks
 * contradict is refused, because the guest would not start; the playbook overrules a wrong descriptor. A system that is not
 * fixed is not judged either.
 */
export function chooseFirmware(
  inspection: Inspection,
  description: VmDescription,
  settings: Pick<ResolvedSettings, 'firmware'>,
  fixes: boolean,
): FirmwareChoice {
  const { observed } = inspection.firmware;
  const only = observed === 'bios' || observed === 'uefi' ? observed : undefined;
  if (settings.firmware !== 'auto') {
    const clash = only !== undefined && only !== settings.firmware;
    if (clash && fixes && cannotBoot(settings.firmware, inspection.firmware)) {
      throw conflict('the playbook', settings.firmware, only);
    }
    return {
      firmware: settings.firmware,
      why: 'the playbook says so',
      ...(clash ? { warning: `the playbook asks for ${settings.firmware}, but the disks boot with ${only} only` } : {}),
    };
  }
  if (description.firmware !== undefined) {
    if (only !== undefined && only !== description.firmware) {
      throw conflict('the descriptor', description.firmware, only);
    }
    return { firmware: description.firmware, why: 'the descriptor says so' };
  }
  if (only !== undefined) return { firmware: only, why: `the disks boot with ${only}` };
  if (observed === 'both') {
    const loader = inspection.firmware.efiLoaders.length > 0;
    return loader
      ? { firmware: 'uefi', why: 'the disks boot with both, and the EFI system partition holds a loader' }
      : { firmware: 'bios', why: 'the disks look like both, but the EFI system partition holds no loader' };
  }
  return { firmware: 'bios', why: 'nothing on the disks speaks for UEFI' };
}

/** The disk that this firmware starts from; undefined when the disks do not show it. */
export function bootDiskFor(firmware: Firmware, { firmware: facts, block }: Inspection): number | undefined {
  if (firmware === 'bios') return facts.biosDisk;
  return block.find((device) => device.device === facts.espDevice)?.diskIndex;
}
