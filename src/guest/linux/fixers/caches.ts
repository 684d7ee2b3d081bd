/** Records of devices that existed under the old hypervisor: LVM, multipath, md, blkid. */
import type { FixContext, Fixer, StepNotes } from './types.js';
import { stepNotes } from './types.js';
import { rootDevice } from '../fstab/fix.js';
import { classifySpec } from '../fstab/index.js';
import { shown } from '../text/display.js';
import { commentOut, mapLines, splitLines } from '../text/lines.js';

/** Step `caches`. */
export const cachesFixer: Fixer = {
  id: 'caches',
  warningCode: 'guest.caches',
  run(ctx) {
    const notes = stepNotes();
    dropDevicesFile(ctx, notes);
    for (const path of ['/etc/lvm/cache/.cache', '/etc/blkid.tab', '/etc/blkid/blkid.tab']) drop(ctx, path, notes);
    for (const path of ['/etc/lvm/lvm.conf', '/etc/lvm/lvmlocal.conf']) fixLvmFilters(ctx, path, notes);
    for (const path of ['/etc/multipath/wwids', '/etc/multipath/bindings']) dropForeignPaths(ctx, path, notes);
    for (const path of ['/etc/mdadm.conf', '/etc/mdadm/mdadm.conf']) fixArrayDevices(ctx, path, notes);
    return notes;
  },
};

function drop(ctx: FixContext, path: string, notes: StepNotes): boolean {
  if (ctx.tree.lstat(path) === undefined) return false;
  ctx.tree.remove(path);
  notes.notes.push(`${path} listed devices of the old machine and was removed`);
  return true;
}

/** LVM that has this file looks at no device outside it, and the devices in it are named by the old disks' WWIDs. */
function dropDevicesFile(ctx: FixContext, notes: StepNotes): void {
  const path = '/etc/lvm/devices/system.devices';
  const content = ctx.tree.text(path) ?? '';
  if (!drop(ctx, path, notes)) return;
  const rootIsMapped = rootDevice(ctx)?.kind === 'lv';
  if (rootIsMapped && /IDTYPE=(?!lvmlv|md_uuid|mpath|crypt)/.test(content)) {
    ctx.state.rebuildReasons.push({
      why: 'LVM in it looks for the disks of the old machine only',
      copies: ['etc/lvm/devices/system.devices'],
      critical: true,
    });
  }
}

/** Comments out a device filter that would hide every disk of the new machine. */
function fixLvmFilters(ctx: FixContext, path: string, notes: StepNotes): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  const names = targetNames(ctx);
  const lines = splitLines(content);
  let until = -1;
  const edited = lines.map((line, index) => {
    if (index <= until) return { ...line, text: commentOut(line.text) };
    if (!/^\s*(global_)?filter\s*=/.test(line.text)) return line;
    const end = statementEnd(
      lines.map((each) => each.text),
      index,
    );
    const patterns = filterPatterns(
      lines
        .slice(index, end + 1)
        .map((each) => each.text)
        .join('\n'),
    );
    if (patterns.length === 0 || names.some((aliases) => accepts(patterns, aliases))) return line;
    until = end;
    notes.warnings.push(
      `${path}:${line.number}: this filter would hide every disk of the new machine; it was commented out`,
    );
    ctx.state.rebuildReasons.push({
      why: 'its LVM filter hides the disks of the new machine',
      copies: ['etc/lvm/lvm.conf', 'etc/lvm/lvmlocal.conf'],
      critical: rootDevice(ctx)?.kind === 'lv',
    });
    return { ...line, text: commentOut(line.text) };
  });
  ctx.tree.write(path, edited.map((line) => line.text + line.eol).join(''));
}

