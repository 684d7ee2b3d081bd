import type { FstabEntry } from '../../../model/inspection.js';
import { isBootCritical, parseFstab } from './parse.js';
import type { FstabLine } from './parse.js';
import { explainSpec } from './resolve.js';
import type { Resolution, ResolveContext } from './resolve.js';
import { classOfForm, parseSpec } from './spec.js';

/**
 * The device behind every line, by line number. Two passes: what names its device first, then what can only be found by
 * elimination, with everything already taken out of the way.
 */
export function resolveFstab(lines: readonly FstabLine[], ctx: ResolveContext): Map<number, Resolution> {
  const found = new Map<number, Resolution>();
  const siblings = ctx.siblings ?? lines.flatMap((line) => (line.entry === undefined ? [] : [line.entry.spec]));
  for (const pass of ['named', 'elimination'] as const) {
    for (const line of lines) {
      if (line.entry === undefined || found.has(line.number)) continue;
      const { spec, fsType, options } = line.entry;
      const kind = classOfForm(parseSpec(spec, fsType, options));
      if (kind !== 'stable' && kind !== 'volatile') continue;
      const taken = [...(ctx.taken ?? []), ...[...found.values()].map((resolution) => resolution.device)];
      const resolution = explainSpec(spec, { ...ctx, siblings, taken, fsType });
      if (resolution === undefined || (pass === 'named' && resolution.rule === 'elimination')) continue;
      found.set(line.number, resolution);
    }
  }
  return found;
}

/** The entries of /etc/fstab as INSPECT records them. */
export function readFstabFacts(content: string, ctx: ResolveContext): FstabEntry[] {
  const lines = parseFstab(content);
  const resolved = resolveFstab(lines, ctx);
  return lines.flatMap((line) => {
    if (line.entry === undefined) return [];
    const { spec, mountpoint, fsType, options } = line.entry;
    const device = resolved.get(line.number)?.device;
    return [
      {
        line: line.number,
        spec,
        mountpoint,
        fsType,
        options,
        class: classOfForm(parseSpec(spec, fsType, options)),
        ...(device === undefined ? {} : { device }),
        bootCritical: isBootCritical(mountpoint),
      },
    ];
  });
}
