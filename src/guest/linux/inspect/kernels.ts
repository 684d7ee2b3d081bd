/** The kernels of a guest: their files, and which of the new machine's drivers each one has. */
import type { Inspection, InitramfsTool, KernelFacts } from '../../../model/inspection.js';
import type { GuestTree } from '../../common/ports.js';
import { compareVersions, kernelVersion, readBootEntries } from '../bootloader/index.js';
import { detectInitramfsTool, driverFacts } from '../initramfs/index.js';
import type { InitramfsContents, ModuleIndex } from '../initramfs/index.js';

/** A kernel before its initramfs was looked into. */
export interface KernelFiles {
  readonly version: string;
  readonly vmlinuz: string;
  /** Real path. */
  readonly initramfs?: { readonly path: string; readonly sizeBytes: number };
  /** Empty when the kernel has none. */
  readonly modulesDir: string;
  readonly isDefault: boolean;
  readonly isRescue: boolean;
}

const LEFTOVER = /\.(dpkg-\w+|rpm\w+|old|bak|hmac|sig|drover-\w+)$/;

/**
 * Installed kernels, newest first: every kernel image that the boot loader names or that lies in /boot. The default is
 * what the boot loader boots; where it does not say, the newest with modules.
 */
export function findKernels(tree: GuestTree, defaultVersion: string | undefined): KernelFiles[] {
  const modulesRoot = tree.resolve('/lib/modules') ?? '/lib/modules';
  const versions = tree.list(modulesRoot).filter((name) => tree.stat(`${modulesRoot}/${name}`)?.kind === 'directory');
  const entries = readBootEntries(tree);
  const images = new Map<string, { readonly version: string; readonly initrds: readonly string[] }>();
  const addImage = (path: string, version: string, initrds: readonly string[]): void => {
    const real = tree.resolve(path);
    if (real === undefined || images.has(real) || LEFTOVER.test(real) || !isSafeVersion(version)) return;
    images.set(real, { version, initrds });
  };
  for (const entry of entries)
    addImage(entry.kernel, kernelVersion(tree.resolve(entry.kernel) ?? entry.kernel, entry.version), entry.initrds);
  for (const name of tree.list('/boot')) {
    if (/^(vmlinuz|vmlinux|kernel|bzImage|Image)-/.test(name)) addImage(`/boot/${name}`, kernelVersion(name), []);
  }
  const kernels = [...images].map(([vmlinuz, image]): KernelFiles => {
    const version = versionOf(tree, modulesRoot, versions, image.version);
    const isRescue = /(^|-)0?-?rescue\b/.test(image.version);
    const initramfs = findInitramfs(tree, image.version, version, image.initrds);
    return {
      version,
      vmlinuz,
      ...(initramfs === undefined ? {} : { initramfs }),
      modulesDir: versions.includes(version) ? `${modulesRoot}/${version}` : '',
      isDefault: false,
      isRescue,
    };
  });
  const sorted = unique(kernels).sort((a, b) => compareVersions(b.version, a.version));
  const chosen = chooseDefault(tree, sorted, defaultVersion, entries.find((entry) => entry.isDefault)?.kernel);
  return sorted.map((kernel) => (kernel === chosen ? { ...kernel, isDefault: true } : kernel));
}

/** Versions become parts of paths and arguments. */
function isSafeVersion(version: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}$/.test(version);
}