function statementEnd(texts: readonly string[], start: number): number {
  if (!(texts[start] ?? '').includes('[')) return start;
  for (let index = start; index < Math.min(texts.length, start + 100); index += 1) {
    if (/\]\s*(#.*)?$/.test(texts[index] ?? '')) return index;
  }
  return start;
}

interface FilterPattern {
  readonly accept: boolean;
  readonly pattern: RegExp;
}

function filterPatterns(statement: string): FilterPattern[] {
  const found: FilterPattern[] = [];
  for (const match of statement.slice(statement.indexOf('=') + 1).matchAll(/"((?:[^"\\]|\\.)*)"/g)) {
    const [kind, delimiter, ...rest] = match[1] ?? '';
    const close = rest.lastIndexOf(delimiter === '[' ? ']' : delimiter === '(' ? ')' : (delimiter ?? ''));
    if (close === -1 || (kind !== 'a' && kind !== 'r')) return [];
    try {
      found.push({ accept: kind === 'a', pattern: new RegExp(rest.slice(0, close).join('')) });
    } catch {
      // A pattern that only LVM understands: then nothing can be said about the filter.
      return [];
    }
  }
  return found;
}

/** The first pattern that matches a name decides; a device passes when one of its names does. */
function accepts(patterns: readonly FilterPattern[], aliases: readonly string[]): boolean {
  return aliases.some((alias) => patterns.find(({ pattern }) => pattern.test(alias))?.accept ?? true);
}

/** Names that the disks of the new machine and their partitions will have. */
function targetNames(ctx: FixContext): string[][] {
  return ctx.inspection.block
    .filter((device) => device.kind === 'disk' || device.kind === 'partition' || device.kind === 'md')
    .map((device) => {
      const target = ctx.plan.disks.find((disk) => disk.index === device.diskIndex)?.target ?? 'vda';
      const name = device.kind === 'md' ? device.device : `/dev/${target}${device.partition ?? ''}`;
      const links = [
        ...(device.uuid === undefined
          ? []
          : [`/dev/disk/by-uuid/${device.uuid}`, `/dev/disk/by-id/lvm-pv-uuid-${device.uuid}`]),
        ...(device.partUuid === undefined ? [] : [`/dev/disk/by-partuuid/${device.partUuid}`]),
      ];
      return [name, ...links];
    });
}

/** Identifiers that VMware (NAA 6000c29) and Hyper-V (600 22480) give to their disks. */
const foreignDisk = /(^|[/\s])3?(6000c29|60022480)[0-9a-f]{8,}/i;

function dropForeignPaths(ctx: FixContext, path: string, notes: StepNotes): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  if (ctx.inspection.fstab.some((entry) => entry.mountpoint === '/' && /\/mapper\/mpath/.test(entry.spec))) {
    notes.warnings.push(`${path}: the root filesystem is on multipath; its records were left alone`);
    return;
  }
  const edited = mapLines(content, (line) =>
    !line.text.trimStart().startsWith('#') && foreignDisk.test(line.text) ? undefined : line.text,
  );
  if (edited !== content) notes.notes.push(`${path}: disks of the old machine were forgotten`);
  ctx.tree.write(path, edited);
}

function fixArrayDevices(ctx: FixContext, path: string, notes: StepNotes): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  const edited = mapLines(content, (line) => {
    const words = /^(\s*DEVICE\s+)(.*?)(\s*)$/i.exec(line.text);
    if (words?.[2] === undefined) return line.text;
    const volatile = words[2]
      .split(/\s+/)
      .filter((word) => classifySpec(word.replace(/[*?[\]]+.*$/, '1')) === 'volatile');
    if (volatile.length === 0) return line.text;
    notes.mapped.push({ from: shown(words[2]), to: 'partitions', where: `${path}:${line.number}` });
    return `${words[1]}partitions${words[3]}`;
  });
  if (edited === content) return;
  ctx.tree.write(path, edited);
  ctx.state.rebuildReasons.push({
    why: 'it assembles arrays from disks of the old machine only',
    copies: ['etc/mdadm.conf', 'etc/mdadm/mdadm.conf'],
    critical: rootDevice(ctx)?.kind === 'md',
  });
}
