/** /etc/fstab and what else names the devices that are mounted. */
import { DroverError } from '../../../lib/error.js';
import type { BlockDevice } from '../../../model/inspection.js';
import type { FixContext, StepNotes } from '../fixers/types.js';
import { shown } from '../text/display.js';
import { commentOut, joinLines } from '../text/lines.js';
import { resolveFstab } from './facts.js';
import { chooseIdentifier, isUnique } from './identify.js';
import { isBootCritical, parseFstab, replaceField } from './parse.js';
import type { FstabLine } from './parse.js';
import type { Resolution, ResolveContext } from './resolve.js';
import { classOfForm, parseSpec } from './spec.js';
import type { SpecForm } from './spec.js';

/** What is known about devices, as the fixers need it. */
export function resolveContext(ctx: FixContext): ResolveContext {
  const root = rootDevice(ctx);
  return {
    block: ctx.inspection.block,
    disks: ctx.disks,
    siblings: [
      ...ctx.inspection.fstab.map((entry) => entry.spec),
      ...ctx.inspection.crypttab.map((entry) => entry.device),
    ],
    aliases: cryptAliases(ctx),
    ...(root === undefined ? {} : { rootDevice: root.device }),
  };
}

/** The device with the root filesystem; for a btrfs subvolume the device that holds it. */
export function rootDevice(ctx: Pick<FixContext, 'inspection'>): BlockDevice | undefined {
  // A btrfs root is recorded as `device:subvolume`.
  const name = ctx.inspection.root?.device.split(':')[0];
  if (name === undefined) return undefined;
  return ctx.inspection.block.find((device) => device.device === name && device.kind !== 'btrfs-subvolume');
}

/** Mapper names that crypttab gives, with the unlocked device they stand for. */
function cryptAliases(ctx: FixContext): Record<string, string> {
  const aliases: Record<string, string> = {};
  for (const entry of ctx.inspection.crypttab) {
    const unlocked = ctx.inspection.block.find(
      (device) => device.kind === 'luks' && entry.resolved !== undefined && device.parents.includes(entry.resolved),
    );
    if (unlocked !== undefined) aliases[entry.name] = unlocked.device;
  }
  return aliases;
}

/** Rewrites the lines whose device names would not survive. Throws `guest.root-spec` when the guest could not boot. */
export function fixFstab(content: string, ctx: FixContext, notes: StepNotes): string {
  const lines = parseFstab(content);
  const resolve = resolveContext(ctx);
  const resolved = resolveFstab(lines, { ...resolve, siblings: siblingsOf(lines, resolve) });
  const edited = lines.map((line) => ({ ...line, text: fixLine(line, resolved.get(line.number), ctx, notes) }));
  const result = joinLines(edited);
  checkFstab(lines, result);
  return result;
}

function siblingsOf(lines: readonly FstabLine[], resolve: ResolveContext): string[] {
  return [...lines.flatMap((line) => (line.entry === undefined ? [] : [line.entry.spec])), ...(resolve.siblings ?? [])];
}

function fixLine(line: FstabLine, found: Resolution | undefined, ctx: FixContext, notes: StepNotes): string {
  if (line.entry === undefined) return line.text;
  const { spec, mountpoint, fsType, options } = line.entry;
  const form = parseSpec(spec, fsType, options);
  const where = `/etc/fstab:${line.number}`;
  const kind = classOfForm(form);
  if (kind === 'hypervisor') {
    notes.notes.push(`${where}: ${shown(spec)} exists under the old hypervisor only and was commented out`);
    return commentOut(line.text);
  }
  if (kind !== 'stable' && kind !== 'volatile') return line.text;
  const device = found?.device;
  if (!wantsRewrite(form, device, ctx)) return line.text;
  const identifier = device === undefined ? undefined : chooseIdentifier(device, ctx.inspection.block)?.token;
  if (identifier !== undefined) {
    if (identifier === spec) return line.text;
    notes.mapped.push({ from: shown(spec), to: identifier, where });
    if (found?.rule === 'elimination') notes.notes.push(`${where}: ${shown(spec)} was recognised by elimination`);
    return replaceField(line, 0, identifier);
  }
  if (kind === 'volatile') return tolerate(line, mountpoint, ctx, notes);
  notes.warnings.push(`${where}: ${shown(spec)} stands for several devices and nothing else tells them apart`);
  return line.text;
}

function wantsRewrite(form: SpecForm, device: string | undefined, ctx: FixContext): boolean {
  const mode = ctx.settings.fix.fstab;
  if (mode === 'bypath-only') return form.kind === 'by-path';
  if (classOfForm(form) === 'volatile') return true;
  const target = ctx.inspection.block.find((candidate) => candidate.device === device);
  if (target === undefined) return false;
  if (form.kind === 'uuid' && !isUnique(target, 'UUID', ctx.inspection.block)) return true;
  if (form.kind === 'label' && !isUnique(target, 'LABEL', ctx.inspection.block)) return true;
  if (form.kind === 'partlabel' && !isUnique(target, 'PARTLABEL', ctx.inspection.block)) return true;
  return (
    mode === 'all-uuid' &&
    form.kind !== 'uuid' &&
    form.kind !== 'file' &&
    isUnique(target, 'UUID', ctx.inspection.block)
  );
}

/** A device that is not there must not stop the boot. */
function tolerate(line: FstabLine, mountpoint: string, ctx: FixContext, notes: StepNotes): string {
  const { spec = '', options = '' } = line.entry ?? {};
  const where = `/etc/fstab:${line.number}`;
  if (isBootCritical(mountpoint)) {
    throw new DroverError({
      code: 'guest.root-spec',
      message: `${where}: ${shown(spec)} on ${shown(mountpoint)} names no device of this machine`,
      where: { file: '/etc/fstab' },
    });
  }
  ctx.state.toleratedSpecs.push(spec);
  const have = options.split(',');
  const wanted = ctx.inspection.init === 'systemd' ? ['nofail', 'x-systemd.device-timeout=10s'] : ['noauto'];
  const missing = have.includes('noauto')
    ? []
    : wanted.filter((option) => !have.some((each) => each.split('=')[0] === option.split('=')[0]));
  notes.warnings.push(
    `${where}: ${shown(spec)} on ${shown(mountpoint)} names no device of this machine` +
      (missing.length === 0 ? '' : `; the boot no longer waits for it (${missing.join(',')})`),
  );
  if (missing.length === 0) return line.text;
  const field = line.fields[3];
  if (field !== undefined && !field.text.startsWith('#')) return replaceField(line, 3, [...have, ...missing].join(','));
  const end = line.fields[2]?.end ?? line.text.length;
  return `${line.text.slice(0, end)} defaults,${missing.join(',')}${line.text.slice(end)}`;
}

/** Reads the result back: nothing may have been lost or joined. */
function checkFstab(before: readonly FstabLine[], result: string): void {
  const after = parseFstab(result);
  const kept = before.every((line, index) => {
    const now = after[index];
    if (now === undefined) return false;
    if (line.entry === undefined) return now.text === line.text;
    if (now.entry === undefined) return now.text.includes(line.text);
    return now.entry.mountpoint === line.entry.mountpoint && now.entry.fsType === line.entry.fsType;
  });
  if (kept && after.length === before.length) return;
  throw new DroverError({ code: 'guest.postcheck', message: '/etc/fstab does not read back as it was meant' });
}
