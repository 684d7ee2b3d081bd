/** What the machine boots: the menu entries of every boot loader in one shape. */
import type { GuestTree } from '../../common/ports.js';
import { readBlsEntries } from './bls.js';
import { defaultItem, parseGrubConfig } from './grub-cfg.js';
import type { GrubConfig, GrubMenuItem } from './grub-cfg.js';
import { grubenvValue, parseGrubenv } from './grubenv.js';
import type { GrubEnv } from './grubenv.js';
import { parseLegacyConfig } from './legacy.js';

export interface BootEntry {
  /** File that holds the entry. */
  readonly path: string;
  readonly title: string;
  /** Kernel version as far as the file name or the entry says. */
  readonly version: string;
  /** Path in the guest. */
  readonly kernel: string;
  readonly initrds: readonly string[];
  /** Kernel arguments with the boot loader's variables filled in. */
  readonly cmdline: string;
  readonly isDefault: boolean;
}

/** Folders that may hold GRUB 2's files, the first one that does wins. */
const grub2Dirs = ['/boot/grub2', '/boot/grub'] as const;
export const legacyFiles = ['/boot/grub/menu.lst', '/boot/grub/grub.conf', '/etc/grub.conf'] as const;
export const extlinuxFiles = [
  '/boot/extlinux/extlinux.conf',
  '/boot/extlinux.conf',
  '/boot/syslinux/syslinux.cfg',
  '/extlinux.conf',
] as const;

/** Vendor folders on the mounted EFI system partition. */
export function efiVendorDirs(tree: GuestTree): string[] {
  return ['/boot/efi/EFI', '/efi/EFI', '/boot/EFI'].flatMap((dir) =>
    tree
      .list(dir)
      .filter((name) => tree.stat(`${dir}/${name}`)?.kind === 'directory')
      .map((name) => `${dir}/${name}`),
  );
}

/** Every grub.cfg, real files once, those on the EFI system partition last. */
export function grubConfigFiles(tree: GuestTree): string[] {
  return uniqueFiles(
    tree,
    [...grub2Dirs, ...efiVendorDirs(tree)].map((dir) => `${dir}/grub.cfg`),
  );
}

/** Every environment block, real files once. */
export function grubenvFiles(tree: GuestTree): string[] {
  return uniqueFiles(
    tree,
    [...grub2Dirs, ...efiVendorDirs(tree)].map((dir) => `${dir}/grubenv`),
  );
}

/** Those paths that are files, each real file once. */
export function uniqueFiles(tree: GuestTree, paths: readonly string[]): string[] {
  const seen = new Set<string>();
  return paths.filter((path) => {
    const real = tree.resolve(path);
    if (real === undefined || tree.stat(path)?.kind !== 'file' || seen.has(real)) return false;
    seen.add(real);
    return true;
  });
}

/** All entries, the default first among equals marked. Empty when no boot loader is understood. */
export function readBootEntries(tree: GuestTree): BootEntry[] {
  const env = grubenvFiles(tree)
    .map((path) => parseGrubenv(tree.text(path) ?? ''))
    .find((each) => each !== undefined);
  for (const path of grubConfigFiles(tree)) {
    const config = parseGrubConfig(tree.text(path) ?? '');
    if (config.isStub) continue;
    const entries = config.usesBls ? blsEntries(tree, config, env) : menuEntries(tree, path, config, env);
    if (entries.length > 0) return entries;
  }
  const bls = blsEntries(tree, undefined, env);
  return bls.length > 0 ? bls : legacyEntries(tree);
}

function menuEntries(tree: GuestTree, path: string, config: GrubConfig, env: GrubEnv | undefined): BootEntry[] {
  const chosen = defaultItem(config, grubenvValue(env, 'saved_entry'));
  const flat = (items: readonly GrubMenuItem[]): GrubMenuItem[] =>
    items.flatMap((item) => (item.isSubmenu ? flat(item.children) : [item]));
  return flat(config.items).flatMap((item) =>
    item.kernel === undefined
      ? []
      : [
          {
            path,
            title: item.title,
            version: kernelVersion(item.kernel),
            kernel: bootPath(tree, item.kernel),
            initrds: item.initrds.map((initrd) => bootPath(tree, initrd)),
            cmdline: expand(item.args, config, env),
            isDefault: item === chosen,
          },
        ],
  );
}

