/** GRUB legacy: `title` blocks with `kernel` and `initrd` lines. */
import { splitLines } from '../text/lines.js';

export interface LegacyEntry {
  readonly title: string;
  readonly kernel: string;
  readonly args: string;
  readonly initrds: readonly string[];
}

export function parseLegacyConfig(content: string): { readonly entries: LegacyEntry[]; readonly defaultIndex: number } {
  const entries: { title: string; kernel: string; args: string; initrds: string[] }[] = [];
  let defaultIndex = 0;
  for (const { text } of splitLines(content)) {
    const line = text.trim();
    const title = /^title\s+(.*)$/.exec(line);
    const number = /^default[\s=]+(\d+)/.exec(line);
    const kernel = /^kernel\s+(?:--\S+\s+)*(?:\([^)]*\))?(\S+)\s*(.*)$/.exec(line);
    const initrd = /^initrd\s+(?:\([^)]*\))?(\S+)/.exec(line);
    const current = entries.at(-1);
    if (title !== null) entries.push({ title: title[1] ?? '', kernel: '', args: '', initrds: [] });
    else if (number !== null && entries.length === 0) defaultIndex = Number(number[1]);
    else if (current !== undefined && kernel !== null && current.kernel === '') {
      current.kernel = kernel[1] ?? '';
      current.args = kernel[2] ?? '';
    } else if (current !== undefined && initrd?.[1] !== undefined) current.initrds.push(initrd[1]);
  }
  return { entries: entries.filter((entry) => entry.kernel !== ''), defaultIndex };
}
