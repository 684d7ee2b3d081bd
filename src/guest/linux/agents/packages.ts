/** Removing an agent's packages with the guest's own package manager. */
import type { Inspection } from '../../../model/inspection.js';
import type { FixAppliance } from '../fixers/appliance.js';
import type { CommandReport, FixContext } from '../fixers/types.js';
import { emptyScript, isInertScript } from './maintainer-scripts.js';

const timeoutMs = 600_000;
const tailBytes = 8 * 1024;
const infoDir = '/var/lib/dpkg/info';
/** An appliance that needs longer than this to start runs without KVM, where unknown scripts can take minutes. */
const slowLaunchMs = 7_000;

export interface Removal {
  readonly removed: boolean;
  readonly command?: CommandReport;
  readonly why?: string;
}

/** The command that removes packages, or undefined for formats without one. Dependencies are never forced. */
export function removalCommand(format: Inspection['packageFormat'], packages: readonly string[]): string[] | undefined {
  switch (format) {
    case 'deb':
      return ['dpkg', '--purge', '--no-triggers', '--', ...packages];
    case 'rpm':
      // What the scripts do (stop and disable services) is done already; triggers rebuild caches that stay valid.
      return ['rpm', '-e', '--noscripts', '--notriggers', ...packages];
    case 'pacman':
      return ['pacman', '-R', '--noconfirm', ...packages];
    case 'apk':
      return ['apk', 'del', '--no-network', ...packages];
    case 'none':
      return undefined;
  }
}

/** Whether a name from a package database may stand on a command line. */
export function isPackageName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9+._-]*$/.test(name);
}

/** Removes packages. Edits that are pending in the tree are written first; afterwards the tree must be read again. */
export async function removePackages(
  packages: readonly string[],
  ctx: FixContext,
  appliance: FixAppliance,
): Promise<Removal> {
  const argv = removalCommand(ctx.inspection.packageFormat, packages);
  if (argv === undefined) return { removed: false, why: 'the guest has no package manager that is known' };
  if (!packages.every(isPackageName)) return { removed: false, why: 'the package database holds a name that is none' };
  if (ctx.inspection.packageFormat === 'deb') {
    const known = await silenceScripts(packages, ctx, appliance);
    if (!known && appliance.session.launchMs > slowLaunchMs) {
      return { removed: false, why: 'their removal scripts are unknown and would take minutes without KVM' };
    }
  }
  dropStaleLocks(ctx);
  await appliance.flush(ctx.tree);
  const result = await appliance.session.guestCommand(wrapped(argv), { timeoutMs });
  const command = { argv, exitCode: result.exitCode, tail: result.output.slice(-tailBytes), seconds: result.seconds };
  if (!result.available) return { removed: false, command, why: 'programs of this guest cannot run here' };
  if (result.exitCode !== 0) return { removed: false, command, why: `${argv[0]} ended with ${result.exitCode}` };
  return { removed: true, command };
}

/** After dpkg, the one trigger that is quick is served; others wait for the next run of the package manager. */
function wrapped(argv: readonly string[]): string[] {
  if (argv[0] !== 'dpkg') return [...argv];
  const script = '"$@" || exit; dpkg --triggers-only libc-bin >/dev/null 2>&1; exit 0';
  return ['sh', '-c', script, 'sh', ...argv];
}

/**
 * Puts empty scripts in the place of removal scripts whose effects are all known. Returns whether every package has known
 * scripts only.
 */
async function silenceScripts(packages: readonly string[], ctx: FixContext, appliance: FixAppliance): Promise<boolean> {
  const paths = packages.flatMap((name) => ['prerm', 'postrm'].map((kind) => `${infoDir}/${name}.${kind}`));
  const scripts = await readScripts(paths, appliance);
  if (![...scripts.values()].every(isInertScript)) return false;
  for (const path of scripts.keys()) ctx.tree.write(path, emptyScript, 0o755);
  return true;
}

/** Contents of those files that exist, with one call. */
async function readScripts(paths: readonly string[], appliance: FixAppliance): Promise<Map<string, string>> {
  const mark = '=== drover script ';
  const script = paths
    .map((path) => `if test -f /sysroot${path}; then echo; echo "${mark}${path}"; cat /sysroot${path}; fi`)
    .join('\n');
  const output = (await appliance.session.script(script)).toString('latin1');
  const scripts = new Map<string, string>();
  for (const part of output.split(`\n${mark}`).slice(1)) {
    const newline = part.indexOf('\n');
    scripts.set(part.slice(0, newline), part.slice(newline + 1));
  }
  return scripts;
}

/** Nobody runs the package manager in a guest that is switched off. */
function dropStaleLocks(ctx: FixContext): void {
  const berkeley = ctx.tree.list('/var/lib/rpm').filter((name) => /^__db\.\d+$/.test(name));
  const locks = ['/var/lib/pacman/db.lck', '/var/lib/rpm/.rpm.lock', ...berkeley.map((name) => `/var/lib/rpm/${name}`)];
  for (const lock of locks) if (ctx.tree.lstat(lock) !== undefined) ctx.tree.remove(lock);
}
