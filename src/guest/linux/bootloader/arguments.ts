/** Kernel arguments that name devices, edited in place: every other character of the text stays. */
import type { FixContext, StepNotes } from '../fixers/types.js';
import { chooseIdentifier, classifySpec, explainSpec } from '../fstab/index.js';
import { resolveContext, rootDevice } from '../fstab/fix.js';
import { shown } from '../text/display.js';

/** Arguments whose value is, or begins with, a device. `rd.lvm.*` and `rd.md.*` name things inside the guest. */
const deviceArgument = /(^|[\s"'])(root|real_root|resume|swapdev|cryptdevice|rd\.luks\.key)=([^\s"']+)/g;

/** A device argument found in a text. */
export interface DeviceArgument {
  readonly key: string;
  readonly device: string;
}

/** The arguments of a text that name devices by names that change. */
export function volatileArguments(text: string): DeviceArgument[] {
  return [...text.matchAll(deviceArgument)].flatMap((match) => {
    const place = devicePlace(match[2] ?? '', match[3] ?? '');
    return place !== undefined && classifySpec(place.device) === 'volatile'
      ? [{ key: match[2] ?? '', device: place.device }]
      : [];
  });
}

/** The value of `root=` that counts: the last one. */
export function rootArgument(cmdline: string): string | undefined {
  return [...cmdline.matchAll(/(?:^|\s)root=(\S+)/g)].at(-1)?.[1]?.replace(/^["']|["']$/g, '');
}

export interface ArgumentEdit {
  readonly text: string;
  /** Volatile device arguments that stay because nothing stands for them. */
  readonly unresolved: readonly DeviceArgument[];
}

/** Replaces volatile device names among the arguments in a text by identifiers. */
export function stabilizeArguments(text: string, where: string, ctx: FixContext, notes: StepNotes): ArgumentEdit {
  const unresolved: DeviceArgument[] = [];
  const edited = text.replace(deviceArgument, (whole: string, lead: string, key: string, value: string) => {
    const place = devicePlace(key, value);
    if (place === undefined || classifySpec(place.device) !== 'volatile') return whole;
    const token = argumentIdentifier(key, place.device, ctx);
    if (token === undefined) {
      unresolved.push({ key, device: place.device });
      return whole;
    }
    notes.mapped.push({ from: `${key}=${shown(place.device)}`, to: `${key}=${token}`, where });
    return `${lead}${key}=${place.before}${token}${place.after}`;
  });
  return { text: edited, unresolved };
}

/** Where in an argument's value the device stands. */
function devicePlace(
  key: string,
  value: string,
): { readonly before: string; readonly device: string; readonly after: string } | undefined {
  if (key === 'cryptdevice') {
    const colon = value.indexOf(':');
    return colon === -1 ? undefined : { before: '', device: value.slice(0, colon), after: value.slice(colon) };
  }
  if (key === 'rd.luks.key') {
    const [file, device, ...rest] = value.split(':');
    if (device === undefined) return undefined;
    return { before: `${file}:`, device, after: rest.length === 0 ? '' : `:${rest.join(':')}` };
  }
  return { before: '', device: value, after: '' };
}

function argumentIdentifier(key: string, device: string, ctx: FixContext): string | undefined {
  const { block } = ctx.inspection;
  const isRoot = key === 'root' || key === 'real_root';
  if (isRoot) {
    // The default entry boots the system that was inspected, whatever its root used to be called.
    const root = rootDevice(ctx);
    const isDefault = device === rootArgument(ctx.inspection.bootloader.cmdline ?? '');
    const isOnly = (ctx.inspection.root?.candidates.length ?? 0) <= 1;
    if (root !== undefined && (isDefault || isOnly)) return chooseIdentifier(root.device, block, rootKinds(ctx))?.token;
  }
  const fsType = key === 'resume' || key === 'swapdev' ? 'swap' : key === 'cryptdevice' ? 'crypto_LUKS' : undefined;
  const found = explainSpec(device, { ...resolveContext(ctx), ...(fsType === undefined ? {} : { fsType }) });
  if (found === undefined) return undefined;
  const token = chooseIdentifier(found.device, block, isRoot ? rootKinds(ctx) : {})?.token;
  // A blank cannot be written on a kernel command line.
  return token === undefined || /[\s\\]/.test(token) ? undefined : token;
}

/** Only an initramfs can find a filesystem by its UUID; the kernel alone knows partitions. */
function rootKinds(ctx: FixContext): Parameters<typeof chooseIdentifier>[2] {
  const kernel = ctx.inspection.kernels.find((each) => each.isDefault);
  return kernel !== undefined && kernel.initramfs === undefined ? { prefer: ['PARTUUID'] } : {};
}

/** Adds a serial console to arguments that have none. */
export function withSerialConsole(args: string): string {
  if (/(^|\s)console=ttyS0(,|\s|$)/.test(args)) return args;
  const consoles = /(^|\s)console=tty0(\s|$)/.test(args)
    ? 'console=ttyS0,115200n8'
    : 'console=tty0 console=ttyS0,115200n8';
  const end = args.trimEnd();
  return `${end}${end === '' ? '' : ' '}${consoles}${args.slice(end.length)}`;
}
