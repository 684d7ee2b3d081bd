/** UEFI firmware of this machine, found through the descriptor files that distributions ship (QEMU's firmware.json format). */
import { posix } from 'node:path';
import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';
import type { DomainFirmware, DomainView } from '../model/index.js';

export interface FirmwareDescriptor {
  /** The file that describes it. */
  readonly file: string;
  readonly description: string;
  readonly interfaces: readonly string[];
  readonly targets: readonly { readonly architecture: string; readonly machines: readonly string[] }[];
  readonly features: readonly string[];
  /** Code and variables in flash memory of their own; absent for every other kind of mapping. */
  readonly flash?: {
    readonly code: string;
    readonly varsTemplate: string;
    readonly format: 'raw' | 'qcow2';
  };
}

/** The folders of descriptors, the one that overrules the others first. */
export function firmwareDirs(env: (name: string) => string | undefined): readonly string[] {
  const home = env('HOME');
  const config = env('XDG_CONFIG_HOME') ?? (home === undefined ? undefined : posix.join(home, '.config'));
  // The user's own folder overrules that of the machine, which overrules that of the packages.
  return [
    ...(config === undefined ? [] : [posix.join(config, 'qemu/firmware')]),
    '/etc/qemu/firmware',
    '/usr/share/qemu/firmware',
  ];
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Reads one descriptor. Undefined for text that is none. */
export function parseFirmware(file: string, text: string): FirmwareDescriptor | undefined {
  let root: Readonly<Record<string, unknown>>;
  try {
    root = record(JSON.parse(text));
  } catch {
    return undefined;
  }
  const mapping = record(root['mapping']);
  const code = record(mapping['executable']);
  const vars = record(mapping['nvram-template']);
  const isSplit = mapping['device'] === 'flash' && (mapping['mode'] ?? 'split') === 'split';
  const format = code['format'] === 'qcow2' ? 'qcow2' : 'raw';
  const interfaces = strings(root['interface-types']);
  if (interfaces.length === 0) return undefined;
  return {
    file,
    description: typeof root['description'] === 'string' ? root['description'] : '',
    interfaces,
    targets: (Array.isArray(root['targets']) ? root['targets'] : []).map(record).map((target) => ({
      architecture: typeof target['architecture'] === 'string' ? target['architecture'] : '',
      machines: strings(target['machines']),
    })),
    features: strings(root['features']),
    ...(isSplit && typeof code['filename'] === 'string' && typeof vars['filename'] === 'string'
      ? { flash: { code: code['filename'], varsTemplate: vars['filename'], format } }
      : {}),
  };
}

/** All descriptors of this machine in the order in which they are to be tried; unreadable ones are left out. */
export async function readFirmware(
  host: Host,
  dirs: readonly string[] = firmwareDirs((name) => host.env(name)),
): Promise<readonly FirmwareDescriptor[]> {
  const paths = new Map<string, string>();
  for (const dir of dirs) {
    if ((await host.files.stat(dir))?.kind !== 'directory') continue;
    for (const name of await host.files.list(dir)) {
      // A file hides those of the same name in the folders after it; an empty one switches them off.
      if (name.endsWith('.json') && !paths.has(name)) paths.set(name, posix.join(dir, name));
    }
  }
  const found: FirmwareDescriptor[] = [];
  for (const name of [...paths.keys()].sort()) {
    const path = paths.get(name) ?? '';
    const descriptor = parseFirmware(path, await host.files.readText(path, 1024 ** 2));
    if (descriptor !== undefined) found.push(descriptor);
  }
  return found;
}

function globMatches(glob: string, text: string): boolean {
  const pattern = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  return new RegExp(`^${pattern}$`).test(text);
}

/**
 * The first descriptor that fits. Secure boot needs a firmware with the keys in it; without it a firmware is taken that knows
 * nothing of it, so that no guest is refused for its signature.
 * @param machineType full name, such as `pc-q35-7.2`: descriptors do not know the short names
 */
export function matchFirmware(
  descriptors: readonly FirmwareDescriptor[],
  want: { readonly kind: 'uefi' | 'uefi-secure'; readonly arch: DomainView['arch']; readonly machineType: string },
): FirmwareDescriptor | undefined {
  const secure = ['secure-boot', 'enrolled-keys', 'requires-smm'];
  return descriptors.find(
    (descriptor) =>
      descriptor.flash !== undefined &&
      descriptor.interfaces.includes('uefi') &&
      descriptor.targets.some(
        (target) =>
          target.architecture === want.arch && target.machines.some((glob) => globMatches(glob, want.machineType)),
      ) &&
      secure.every((feature) => descriptor.features.includes(feature) === (want.kind === 'uefi-secure')),
  );
}

/** What the short names of machine types stand for where no QEMU can be asked; descriptors care for the beginning only. */
const FULL_NAMES: Readonly<Record<DomainView['machine'], string>> = { q35: 'pc-q35-7.2', pc: 'pc-i440fx-7.2' };

/**
 * The firmware for a machine, with the files of this host. Throws `vm.firmware.not-found` with the folders that were searched.
 * @param machineTypes full names by short name, as QEMU tells them
 */
export async function findFirmware(
  host: Host,
  want: {
    readonly kind: DomainFirmware['kind'];
    readonly arch: DomainView['arch'];
    readonly machine: DomainView['machine'];
  },
  machineTypes: Readonly<Record<string, string>> = {},
  dirs?: readonly string[],
): Promise<DomainFirmware> {
  if (want.kind === 'bios') return { kind: 'bios' };
  const descriptors = await readFirmware(host, dirs);
  const machineType = machineTypes[want.machine] ?? FULL_NAMES[want.machine];
  const match = matchFirmware(descriptors, { kind: want.kind, arch: want.arch, machineType });
  const flash = match?.flash;
  if (flash === undefined) {
    const searched = dirs ?? firmwareDirs((name) => host.env(name));
    throw new DroverError({
      code: 'vm.firmware.not-found',
      message: `no ${want.kind === 'uefi-secure' ? 'UEFI firmware with secure boot keys' : 'UEFI firmware'} for ${want.machine} among ${descriptors.length} descriptors in ${searched.join(', ')}`,
      details: { searched: [...searched], found: descriptors.map((descriptor) => descriptor.file) },
    });
  }
  for (const path of [flash.code, flash.varsTemplate]) {
    if (!(await host.files.exists(path))) {
      throw new DroverError({
        code: 'vm.firmware.not-found',
        message: `${match?.file ?? ''} names ${path}, which does not exist`,
        details: { path },
      });
    }
  }
  return { kind: want.kind, loader: flash.code, varsTemplate: flash.varsTemplate, format: flash.format };
}
