/** ifcfg files and ifupdown: addresses written there are pins or deliberate; only the `strip` policy takes them out. */
import type { FixContext, StepNotes } from '../fixers/types.js';
import { parseShellVars } from '../text/shell-vars.js';
import { joinLines, mapLines } from '../text/lines.js';
import { ifcfgFiles, ifcfgRhDir, ifcfgSuseDir } from './ifcfg.js';
import { ifupdownFiles } from './ifupdown.js';
import { safeName } from './nics.js';
import type { KnownNics } from './nics.js';

export function stripIfcfg(ctx: FixContext, nics: KnownNics, notes: StepNotes): void {
  if (!nics.strips) return;
  for (const path of ifcfgFiles(ctx.tree, ifcfgRhDir)) stripRh(ctx, path, nics, notes);
  for (const path of ifcfgFiles(ctx.tree, ifcfgSuseDir)) dropKeys(ctx, path, /^LLADDR$/, notes);
  for (const path of ifupdownFiles(ctx.tree)) {
    const content = ctx.tree.text(path) ?? '';
    const edited = mapLines(content, (line) => (/^\s*hwaddress\s/.test(line.text) ? undefined : line.text));
    if (edited === content) continue;
    ctx.tree.write(path, edited);
    notes.notes.push(`${path}: addresses of adapters were taken out`);
  }
}

function stripRh(ctx: FixContext, path: string, nics: KnownNics, notes: StepNotes): void {
  const lines = parseShellVars(ctx.tree.text(path) ?? '');
  const pin = lines.find((line) => line.key === 'HWADDR' || line.key === 'MACADDR');
  if (pin === undefined) return;
  const hasDevice = lines.some((line) => line.key === 'DEVICE' && line.value !== '');
  const name = safeName(nics.only) ?? path.slice(path.lastIndexOf('/ifcfg-') + '/ifcfg-'.length);
  const kept = lines.flatMap((line) => {
    if (line.key !== 'HWADDR' && line.key !== 'MACADDR') return [line];
    // Without address and name the profile would bind to nothing.
    return line === pin && !hasDevice ? [{ ...line, text: `DEVICE=${name}` }] : [];
  });
  ctx.tree.write(path, joinLines(kept));
  notes.notes.push(`${path}: addresses of adapters were taken out`);
}

function dropKeys(ctx: FixContext, path: string, key: RegExp, notes: StepNotes): void {
  const lines = parseShellVars(ctx.tree.text(path) ?? '');
  const kept = lines.filter((line) => line.key === undefined || !key.test(line.key));
  if (kept.length === lines.length) return;
  ctx.tree.write(path, joinLines(kept));
  notes.notes.push(`${path}: addresses of adapters were taken out`);
}
