/** Module settings and X configuration that belong to the hardware of the old hypervisor. */
import type { FixContext, Fixer, StepNotes } from './types.js';
import { stepNotes } from './types.js';
import { commentOut, mapLines } from '../text/lines.js';

/** Step `modules`. */
export const modulesFixer: Fixer = {
  id: 'modules',
  warningCode: 'guest.modules',
  run(ctx) {
    const notes = stepNotes();
    for (const path of modprobeFiles(ctx)) edit(ctx, path, (text, where) => fixModprobeLine(text, where, ctx, notes));
    for (const path of loadFiles(ctx)) edit(ctx, path, (text, where) => fixLoadLine(text, where, notes));
    edit(ctx, '/etc/sysconfig/kernel', (text) => fixInitrdModules(text));
    for (const path of xorgFiles(ctx)) fixXorg(path, ctx, notes);
    return notes;
  },
};

function edit(ctx: FixContext, path: string, change: (text: string, where: string) => string): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  ctx.tree.write(
    path,
    mapLines(content, (line) => change(line.text, `${path}:${line.number}`)),
  );
}

function filesIn(ctx: FixContext, dir: string, suffix: string): string[] {
  return ctx.tree
    .list(dir)
    .filter((name) => name.endsWith(suffix))
    .map((name) => `${dir}/${name}`);
}

function modprobeFiles(ctx: FixContext): string[] {
  const single = ['/etc/modprobe.conf', '/etc/modprobe.conf.local', '/etc/modules.conf', '/etc/conf.modules'];
  return [...single, ...filesIn(ctx, '/etc/modprobe.d', '.conf')];
}

function loadFiles(ctx: FixContext): string[] {
  return ['/etc/modules', '/etc/initramfs-tools/modules', ...filesIn(ctx, '/etc/modules-load.d', '.conf')];
}

function xorgFiles(ctx: FixContext): string[] {
  return ['/etc/X11/xorg.conf', '/etc/X11/XF86Config', ...filesIn(ctx, '/etc/X11/xorg.conf.d', '.conf')];
}

const oldNic = /^(\s*alias\s+eth\d+\s+)(vmxnet3|vmxnet|pcnet32|e1000|hv_netvsc)(\s*(?:#.*)?)$/;
const oldDisk =
  /^(\s*alias\s+scsi_hostadapter\d*\s+)(vmw_pvscsi|pvscsi|mptspi|mptbase|mptscsih|mptsas|hv_storvsc|BusLogic)(\s*(?:#.*)?)$/;
const blocksVirtio = /^\s*(blacklist\s+virtio\w*|install\s+virtio\w*\s+\/(usr\/)?bin\/(false|true))\s*(#.*)?$/;
const oldModule = /^\s*(vmw_balloon|vmw_vmci|vmhgfs|vmxnet3?|vmblock|vmmemctl|vmsync|vsock_vmci)\s*(#.*)?$/;

function fixModprobeLine(text: string, where: string, ctx: FixContext, notes: StepNotes): string {
  const nic = oldNic.exec(text);
  const nicModel = ctx.plan.nics[0]?.model ?? 'virtio';
  if (nic !== null)
    return `${nic[1]}${nicModel === 'virtio' ? 'virtio_net' : nicModel === 'rtl8139' ? '8139cp' : nicModel}${nic[3]}`;
  const disk = oldDisk.exec(text);
  const bus = ctx.plan.disks[0]?.bus ?? 'virtio-blk';
  if (disk !== null) {
    const driver = { 'virtio-blk': 'virtio_blk', 'virtio-scsi': 'virtio_scsi', sata: 'ahci', ide: 'ata_piix' }[bus];
    return `${disk[1]}${driver}${disk[3]}`;
  }
  if (!blocksVirtio.test(text)) return text;
  notes.warnings.push(`${where}: a line that keeps a virtio driver from loading was commented out`);
  return commentOut(text);
}

function fixLoadLine(text: string, where: string, notes: StepNotes): string {
  if (!oldModule.test(text)) return text;
  notes.notes.push(`${where}: ${text.trim()} has no device any more and is not loaded`);
  return commentOut(text);
}

/** SUSE's list of modules for the initrd: the old disk driver leaves, the new ones are added by the initramfs step. */
function fixInitrdModules(text: string): string {
  const list = /^(\s*(?:DOMU_)?INITRD_MODULES=")([^"]*)(".*)$/.exec(text);
  if (list?.[2] === undefined) return text;
  const words = list[2].split(/\s+/).filter((word) => word !== '');
  const kept = words.filter(
    (word) => !/^(vmw_pvscsi|mptspi|mptsas|BusLogic|hv_storvsc|xenblk|xen-vbd|xennet|xen-vnif)$/.test(word),
  );
  return kept.length === words.length ? text : `${list[1]}${kept.join(' ')}${list[3]}`;
}

/** Only inside a Device section: the driver of the old adapter, and the slot it sat in. */
function fixXorg(path: string, ctx: FixContext, notes: StepNotes): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  const sections = deviceSections(content);
  let index = -1;
  const edited = mapLines(content, (line) => {
    if (/^\s*Section\s+"/i.test(line.text)) index += 1;
    if (sections[index] !== true) return line.text;
    if (/^\s*BusID\s+"/i.test(line.text)) return undefined;
    return line.text.replace(/^(\s*Driver\s+")vmware(")/i, '$1modesetting$2');
  });
  if (edited === content) return;
  ctx.tree.write(path, edited);
  notes.notes.push(`${path}: the graphics driver is now modesetting`);
}

/** For every section in order, whether it is a Device section with VMware's driver. */
function deviceSections(content: string): boolean[] {
  return content
    .split(/^\s*Section\s+"/im)
    .slice(1)
    .map(
      (section) =>
        /^Device"/i.test(section) && /^\s*Driver\s+"vmware"/im.test(section.split(/^\s*EndSection/im)[0] ?? ''),
    );
}
