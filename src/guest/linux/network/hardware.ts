/** Conditions on hardware that exist under the old hypervisor only. */
import type { NicModel } from '../../../model/domain.js';

const oldDrivers = [
  'vmxnet3',
  'vmxnet',
  'pcnet32',
  'vlance',
  'hv_netvsc',
  'e1000',
  'e1000e',
  'xen-netfront',
  'xen_netfront',
];

/** Driver that the guest will use for an adapter of this model. */
export function driverOf(model: NicModel): string {
  switch (model) {
    case 'virtio':
      return 'virtio_net';
    case 'rtl8139':
      return '8139cp';
    case 'e1000':
    case 'e1000e':
      return model;
  }
}

/** Whether a driver name or pattern means an adapter of the old machine and none of the new one. */
export function isOldDriver(pattern: string, newDrivers: readonly string[]): boolean {
  return (
    oldDrivers.some((driver) => globMatches(pattern, driver)) &&
    !newDrivers.some((driver) => globMatches(pattern, driver))
  );
}

/** Shell patterns as udev, netplan and networkd use them: `*`, `?`, `[...]`. */
export function globMatches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  try {
    return new RegExp(`^(?:${source})$`).test(text);
  } catch {
    return pattern === text;
  }
}
