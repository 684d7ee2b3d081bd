/** Mount and swap units that an administrator wrote, and other files that name devices to be mounted. */
import type { FixContext, StepNotes } from '../fixers/types.js';
import { shown } from '../text/display.js';
import { iniValue, parseIni, withIniValue } from '../text/ini.js';
import { joinLines, mapLines } from '../text/lines.js';
import { resolveContext } from './fix.js';
import { chooseIdentifier } from './identify.js';
import { explainSpec } from './resolve.js';
import { classOfForm, parseSpec } from './spec.js';

const unitDir = '/etc/systemd/system';

/** The durable name for a volatile specification, or undefined when there is none. */
function durableName(spec: string, fsType: string | undefined, ctx: FixContext): string | undefined {
  const found = explainSpec(spec, { ...resolveContext(ctx), ...(fsType === undefined ? {} : { fsType }) });
  return found === undefined ? undefined : chooseIdentifier(found.device, ctx.inspection.block)?.token;
}

/** Whether a specification is of a kind that this run rewrites. */
function isWanted(spec: string, fsType: string | undefined, ctx: FixContext): boolean {
  const form = parseSpec(spec, fsType);
  if (classOfForm(form) !== 'volatile') return false;
  return ctx.settings.fix.fstab !== 'bypath-only' || form.kind === 'by-path';
}

/** Units take paths: the link below /dev/disk that stands for an identifier. */
function linkOf(token: string): string | undefined {
  const tag = /^(UUID|PARTUUID)=(.+)$/.exec(token);
  if (tag?.[1] !== undefined) return `/dev/disk/by-${tag[1].toLowerCase()}/${tag[2]}`;
  return token.startsWith('/dev/') ? token : undefined;
}

/** Rewrites `What=` of mount units; swap units are renamed too, because their name must spell the device. */
export function fixUnits(ctx: FixContext, notes: StepNotes): void {
  for (const name of ctx.tree.list(unitDir)) {
    const path = `${unitDir}/${name}`;
    if (!/\.(mount|swap)$/.test(name) || ctx.tree.lstat(path)?.kind !== 'file') continue;
    const content = ctx.tree.text(path);
    if (content === undefined) continue;
    const lines = parseIni(content);
    const section = name.endsWith('.swap') ? 'Swap' : 'Mount';
    const what = iniValue(lines, section, 'What');
    const fsType = section === 'Swap' ? 'swap' : iniValue(lines, section, 'Type');
    if (what === undefined || !isWanted(what, fsType, ctx)) continue;
    const link = linkOf(durableName(what, fsType, ctx) ?? '');
    if (link === undefined) {
      ctx.state.toleratedSpecs.push(what);
      notes.warnings.push(`${path}: ${shown(what)} names no device of this machine`);
      continue;
    }
    const edited = joinLines(
      lines.map((line) =>
        line.section === section && line.key === 'What' ? { ...line, text: withIniValue(line, link) } : line,
      ),
    );
    notes.mapped.push({ from: shown(what), to: link, where: path });
    if (section === 'Mount') ctx.tree.write(path, edited);
    else renameSwapUnit(ctx, name, `${escapeUnitPath(link)}.swap`, edited);
  }
}

function renameSwapUnit(ctx: FixContext, oldName: string, newName: string, content: string): void {
  const mode = ctx.tree.stat(`${unitDir}/${oldName}`)?.mode;
  ctx.tree.write(`${unitDir}/${newName}`, content, mode);
  ctx.tree.remove(`${unitDir}/${oldName}`);
  for (const dir of ctx.tree.list(unitDir)) {
    if (!/\.(wants|requires)$/.test(dir)) continue;
    const link = `${unitDir}/${dir}/${oldName}`;
    if (ctx.tree.lstat(link)?.kind !== 'symlink') continue;
    ctx.tree.remove(link);
    ctx.tree.symlink(`${unitDir}/${newName}`, `${unitDir}/${dir}/${newName}`);
  }
}

/** systemd's escaping of paths in unit names. */
export function escapeUnitPath(path: string): string {
  return path
    .replace(/^\/+|\/+$/g, '')
    .replace(/[^A-Za-z0-9:_.\/]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/\/+/g, '-')
    .replace(/^\./, '\\x2e');
}

const resumeFile = '/etc/initramfs-tools/conf.d/resume';

/** `RESUME=` of initramfs-tools; the image holds a copy of it. */
export function fixResume(ctx: FixContext, notes: StepNotes): void {
  const content = ctx.tree.text(resumeFile);
  if (content === undefined) return;
  const edited = mapLines(content, (line) => {
    const match = /^(\s*RESUME=)(["']?)([^"'\s#]+)\2/.exec(line.text);
    const spec = match?.[3];
    if (match?.[1] === undefined || spec === undefined || !isWanted(spec, 'swap', ctx)) return line.text;
    const token = durableName(spec, 'swap', ctx);
    if (token === undefined) {
      ctx.state.toleratedSpecs.push(spec);
      notes.warnings.push(`${resumeFile}: ${shown(spec)} names no device of this machine`);
      return line.text;
    }
    notes.mapped.push({ from: shown(spec), to: token, where: `${resumeFile}:${line.number}` });
    const quote = match[2] ?? '';
    return `${match[1]}${quote}${token}${quote}${line.text.slice(match[0].length)}`;
  });
  if (edited === content) return;
  ctx.tree.write(resumeFile, edited);
  // Waiting for a device to resume from ends after half a minute; the guest boots all the same.
  ctx.state.rebuildReasons.push({
    why: 'it waits for the old name of the device that hibernation resumes from',
    copies: ['conf/conf.d/resume'],
    critical: false,
    content: Buffer.from(edited, 'latin1'),
  });
}

/** Automounter maps are only reported. */
export function reportAutomounts(ctx: FixContext, notes: StepNotes): void {
  for (const name of ctx.tree.list('/etc')) {
    if (!name.startsWith('auto.')) continue;
    const path = `/etc/${name}`;
    for (const match of (ctx.tree.text(path) ?? '').matchAll(/^[^#\n]*\s:(\/dev\/\S+)/gm)) {
      const spec = match[1] ?? '';
      if (classOfForm(parseSpec(spec)) === 'volatile') {
        notes.warnings.push(`${path}: the automounter mounts ${shown(spec)}, a name that changes with the machine`);
      }
    }
  }
}