function blsEntries(tree: GuestTree, config: GrubConfig | undefined, env: GrubEnv | undefined): BootEntry[] {
  const entries = readBlsEntries(tree);
  const saved = grubenvValue(env, 'saved_entry') ?? loaderDefault(tree);
  const wanted =
    saved === undefined ? undefined : entries.find((entry) => matchesSaved(entry.id, saved) || entry.title === saved);
  const chosen =
    wanted ?? (saved !== undefined && /^\d+$/.test(saved) ? entries[Number(saved)] : undefined) ?? entries[0];
  return entries.map((entry) => ({
    path: entry.path,
    title: entry.title,
    version: kernelVersion(entry.linux, entry.version),
    kernel: espPath(tree, entry.path, entry.linux),
    initrds: entry.initrds.map((initrd) => espPath(tree, entry.path, initrd)),
    cmdline: expand(entry.options, config, env),
    isDefault: entry === chosen,
  }));
}

/** systemd-boot's `default` may be a pattern, and names entries with their suffix. */
function matchesSaved(id: string, saved: string): boolean {
  const plain = saved.replace(/\.conf$/, '');
  if (!plain.includes('*')) return id === plain;
  const [first = '', ...rest] = plain.split('*');
  return rest.join('') === '' && id.startsWith(first);
}

function loaderDefault(tree: GuestTree): string | undefined {
  for (const dir of ['/boot', '/boot/efi', '/efi']) {
    const match = /^default\s+(\S+)/m.exec(tree.text(`${dir}/loader/loader.conf`) ?? '');
    if (match?.[1] !== undefined) return match[1];
  }
  return undefined;
}

function legacyEntries(tree: GuestTree): BootEntry[] {
  for (const path of legacyFiles) {
    const text = tree.text(path);
    if (text === undefined) continue;
    const { entries, defaultIndex } = parseLegacyConfig(text);
    if (entries.length === 0) continue;
    return entries.map((entry, index) => ({
      path,
      title: entry.title,
      version: kernelVersion(entry.kernel),
      kernel: bootPath(tree, entry.kernel),
      initrds: entry.initrds.map((initrd) => bootPath(tree, initrd)),
      cmdline: entry.args,
      isDefault: index === (defaultIndex < entries.length ? defaultIndex : 0),
    }));
  }
  return [];
}

/** Fills in `$kernelopts` and its like from the environment block, else from the configuration's own default. */
function expand(args: string, config: GrubConfig | undefined, env: GrubEnv | undefined): string {
  return args
    .replace(
      /\$\{?([A-Za-z_]\w*)\}?/g,
      (_, name: string) => grubenvValue(env, name) ?? config?.variables.get(name) ?? '',
    )
    .trim();
}

/**
 * The path in the guest's tree of a path that GRUB sees. GRUB's root is the filesystem that holds /boot: it leaves /boot
 * out when that is separate, and puts a btrfs subvolume in front. Debian's /vmlinuz and /initrd.img are links beside /boot.
 */
function bootPath(tree: GuestTree, path: string): string {
  const plain = path.replace(/^\([^)]*\)/, '').replace(/^\$\{?\w+\}?/, '');
  const boot = plain.indexOf('/boot/');
  if (boot !== -1) return plain.slice(boot);
  const rest = plain.replace(/^\/+/, '');
  const candidates = [`/boot/${rest}`, `/${rest}`, `/${rest.slice(rest.indexOf('/') + 1)}`];
  return candidates.find((candidate) => tree.stat(candidate)?.kind === 'file') ?? `/boot/${rest}`;
}

/** Paths in an entry file count from the filesystem that holds it. */
function espPath(tree: GuestTree, entryPath: string, path: string): string {
  const base = entryPath.slice(0, entryPath.indexOf('/loader/entries/'));
  if (base !== '/boot' && tree.lstat(`${base}${path}`) !== undefined) return `${base}${path}`;
  return base === '/boot' ? bootPath(tree, path) : `${base}${path}`;
}

/** Version of a kernel from its file name, else what the entry says. */
export function kernelVersion(kernel: string, fallback?: string): string {
  const name = kernel.slice(kernel.lastIndexOf('/') + 1);
  return /^(?:vmlinuz|vmlinux|kernel|bzImage|Image)-(.+)$/.exec(name)?.[1] ?? fallback ?? name;
}
