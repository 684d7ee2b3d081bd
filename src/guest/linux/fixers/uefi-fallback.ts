/** Boot entries live in the firmware's memory and stay behind: the loader must also lie where firmware looks by itself. */
import { DroverError } from '../../../lib/error.js';
import type { FileChange } from '../../../model/fix.js';
import { isPlainWord } from '../../common/words.js';
import type { FixContext, Fixer } from './types.js';

/** File names by architecture of the guest. */
const archNames: Readonly<Record<string, string>> = { x86_64: 'x64', aarch64: 'aa64' };

/** A loader to be copied, with what must lie beside it. */
export interface FallbackPlan {
  readonly vendorDir: string;
  readonly bootDir: string;
  /** Source and target names. */
  readonly copies: readonly (readonly [from: string, to: string])[];
}

/** Step `uefi-fallback`. */
export const uefiFallbackFixer: Fixer = {
  id: 'uefi-fallback',
  warningCode: 'guest.uefi-fallback',
  async run(ctx) {
    if (ctx.plan.firmware !== 'uefi') return { status: 'skipped', notes: ['the machine boots with BIOS'] };
    if (ctx.inspection.firmware.fallbackLoader) return { notes: ['the fallback loader is there'] };
    const plan = planFallback(ctx);
    if (plan === undefined) {
      throw new DroverError({
        code: 'guest.no-loader',
        message: `no boot loader was found on the EFI system partition ${ctx.inspection.firmware.espDevice ?? '(there is none)'}`,
      });
    }
    if (ctx.appliance !== undefined) await copy(plan, ctx.appliance.session);
    return { changes: plan.copies.map(([from, to]) => change(`${plan.bootDir}/${to}`, `${plan.vendorDir}/${from}`)) };
  },
};

function change(path: string, from: string): FileChange {
  return { path, kind: 'created', diff: `copied from ${from}\n` };
}

/** Chooses the vendor's folder and what of it goes where; undefined when there is no loader at all. */
export function planFallback(ctx: FixContext): FallbackPlan | undefined {
  const suffix = archNames[ctx.inspection.arch] ?? 'x64';
  const loaders = ctx.inspection.firmware.efiLoaders.filter((path) => isPlainWord(path));
  const dirs = [...new Set(loaders.map(parentOf))].filter((dir) => !/\/(boot|microsoft)(\/|$)/i.test(afterEfi(dir)));
  const ranked = dirs
    .map((dir) => ({ dir, files: loaders.filter((path) => parentOf(path) === dir).map(baseOf) }))
    .flatMap(({ dir, files }) => {
      const main = mainLoader(files, suffix);
      return main === undefined ? [] : [{ dir, files, main, rank: vendorRank(dir, ctx), age: newest(dir, main, ctx) }];
    })
    .sort((a, b) => a.rank - b.rank || b.age - a.age || (a.dir < b.dir ? -1 : 1));
  const best = ranked[0];
  if (best === undefined) return undefined;
  const efiDir = best.dir.slice(0, best.dir.toLowerCase().lastIndexOf('/efi/') + 4);
  const existing = ctx.tree.list(efiDir).find((name) => name.toLowerCase() === 'boot');
  const copies: (readonly [string, string])[] = [[best.main, `BOOT${suffix.toUpperCase()}.EFI`]];
  if (/^shim/i.test(best.main)) {
    const companions = new RegExp(`^(grub${suffix}|mm${suffix})\\.efi$`, 'i');
    copies.push(...best.files.filter((name) => companions.test(name)).map((name) => [name, name] as const));
  }
  const config = ctx.tree.list(best.dir).find((name) => name.toLowerCase() === 'grub.cfg');
  if (config !== undefined) copies.push([config, 'grub.cfg']);
  return { vendorDir: best.dir, bootDir: `${efiDir}/${existing ?? 'BOOT'}`, copies };
}

function afterEfi(dir: string): string {
  return dir.slice(dir.toLowerCase().lastIndexOf('/efi') + 4);
}

function mainLoader(files: readonly string[], suffix: string): string | undefined {
  for (const wanted of [`shim${suffix}.efi`, `grub${suffix}.efi`, `systemd-boot${suffix}.efi`, 'grub.efi']) {
    const found = files.find((name) => name.toLowerCase() === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The folder of the guest's own distribution first. */
function vendorRank(dir: string, ctx: FixContext): number {
  const vendor = baseOf(dir).toLowerCase();
  const { id, idLike } = ctx.inspection.distro;
  const names = [id, ...idLike].map((name) => (name === 'rhel' ? 'redhat' : name));
  const at = names.findIndex((name) => vendor === name || vendor.startsWith(name));
  return at === -1 ? names.length : at;
}

function newest(dir: string, main: string, ctx: FixContext): number {
  return ctx.tree.stat(`${dir}/${main}`)?.mtimeS ?? 0;
}

async function copy(plan: FallbackPlan, session: { script(text: string): Promise<Buffer> }): Promise<void> {
  const { vendorDir, bootDir, copies } = plan;
  const words = [vendorDir, bootDir, ...copies.flat()];
  const lines = copies.map(
    ([from, to]) =>
      `cp "/sysroot${vendorDir}/${from}" "/sysroot${bootDir}/${to}" && cmp "/sysroot${vendorDir}/${from}" "/sysroot${bootDir}/${to}"`,
  );
  const script = [`mkdir -p "/sysroot${bootDir}"`, ...lines].join(' && ');
  const answer = words.every(isPlainWord)
    ? (await session.script(`${script} && sync && echo copied`)).toString('latin1')
    : '';
  if (answer.trim().endsWith('copied')) return;
  throw new DroverError({
    code: 'guest.uefi-fallback',
    message: `${vendorDir}/${copies[0]?.[0] ?? ''} could not be copied to ${bootDir}`,
  });
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
