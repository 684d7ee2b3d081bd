/** What the first field of a mount table, or a device argument of the kernel, is made of. */
import type { SpecClass } from '../../../model/inspection.js';

/** A device specification taken apart. `partition` counts from 1 and is absent for a whole disk. */
export type SpecForm =
  | { readonly kind: 'uuid' | 'partuuid' | 'label' | 'partlabel'; readonly value: string; readonly link: boolean }
  | { readonly kind: 'mapper'; readonly name: string }
  | { readonly kind: 'lv'; readonly vg: string; readonly lv: string }
  | { readonly kind: 'md'; readonly name: string }
  | { readonly kind: 'stable-id'; readonly name: string }
  | {
      readonly kind: 'plain';
      readonly prefix: PlainPrefix;
      readonly disk: number;
      readonly unit?: number;
      readonly partition?: number;
    }
  | { readonly kind: 'by-path'; readonly path: string; readonly partition?: number }
  | { readonly kind: 'by-id'; readonly name: string; readonly partition?: number }
  | { readonly kind: 'cloud'; readonly name: string; readonly partition?: number }
  | { readonly kind: 'dm'; readonly number: number }
  | { readonly kind: 'mpath'; readonly name: string; readonly partition?: number }
  | { readonly kind: 'volatile-other'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'removable' | 'network' | 'pseudo' | 'hypervisor' | 'unknown' };

/** Kernel name families of disks. */
export type PlainPrefix = 'sd' | 'hd' | 'vd' | 'xvd' | 'nvme' | 'mmcblk' | 'cciss';

const networkTypes =
  /^(nfs[34]?|nfs4\.\d|cifs|smbfs|smb3|ceph|glusterfs|9p|afs|ncpfs|ocfs2|gfs2?|lustre|beegfs|fuse\.(sshfs|glusterfs|ceph|s3fs|rclone|davfs|gcsfuse)|sshfs|davfs2?)$/;
const pseudoTypes =
  /^(proc|sysfs|tmpfs|ramfs|devpts|devtmpfs|cgroup2?|securityfs|debugfs|tracefs|configfs|pstore|efivarfs|hugetlbfs|mqueue|binfmt_misc|bpf|rpc_pipefs|nfsd|fusectl|selinuxfs|usbfs|overlay|overlayfs|aufs|autofs|squashfs-none|none|fuse\.lxcfs|fuse\.portal)$/;
const hypervisorTypes = /^(vmhgfs|fuse\.vmhgfs-fuse|vmblock|fuse\.vmware-vmblock|vboxsf|prl_fs|xenfs)$/;

/** How stable a specification is. `options` matter for bind mounts only. */
export function classifySpec(spec: string, fsType = 'auto', options = ''): SpecClass {
  return classOfForm(parseSpec(spec, fsType, options));
}

/** The class of a parsed specification. */
export function classOfForm(form: SpecForm): SpecClass {
  switch (form.kind) {
    case 'uuid':
    case 'partuuid':
    case 'label':
    case 'partlabel':
    case 'mapper':
    case 'lv':
    case 'md':
    case 'stable-id':
    case 'file':
      return 'stable';
    case 'plain':
    case 'by-path':
    case 'by-id':
    case 'cloud':
    case 'dm':
    case 'mpath':
    case 'volatile-other':
      return 'volatile';
    case 'removable':
    case 'network':
    case 'pseudo':
    case 'hypervisor':
    case 'unknown':
      return form.kind;
  }
}

/** Takes a specification apart. What is not recognised is `unknown`, never guessed. */
export function parseSpec(rawSpec: string, fsType = 'auto', options = ''): SpecForm {
  const spec = unquote(rawSpec);
  if (hypervisorTypes.test(fsType) || spec.startsWith('.host:')) return { kind: 'hypervisor' };
  if (networkTypes.test(fsType) || isNetworkSpec(spec)) return { kind: 'network' };
  if (pseudoTypes.test(fsType) || isBind(fsType, options) || spec === 'none') return { kind: 'pseudo' };
  const tag = /^(UUID|PARTUUID|LABEL|PARTLABEL)=(.+)$/i.exec(spec);
  if (tag?.[1] !== undefined && tag[2] !== undefined) {
    return { kind: tag[1].toLowerCase() as 'uuid', value: decodeEscapes(unquote(tag[2])), link: false };
  }
  if (spec.startsWith('/dev/')) return parseDevicePath(spec);
  if (fsType === 'zfs' || /^ZFS=/i.test(spec)) return { kind: 'stable-id', name: spec };
  return spec.startsWith('/') ? { kind: 'file', path: spec } : { kind: 'unknown' };
}

function isNetworkSpec(spec: string): boolean {
  return /^\/\/[^/]/.test(spec) || /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+(@[A-Za-z0-9._-]+)?):\//.test(spec);
}

function isBind(fsType: string, options: string): boolean {
  return fsType === 'bind' || options.split(',').some((option) => option === 'bind' || option === 'rbind');
}

function unquote(text: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(text);
  return quoted?.[2] ?? text;
}