function unique(kernels: readonly KernelFiles[]): KernelFiles[] {
  const seen = new Set<string>();
  return kernels.filter(({ version, isRescue }) => {
    const key = `${version} ${isRescue}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Images without a version in their name (`vmlinuz-linux`) belong to the module folder that names their package. */
function versionOf(tree: GuestTree, modulesRoot: string, versions: readonly string[], named: string): string {
  if (versions.includes(named)) return named;
  return versions.find((version) => tree.text(`${modulesRoot}/${version}/pkgbase`)?.trim() === named) ?? named;
}

function chooseDefault(
  tree: GuestTree,
  kernels: readonly KernelFiles[],
  defaultVersion: string | undefined,
  defaultImage: string | undefined,
): KernelFiles | undefined {
  const real = defaultImage === undefined ? undefined : tree.resolve(defaultImage);
  return (
    kernels.find((kernel) => kernel.vmlinuz === real) ??
    kernels.find((kernel) => kernel.version === defaultVersion) ??
    kernels.find((kernel) => !kernel.isRescue && kernel.modulesDir !== '') ??
    kernels[0]
  );
}

/** What the boot entry loads beside microcode, else the name that fits the version. Kdump images are something else. */
function findInitramfs(
  tree: GuestTree,
  named: string,
  version: string,
  initrds: readonly string[],
): KernelFiles['initramfs'] {
  const loaded = initrds.filter((path) => !/(ucode|microcode)[^/]*$/.test(path));
  const guesses = [named, version].flatMap((each) => [
    `/boot/initrd.img-${each}`,
    `/boot/initramfs-${each}.img`,
    `/boot/initramfs-${each}`,
    `/boot/initrd-${each}`,
    `/boot/initrd-${each}.img`,
  ]);
  for (const path of [...loaded, ...guesses]) {
    const real = tree.resolve(path);
    const node = real === undefined ? undefined : tree.stat(real);
    if (real !== undefined && node?.kind === 'file' && !/kdump/.test(real)) {
      return { path: real, sizeBytes: node.sizeBytes };
    }
  }
  return undefined;
}

/** Which initramfs images decide something: those of the default kernel and of the two newest. */
export function decisiveKernels(kernels: readonly KernelFiles[]): KernelFiles[] {
  const ordinary = kernels.filter((kernel) => !kernel.isRescue);
  const chosen = [...ordinary.filter((kernel) => kernel.isDefault), ...ordinary.slice(0, 2)];
  return [...new Set(chosen)];
}

/** Whether an image needs to be read at all: not when everything is built into the kernel. */
export function needsReading(index: ModuleIndex): boolean {
  return !['virtio_pci', 'virtio_blk', 'virtio_net'].every((driver) => index.builtin.has(driver));
}

/** The facts of a kernel. `contents` is absent when its image was not read. */
export function kernelFacts(
  files: KernelFiles,
  index: ModuleIndex,
  contents: InitramfsContents | undefined,
  tool: InitramfsTool,
): KernelFacts {
  const { initramfs, ...rest } = files;
  const detected = contents === undefined ? 'unknown' : detectInitramfsTool(contents.entries);
  return {
    ...rest,
    ...(initramfs === undefined
      ? {}
      : {
          initramfs: {
            ...initramfs,
            tool: detected === 'unknown' ? tool : detected,
            formats: contents?.segments.map((segment) => segment.format) ?? [],
          },
        }),
    drivers: driverFacts(files.version, index, contents),
  };
}

/** The tool that the guest would use, for images that were not read. */
export function installedTool(tree: GuestTree): InitramfsTool {
  const has = (name: string): boolean =>
    ['/usr/bin', '/usr/sbin', '/sbin', '/bin'].some((dir) => tree.stat(`${dir}/${name}`) !== undefined);
  if (has('update-initramfs')) return 'initramfs-tools';
  if (has('dracut')) return 'dracut';
  if (has('mkinitcpio')) return 'mkinitcpio';
  if (has('mkinitfs')) return 'mkinitfs';
  return has('mkinitrd') ? 'mkinitrd' : 'unknown';
}

/** Warnings about kernels that an operator should read. */
export function kernelWarnings(
  kernels: Inspection['kernels'],
  contents: ReadonlyMap<string, InitramfsContents>,
): string[] {
  return kernels.flatMap((kernel) => {
    const problem = kernel.initramfs === undefined ? undefined : contents.get(kernel.initramfs.path)?.problem;
    return problem === undefined ? [] : [`the initramfs of kernel ${kernel.version} cannot be understood: ${problem}`];
  });
}
