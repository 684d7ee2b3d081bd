/** How each family of initramfs is told to load a driver that no device alias may pull in early enough. */
import type { InitramfsTool } from '../../../model/inspection.js';
import type { InitramfsEntry } from './read.js';

export interface LoadHint {
  readonly path: string;
  readonly content: Buffer;
}

/**
 * The file that makes the image load these modules, or undefined when nothing is needed or known: udev loads drivers by
 * alias wherever it runs, so the hint is a second rope. @param current content of files that are extended, by path
 */
export function loadHint(
  tool: InitramfsTool,
  entries: readonly InitramfsEntry[],
  current: ReadonlyMap<string, Buffer>,
  modules: readonly string[],
): LoadHint | undefined {
  const lines = `${modules.join('\n')}\n`;
  switch (tool) {
    case 'initramfs-tools': {
      const old = current.get('conf/modules')?.toString('latin1') ?? '';
      return { path: 'conf/modules', content: Buffer.from(`${withNewline(old)}${lines}`, 'latin1') };
    }
    case 'dracut':
      return { path: 'etc/modules-load.d/drover.conf', content: Buffer.from(lines, 'latin1') };
    case 'mkinitcpio': {
      const config = current.get('config')?.toString('latin1');
      // The systemd variant has no such file and reads what systemd reads.
      if (config === undefined || entries.some((entry) => entry.name.endsWith('lib/systemd/systemd'))) {
        return { path: 'etc/modules-load.d/drover.conf', content: Buffer.from(lines, 'latin1') };
      }
      return {
        path: 'config',
        content: Buffer.from(`${withNewline(config)}${mkinitcpioModules(config, modules)}`, 'latin1'),
      };
    }
    case 'mkinitfs':
    case 'mkinitrd':
    case 'unknown':
      return undefined;
  }
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** Its init sources `config` and loads the words of MODULES; a later assignment wins. */
function mkinitcpioModules(config: string, modules: readonly string[]): string {
  const old = [...config.matchAll(/^MODULES=(?:"([^"]*)"|'([^']*)'|(\S*))/gm)].at(-1);
  const words = (old?.[1] ?? old?.[2] ?? old?.[3] ?? '').split(/\s+/).filter((word) => /^[\w-]+$/.test(word));
  return `MODULES="${[...new Set([...words, ...modules])].join(' ')}"\n`;
}
