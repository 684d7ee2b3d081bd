import type { CrypttabEntry } from '../../../model/inspection.js';
import { classifySpec, fieldSpans, resolveSpec } from '../fstab/index.js';
import type { FieldSpan, ResolveContext } from '../fstab/index.js';
import { splitLines } from '../text/lines.js';
import type { TextLine } from '../text/lines.js';

/** A line of /etc/crypttab; `entry` is absent on comments, blank and incomplete lines. */
export interface CrypttabLine extends TextLine {
  readonly fields: readonly FieldSpan[];
  readonly entry?: {
    /** Mapper name. */
    readonly name: string;
    readonly device: string;
    /** `none` when the line has no key field. */
    readonly key: string;
    /** Empty when the line has none. */
    readonly options: string;
  };
}

/** Parses /etc/crypttab. Never throws; joining `text + eol` of all lines gives the file back. */
export function parseCrypttab(content: string): CrypttabLine[] {
  return splitLines(content).map((line) => {
    const trimmed = line.text.trimStart();
    if (trimmed === '' || trimmed.startsWith('#')) return { ...line, fields: [] };
    const fields = fieldSpans(line.text, 4);
    const [name, device, key, options] = fields;
    if (name === undefined || device === undefined) return { ...line, fields };
    return {
      ...line,
      fields,
      entry: { name: name.text, device: device.text, key: key?.text ?? 'none', options: options?.text ?? '' },
    };
  });
}

/** The entries of /etc/crypttab as INSPECT records them. */
export function readCrypttabFacts(content: string, ctx: ResolveContext): CrypttabEntry[] {
  return parseCrypttab(content).flatMap((line) => {
    if (line.entry === undefined) return [];
    const resolved = resolveSpec(line.entry.device, ctx);
    return [
      {
        line: line.number,
        ...line.entry,
        class: classifySpec(line.entry.device),
        ...(resolved === undefined ? {} : { resolved }),
      },
    ];
  });
}

/** Whether an entry is unlocked by the initramfs because its options say so. */
export function isUnlockedEarly(options: string): boolean {
  return options.split(',').some((option) => option === 'initramfs' || option === 'x-initrd.attach');
}
