/** GRUB 2's generated configuration, as far as it says what is booted. */
import { splitLines } from '../text/lines.js';

/** An entry of the menu; submenus hold theirs in `children`. */
export interface GrubMenuItem {
  readonly title: string;
  readonly id: string;
  readonly isSubmenu: boolean;
  readonly children: GrubMenuItem[];
  kernel?: string;
  args: string;
  readonly initrds: string[];
}

export interface GrubConfig {
  readonly items: readonly GrubMenuItem[];
  /** As written: an index, an id, a title, a path of those with `>`, or a variable. */
  readonly defaultEntry: string;
  /** Entries come from boot loader specification files. */
  readonly usesBls: boolean;
  /** Only sends GRUB to another configuration. */
  readonly isStub: boolean;
  readonly variables: ReadonlyMap<string, string>;
}

/** Lines that load a kernel or a hypervisor's module; the only ones whose arguments may be edited. */
export const kernelLine = /^\s*(linux|linux16|linuxefi|module|module2|kernel)\s/;

/** Reads a grub.cfg. Never throws; what is not understood is skipped. */
export function parseGrubConfig(content: string): GrubConfig {
  const items: GrubMenuItem[] = [];
  const menuless: GrubMenuItem = { title: '', id: '', isSubmenu: false, children: [], args: '', initrds: [] };
  const stack: ({ readonly item: GrubMenuItem } | 'block')[] = [];
  const variables = new Map<string, string>();
  let defaultEntry = '0';
  let usesBls = false;
  let configfiles = 0;
  for (const { text } of splitLines(content)) {
    const line = text.trim();
    if (line.startsWith('#') || line === '') continue;
    const top = stack.findLast((level) => level !== 'block');
    const menu = /^(menuentry|submenu)\s/.exec(line);
    if (menu !== null) {
      const item = menuItem(line, menu[1] === 'submenu');
      (top?.item.children ?? items).push(item);
      if (line.endsWith('{')) stack.push({ item });
      continue;
    }
    if (line.startsWith('}')) stack.pop();
    else if (line.endsWith('{')) stack.push('block');
    if (/^blscfg(\s|$)/.test(line)) usesBls = true;
    if (/^configfile\s/.test(line)) configfiles += 1;
    const assignment = /^set\s+([A-Za-z_]\w*)=(.*)$/.exec(line);
    if (assignment?.[1] !== undefined) {
      const value = unquote(assignment[2] ?? '');
      if (assignment[1] !== 'default') variables.set(assignment[1], value);
      else if (!/next_entry|prev_saved_entry/.test(value)) defaultEntry = value;
    }
    readBootLine(top?.item ?? menuless, line);
  }
  // A short configuration written by hand may boot without a menu.
  if (items.length === 0 && menuless.kernel !== undefined) items.push(menuless);
  const isStub = items.length === 0 && !usesBls && configfiles > 0;
  return { items, defaultEntry, usesBls, isStub, variables };
}

function menuItem(line: string, isSubmenu: boolean): GrubMenuItem {
  const words = shellWords(line.replace(/\{\s*$/, ''));
  const title = words[1] ?? '';
  const marker = words.findIndex((word) => word === '$menuentry_id_option' || word === '--id');
  const id =
    marker === -1 ? (words.find((word) => word.startsWith('--id='))?.slice(5) ?? '') : (words[marker + 1] ?? '');
  return { title, id, isSubmenu, children: [], args: '', initrds: [] };
}

function readBootLine(item: GrubMenuItem, line: string): void {
  const linux = /^(linux|linux16|linuxefi)\s+(\S+)\s*(.*)$/.exec(line);
  if (linux?.[2] !== undefined && item.kernel === undefined) {
    item.kernel = unquote(linux[2]);
    item.args = linux[3] ?? '';
    return;
  }
  const initrd = /^(initrd|initrd16|initrdefi)\s+(.*)$/.exec(line);
  if (initrd?.[2] !== undefined) item.initrds.push(...shellWords(initrd[2]));
}

function unquote(text: string): string {
  return /^(["'])(.*)\1$/.exec(text.trim())?.[2] ?? text.trim();
}

/** Words of a shell-like line with quotes removed. */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/g)) {
    words.push(
      match[0].replace(
        /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
        (_all, double?: string, plain?: string, one?: string) => {
          if (double !== undefined) return double.replace(/\\(["\\$`])/g, '$1');
          return plain ?? one ?? '';
        },
      ),
    );
  }
  return words;
}

/** The entry that boots when nobody touches the keyboard. `saved` is `saved_entry` of the environment block. */
export function defaultItem(config: GrubConfig, saved: string | undefined): GrubMenuItem | undefined {
  const wanted = /^\$\{?saved_entry\}?$/.test(config.defaultEntry) ? (saved ?? '0') : config.defaultEntry;
  let level: readonly GrubMenuItem[] = config.items;
  let found: GrubMenuItem | undefined;
  for (const part of wanted.split('>')) {
    found = pick(level, part) ?? (found === undefined ? level[0] : undefined);
    if (found === undefined) return undefined;
    level = found.children;
  }
  while (found?.isSubmenu === true) found = found.children[0];
  return found;
}

function pick(items: readonly GrubMenuItem[], part: string): GrubMenuItem | undefined {
  const named = items.find((item) => (item.id !== '' && item.id === part) || item.title === part);
  return named ?? (/^\d+$/.test(part) ? items[Number(part)] : undefined);
}
