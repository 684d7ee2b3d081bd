import type { FstabEntry } from '../../../model/inspection.js';
import { isBootCritical, parseFstab } from './parse.js';
import type { FstabLine } from './parse.js';
import { explainSpec } from './resolve.js';
import type { Resolution, ResolveContext } from './resolve.js';
import { classOfForm, parseSpec } from './spec.js';

/** More specifications than any machine has disks; a mount table of a million lines is no reason to be slow. */
const MAX_SIBLINGS = 1000;
const MAX_ROUNDS = 20;

/**
 * The device behind every line, by line number: what names its device first, then what can only be found by elimination,
 * with everything that is taken out of the way.
 */
export function resolveFstab(lines: readonly FstabLine[], ctx: ResolveContext): Map<number, Resolution> {
  const found = new Map<number, Resolution>();
  const specs = ctx.siblings ?? lines.flatMap((line) => (line.entry === undefined ? [] : [line.entry.spec]));
  const siblings = [...new Set(specs)].filter((spec) => spec.includes('by-path')).slice(0, MAX_SIBLINGS);
  const taken = new Set(ctx.taken);
  const add = (line: number, resolution: Resolution): void => {
    found.set(line, resolution);
    taken.add(resolution.device);
  };
  const visit = (wanted: (resolution: Resolution) => boolean): boolean => {
    const known = found.size;
    for (const line of lines) {
      if (line.entry === undefined || found.has(line.number)) continue;
      const { spec, mountpoint, fsType, options } = line.entry;
      const kind = classOfForm(parseSpec(spec, fsType, options));
      if (kind !== 'stable' && kind !== 'volatile') continue;
      // This table was read from the root filesystem, so there is nothing to find out about it.
      const isRoot = mountpoint === '/' && kind === 'volatile' && ctx.rootDevice !== undefined;
      const resolution: Resolution | undefined = isRoot
        ? { device: ctx.rootDevice ?? '', rule: 'identifier' }
        : explainSpec(spec, { ...ctx, siblings, taken: [...taken], fsType });
      if (resolution !== undefined && wanted(resolution)) add(line.number, resolution);
    }
    return found.size > known;
  };
  visit((resolution) => resolution.rule !== 'elimination');
  // What one line takes may leave a single device for another line.
  for (let round = 0; round < MAX_ROUNDS && visit(() => true); round += 1);
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
