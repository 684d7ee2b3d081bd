/** Installed packages, from the package manager's database as far as it can be read without running anything. */
import type { Inspection } from '../../../model/inspection.js';
import type { GuestTree } from '../../common/ports.js';
import { parseDpkgStatus } from './identity.js';
import type { GuestPackage } from './identity.js';

/** Packages of the guest. Empty where the format cannot be read offline. */
export function readPackages(tree: GuestTree, format: Inspection['packageFormat']): GuestPackage[] {
  return format === 'deb' ? parseDpkgStatus(tree.text('/var/lib/dpkg/status') ?? '') : [];
}