/** Octal escapes of mount tables and hexadecimal escapes of udev links. */
function decodeEscapes(text: string): string {
  return text
    .replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
    .replace(/\\x([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}

function parseDevicePath(path: string): SpecForm {
  const name = path.slice('/dev/'.length);
  const plain = parsePlain(name);
  if (plain !== undefined) return plain;
  if (name.startsWith('disk/')) return parseDiskLink(name.slice('disk/'.length));
  if (name.startsWith('mapper/')) return parseMapper(name.slice('mapper/'.length));
  if (/^(sr|scd|cdrom|cdrw|dvd|dvdrw|fd|floppy)\d*$/.test(name)) return { kind: 'removable' };
  if (/^md(\d+|_d\d+|\/.+)/.test(name)) return { kind: 'md', name: name.replace(/^md\//, '') };
  const dm = /^dm-(\d+)$/.exec(name);
  if (dm?.[1] !== undefined) return { kind: 'dm', number: Number(dm[1]) };
  if (/^(zram|ram|loop)\d+$/.test(name) || name === 'shm') return { kind: 'pseudo' };
  if (name.startsWith('block/')) return { kind: 'volatile-other', name: path };
  if (/^(mpath|multipath)\//.test(name)) return withPartition('mpath', name.slice(name.indexOf('/') + 1));
  const lv = /^([A-Za-z0-9+_.][A-Za-z0-9+_.-]*)\/([A-Za-z0-9+_.][A-Za-z0-9+_.-]*)$/.exec(name);
  if (lv?.[1] !== undefined && lv[2] !== undefined && !notVolumeGroups.has(lv[1])) {
    return { kind: 'lv', vg: lv[1], lv: lv[2] };
  }
  return { kind: 'unknown' };
}

const notVolumeGroups = new Set(['shm', 'pts', 'input', 'bus', 'char', 'fd', 'net', 'zvol', 'xen', 'vfio', 'raw']);

function parsePlain(name: string): SpecForm | undefined {
  const letters = /^(sd|hd|vd|xvd)([a-z]{1,3})(\d+)?$/.exec(name);
  if (letters?.[1] !== undefined && letters[2] !== undefined) {
    return plainForm(letters[1] as PlainPrefix, letterIndex(letters[2]), undefined, letters[3]);
  }
  const nvme = /^nvme(\d+)n(\d+)(?:p(\d+))?$/.exec(name);
  if (nvme !== null) return plainForm('nvme', Number(nvme[1]), Number(nvme[2]), nvme[3]);
  const mmc = /^mmcblk(\d+)(?:p(\d+))?$/.exec(name);
  if (mmc !== null) return plainForm('mmcblk', Number(mmc[1]), undefined, mmc[2]);
  const cciss = /^cciss\/c(\d+)d(\d+)(?:p(\d+))?$/.exec(name);
  if (cciss !== null) return plainForm('cciss', Number(cciss[1]), Number(cciss[2]), cciss[3]);
  return undefined;
}

function plainForm(
  prefix: PlainPrefix,
  disk: number,
  unit: number | undefined,
  partition: string | undefined,
): SpecForm {
  return {
    kind: 'plain',
    prefix,
    disk,
    ...(unit === undefined ? {} : { unit }),
    ...(partition === undefined ? {} : { partition: Number(partition) }),
  };
}

/** Position of a disk from its kernel letters: a is 0, z is 25, aa is 26. */
export function letterIndex(letters: string): number {
  let index = 0;
  for (const letter of letters) index = index * 26 + (letter.charCodeAt(0) - 96);
  return index - 1;
}

function parseDiskLink(link: string): SpecForm {
  const slash = link.indexOf('/');
  const folder = slash === -1 ? link : link.slice(0, slash);
  const name = slash === -1 ? '' : link.slice(slash + 1);
  if (name === '') return { kind: 'unknown' };
  switch (folder) {
    case 'by-uuid':
    case 'by-partuuid':
    case 'by-label':
    case 'by-partlabel':
      return { kind: folder.slice(3) as 'uuid', value: decodeEscapes(name), link: true };
    case 'by-path':
      return splitPartition(name, (path, partition) => ({ kind: 'by-path', path, ...partition }));
    case 'by-id':
      if (/^dm-(name-mpath|uuid-(part\d+-)?mpath)/.test(name)) return withPartition('mpath', name);
      if (/^(dm|lvm|md)-/.test(name)) return { kind: 'stable-id', name };
      return splitPartition(name, (id, partition) => ({ kind: 'by-id', name: id, ...partition }));
    case 'azure':
    case 'cloud':
      // The temporary disk of the cloud: it does not come along.
      if (/resource/.test(name)) return { kind: 'hypervisor' };
      return splitPartition(`${folder}/${name}`, (id, partition) => ({ kind: 'cloud', name: id, ...partition }));
    default:
      return { kind: 'volatile-other', name: `/dev/disk/${link}` };
  }
}

function parseMapper(name: string): SpecForm {
  if (/^(mpath[a-z]+|3[0-9a-f]{16,}|[0-9a-f]{17,33})([-_]?p(art)?\d+|\d+)?$/.test(name))
    return withPartition('mpath', name);
  return name === '' || name === 'control' ? { kind: 'unknown' } : { kind: 'mapper', name };
}

function withPartition(kind: 'mpath', name: string): SpecForm {
  const part = /(?:[-_]?p(?:art)?|(?<=mpath[a-z]+))(\d+)$/.exec(name);
  return { kind, name, ...(part?.[1] === undefined ? {} : { partition: Number(part[1]) }) };
}

function splitPartition(
  name: string,
  make: (base: string, partition: { readonly partition?: number }) => SpecForm,
): SpecForm {
  const part = /^(.*)-part(\d+)$/.exec(name);
  if (part?.[1] !== undefined && part[2] !== undefined) return make(part[1], { partition: Number(part[2]) });
  return make(name, {});
}
