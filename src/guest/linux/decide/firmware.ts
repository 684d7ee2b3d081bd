import { DroverError } from '../../../lib/error.js';
import type { Inspection } from '../../../model/inspection.js';
import type { ResolvedSettings } from '../../../model/settings.js';
import type { Firmware, VmDescription } from '../../../model/vm.js';

export interface FirmwareChoice {
  readonly firmware: Firmware;
  readonly why: string;
  readonly warning?: string;
}

/**
 * Firmware of the new machine: the playbook's word, else the descriptor's, else what the disks need. A descriptor that the
 * disks contradict is refused, because the guest would not start; the playbook can overrule it.
 */
export function chooseFirmware(
  inspection: Inspection,
  description: VmDescription,
  settings: Pick<ResolvedSettings, 'firmware'>,
): FirmwareChoice {
  const { observed } = inspection.firmware;
  const only = observed === 'bios' || observed === 'uefi' ? observed : undefined;
  if (settings.firmware !== 'auto') {
    const clash = only !== undefined && only !== settings.firmware;
    return {
      firmware: settings.firmware,
      why: 'the playbook says so',
      ...(clash ? { warning: `the playbook asks for ${settings.firmware}, but the disks boot with ${only} only` } : {}),
    };
  }
  if (description.firmware !== undefined) {
    if (only !== undefined && only !== description.firmware) {
      throw new DroverError({
        code: 'guest.firmware-conflict',
        message: `the descriptor says ${description.firmware}, but the disks boot with ${only} only`,
        hint: `Set firmware: ${only} for this machine if the disks are right.`,
        details: { declared: description.firmware, observed },
      });
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
