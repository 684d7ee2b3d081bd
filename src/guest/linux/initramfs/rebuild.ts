/**
 * Rebuilding an initramfs with the guest's own tool, for what appending cannot do. Only command lines and the judgement of
 * the result are here; the commands run in the appliance.
 */
import type { InitramfsTool } from '../../../model/inspection.js';
import type { GuestTree } from '../../common/ports.js';
import { moduleClosure } from './module-names.js';
import type { ModuleIndex } from './module-names.js';
import { modulesIn } from './presence.js';
import type { InitramfsContents } from './read.js';

/** What virtio needs, as far as a kernel has it as modules. */
export const VIRTIO_MODULES = [
  'virtio',
  'virtio_ring',
  'virtio_pci',
  'virtio_blk',
  'virtio_scsi',
  'virtio_net',
] as const;

export type RebuildTool = Exclude<InitramfsTool, 'unknown'>;

export interface RebuildRequest {
  readonly version: string;
  /** Kernel image in the guest. */
  readonly vmlinuz: string;
  /** Where the new image goes: a temporary name beside the old one. */
  readonly image: string;
  /** Modules that this kernel has; asking for others makes dracut fail. */
  readonly modules: readonly string[];
}

/** Programs in the order in which they are looked for; the first that is there is the guest's tool. */
const PROGRAMS: readonly (readonly [RebuildTool, readonly string[]])[] = [
  ['dracut', ['/usr/bin/dracut', '/sbin/dracut', '/usr/sbin/dracut']],
  ['initramfs-tools', ['/usr/sbin/mkinitramfs', '/sbin/mkinitramfs']],
  ['mkinitcpio', ['/usr/bin/mkinitcpio', '/usr/sbin/mkinitcpio']],
  ['mkinitrd', ['/sbin/mkinitrd', '/usr/sbin/mkinitrd']],
  ['mkinitfs', ['/sbin/mkinitfs', '/usr/sbin/mkinitfs']],
];

/** The guest's tool; undefined when it has none that is known. */
export function findRebuildTool(tree: GuestTree): RebuildTool | undefined {
  return PROGRAMS.find(([, paths]) => paths.some((path) => tree.stat(path) !== undefined))?.[0];
}

/** The wanted modules that the kernel has as files, in the given order. */
export function requestableModules(wanted: readonly string[], index: ModuleIndex): string[] {
  return wanted.filter((name) => index.paths.has(name) && !index.builtin.has(name));
}

/**
 * Commands to try in order until one succeeds: the second of dracut's makes a smaller image, for a /boot that is too full
 * for one that fits every machine. The kernel version is always said, else the appliance's own would be taken.
 */
export function rebuildCommands(tool: RebuildTool, request: RebuildRequest): string[][] {
  const { version, vmlinuz, image, modules } = request;
  switch (tool) {
    case 'dracut': {
      const drivers = modules.length === 0 ? [] : ['--add-drivers', modules.join(' ')];
      return [
        ['dracut', '--force', '--no-hostonly', ...drivers, image, version],
        ['dracut', '--force', ...drivers, image, version],
      ];
    }
    case 'initramfs-tools':
      return [['mkinitramfs', '-o', image, version]];
    case 'mkinitcpio':
      return [['mkinitcpio', '-S', 'autodetect', '-k', version, '-g', image]];
    case 'mkinitrd':
      return [['mkinitrd', '-m', modules.join(' '), '-k', vmlinuz, '-i', image]];
    case 'mkinitfs':
      return [['mkinitfs', '-b', '/', '-o', image, version]];
  }
}

/** A file of the guest that makes its own tool include drivers from now on. */
export interface PersistentSetting {
  readonly path: string;
  readonly content: string;
}

/** Lines of `/etc/initramfs-tools/modules` and its like that name a module. */
function namedModules(text: string): Set<string> {
  return new Set(
    text
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim().split(/\s+/)[0] ?? '')
      .filter((name) => name !== '')
      .map((name) => name.replaceAll('-', '_')),
  );
}

/**
 * What to write so that the guest's next kernel update keeps the drivers; undefined when it is written already or the tool
 * has no such place. Every line that is there stays.
 */
export function persistDrivers(
  tool: RebuildTool,
  tree: GuestTree,
  modules: readonly string[],
): PersistentSetting | undefined {
  if (modules.length === 0) return undefined;
  switch (tool) {
    case 'dracut': {
      const path = '/etc/dracut.conf.d/50-drover.conf';
      // The blanks inside the quotes matter: dracut joins the values as they are.
      const content = `# Managed by Drover\nadd_drivers+=" ${modules.join(' ')} "\n`;
      return tree.text(path) === content ? undefined : { path, content };
    }
    case 'initramfs-tools': {
      const path = '/etc/initramfs-tools/modules';
      const old = tree.text(path) ?? '';
      const missing = modules.filter((name) => !namedModules(old).has(name));
      if (missing.length === 0) return undefined;
      const start = old === '' || old.endsWith('\n') ? old : `${old}\n`;
      return { path, content: `${start}${missing.join('\n')}\n` };
    }
    case 'mkinitcpio': {
      const path = '/etc/mkinitcpio.conf';
      const old = tree.text(path);
      const match = old === undefined ? null : /^MODULES=(\(|")([^)"]*)(\)|")/m.exec(old);
      if (old === undefined || match === null) return undefined;
      const words = (match[2] ?? '').split(/\s+/).filter((word) => word !== '');
      const missing = modules.filter((name) => !words.map((word) => word.replaceAll('-', '_')).includes(name));
      if (missing.length === 0) return undefined;
      const line = `MODULES=${match[1] ?? '('}${[...words, ...missing].join(' ')}${match[3] ?? ')'}`;
      return { path, content: `${old.slice(0, match.index)}${line}${old.slice(match.index + match[0].length)}` };
    }
    case 'mkinitrd':
    case 'mkinitfs':
      return undefined;
  }
}

/** Why a rebuilt image must not replace the old one; undefined when it may. */
export function judgeRebuilt(
  contents: InitramfsContents,
  facts: {
    readonly version: string;
    readonly required: readonly string[];
    readonly index: ModuleIndex;
    readonly newBytes: number;
    readonly oldBytes: number;
  },
): string | undefined {
  if (contents.problem !== undefined) return `the new image cannot be read: ${contents.problem}`;
  if (facts.newBytes * 4 < facts.oldBytes) {
    return `the new image has ${facts.newBytes} bytes, less than a quarter of the old one's ${facts.oldBytes}`;
  }
  const inside = modulesIn(contents.entries, facts.version);
  const lost = moduleClosure(facts.required, facts.index).filter((name) => !inside.has(name));
  if (lost.length > 0) return `the new image lacks ${lost.join(', ')}`;
  const hasInit = contents.entries.some((entry) => /^(sbin\/init|init|usr\/lib\/systemd\/systemd)$/.test(entry.name));
  return hasInit ? undefined : 'the new image holds no init';
}
