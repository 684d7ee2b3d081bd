/** Which drivers a kernel has, and which of them are in its initramfs. */
import type { DriverFacts, DriverPresence, InitramfsPresence, InitramfsTool } from '../../../model/inspection.js';
import { WATCHED_DRIVERS } from '../../../model/inspection.js';
import { moduleName } from './module-names.js';
import type { ModuleIndex } from './module-names.js';
import type { InitramfsContents, InitramfsEntry } from './read.js';

/** Where a driver is outside the initramfs. */
function driverPresence(driver: string, index: ModuleIndex): DriverPresence {
  if (index.builtin.has(driver)) return 'builtin';
  return index.paths.has(driver) ? 'module' : 'absent';
}

/**
 * Names of the modules that an initramfs holds for a kernel. Modules of other kernels do not count: the running one
 * does not look there.
 */
export function modulesIn(entries: readonly InitramfsEntry[], version: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const entry of entries) {
    if (entry.kind !== 'file' || !isModulePath(entry.name, version)) continue;
    const name = moduleName(entry.name);
    if (name !== undefined) names.add(name);
  }
  return names;
}

function isModulePath(path: string, version: string): boolean {
  return path.includes(`lib/modules/${version}/`);
}

/** The watched drivers of a kernel. Without contents (not read, no image) only what is built in is certain. */
export function driverFacts(
  version: string,
  index: ModuleIndex,
  contents: InitramfsContents | undefined,
): DriverFacts[] {
  const inside = contents === undefined ? new Set<string>() : modulesIn(contents.entries, version);
  return WATCHED_DRIVERS.map((driver) => {
    const presence = driverPresence(driver, index);
    return { driver, presence, inInitramfs: initramfsPresence(driver, presence, inside, contents) };
  });
}

function initramfsPresence(
  driver: string,
  presence: DriverPresence,
  inside: ReadonlySet<string>,
  contents: InitramfsContents | undefined,
): InitramfsPresence {
  if (presence === 'builtin') return 'builtin';
  if (inside.has(driver)) return 'yes';
  return contents === undefined || contents.problem !== undefined ? 'unknown' : 'no';
}

/** Which tool made an image, from files that only this tool puts there. */
export function detectInitramfsTool(entries: readonly InitramfsEntry[]): InitramfsTool {
  const names = new Set(entries.map((entry) => entry.name));
  const has = (...paths: readonly string[]): boolean => paths.some((path) => names.has(path));
  if (has('usr/lib/dracut/dracut-lib.sh', 'lib/dracut-lib.sh', 'usr/lib/dracut-lib.sh', 'usr/lib/dracut'))
    return 'dracut';
  if (has('lib/dracut', 'lib/dracut/hooks', 'var/lib/dracut')) return 'dracut';
  if (has('conf/initramfs.conf', 'conf/arch.conf', 'scripts/functions')) return 'initramfs-tools';
  if (has('init_functions', 'buildconfig')) return 'mkinitcpio';
  if (has('usr/bin/nlplug-findfs', 'sbin/nlplug-findfs')) return 'mkinitfs';
  return has('run_all.sh', 'mkinitrd.config', 'config/start.sh') ? 'mkinitrd' : 'unknown';
}
