/** Mounting a guest by its own mount table, in one call of the appliance. */
import type { BlockDevice, Mountpoint } from '../../../model/inspection.js';
import type { SourceDisk } from '../../../model/vm.js';
import { LINUX_FILESYSTEMS } from '../../common/inventory-script.js';
import type { Inventory } from '../../common/inventory.js';
import { createGuestTree } from '../../common/tree.js';
import { isPlainWord, plainWord } from '../../common/words.js';
import { classifySpec, parseFstab, resolveFstab } from '../fstab/index.js';
import type { RootCandidate } from './roots.js';

/** One filesystem and its place in the guest. */
export interface MountItem {
  /** In the guest, links of the path resolved. */
  readonly path: string;
  readonly device: string;
  /** Path of the device inside the appliance. */
  readonly source: string;
  readonly fsType: string;
  /** Options of the guest that decide what is mounted; `ro` and `rw` are not among them. */
  readonly options: readonly string[];
  readonly subvolume?: string;
}

export interface MountPlan {
  readonly items: readonly MountItem[];
  readonly warnings: readonly string[];
}

const MAX_MOUNTS = 64;
const MOUNTABLE = new Set<string>([...LINUX_FILESYSTEMS, 'vfat']);
const ESP = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
const XBOOTLDR = 'bc13c2ff-59e6-4262-a352-b275fd6f7172';

/** Whether a partition is an EFI system partition (GPT type, or 0xef in an MBR). */
export function isEsp(device: BlockDevice): boolean {
  return device.kind === 'partition' && (device.partType === ESP || device.partType === '0xef');
}

/** What to mount where: the chosen root, then everything of its /etc/fstab that is on the VM's disks, parents first. */
export function planMounts(root: RootCandidate, inventory: Inventory, disks: readonly SourceDisk[]): MountPlan {
  const tree = createGuestTree(root.peek.entries);
  const warnings: string[] = [];
  const block = new Map(inventory.block.map((device) => [device.device, device]));
  const items = new Map<string, MountItem>();
  const add = (path: string, device: BlockDevice, options: readonly string[], subvolume?: string): void => {
    const source = inventory.paths.get(device.device);
    if (source === undefined || device.fsType === undefined || !MOUNTABLE.has(device.fsType)) return;
    if (items.size >= MAX_MOUNTS || items.has(path) || !isPlainWord(path)) {
      warnings.push(
        `${JSON.stringify(path)} was not mounted: ${items.has(path) ? 'listed twice' : 'its name is unusual'}`,
      );
      return;
    }
    const common = { path, device: device.device, source, fsType: device.fsType, options };
    items.set(path, subvolume === undefined ? common : { ...common, subvolume });
  };

  const rootDevice = block.get(root.peek.device);
  if (rootDevice === undefined) return { items: [], warnings };
  const { subvolume, subvolumeId } = root.peek;
  // By number: a subvolume's name may be anything.
  add('/', rootDevice, subvolumeId === undefined ? [] : [`subvolid=${subvolumeId}`], subvolume);

  const fstab = tree.text('/etc/fstab');
  if (fstab === undefined) warnings.push('/etc/fstab could not be read: nothing but the root was mounted');
  const lines = parseFstab(fstab ?? '');
  const resolved = resolveFstab(lines, { block: inventory.block, disks, rootDevice: root.peek.device });
  for (const line of lines) {
    const entry = line.entry;
    const device = block.get(resolved.get(line.number)?.device ?? '');
    if (entry === undefined || device === undefined) continue;
    if (!entry.mountpoint.startsWith('/') || entry.mountpoint === '/' || entry.fsType === 'swap') continue;
    const kind = classifySpec(entry.spec, entry.fsType, entry.options);
    const isBoot = /^\/(boot|boot\/efi|efi)$/.test(entry.mountpoint);
    if ((kind !== 'stable' && kind !== 'volatile') || (hasOption(entry.options, 'noauto') && !isBoot)) continue;
    const options = subvolumeOptions(entry.options);
    if (options === undefined) {
      warnings.push(`${JSON.stringify(entry.mountpoint)} was not mounted: its subvolume has an unusual name`);
      continue;
    }
    const name = /^subvol=\/?(.*)$/.exec(options[0] ?? '')?.[1];
    const path = entry.mountpoint.replace(/\/+$/, '');
    add(tree.resolve(path) ?? path, device, device.fsType === 'btrfs' ? options : [], name);
  }
  addUnlisted(inventory.block, items, add);
  return { items: [...items.values()].sort(byDepth), warnings };
}

/** systemd mounts these by their partition type, without any line in /etc/fstab. */
function addUnlisted(
  block: readonly BlockDevice[],
  items: ReadonlyMap<string, MountItem>,
  add: (path: string, device: BlockDevice, options: readonly string[]) => void,
): void {
  const isMounted = (device: BlockDevice): boolean => [...items.values()].some((item) => item.device === device.device);
  const boot = block.find((device) => device.partType === XBOOTLDR && !isMounted(device));
  if (boot !== undefined && !items.has('/boot')) add('/boot', boot, []);
  const esp = block.find((device) => isEsp(device) && device.fsType === 'vfat' && !isMounted(device));
  if (esp === undefined || block.some((device) => isEsp(device) && isMounted(device))) return;
  if (!items.has('/boot/efi')) add('/boot/efi', esp, []);
}

function hasOption(options: string, option: string): boolean {
  return options.split(',').includes(option);
}

/** `subvol=` or `subvolid=` of a line; undefined when it holds what must not become an option of a mount. */
function subvolumeOptions(options: string): readonly string[] | undefined {
  const found = options.split(',').filter((option) => /^subvol(id)?=/.test(option));
  return found.every((option) => isPlainWord(option)) ? found.slice(0, 1) : undefined;
}

function byDepth(a: MountItem, b: MountItem): number {
  const depth = (path: string): number => (path === '/' ? 0 : path.split('/').length);
  return depth(a.path) - depth(b.path) || (a.path < b.path ? -1 : 1);
}

type MountOutcome = 'ok' | 'norecovery' | 'missing' | 'outside' | 'failed';

/**
 * Script lines that mount everything and print one line each, and how full each filesystem is. A mount point is entered
 * with its links resolved, and refused when that leads out of the guest's tree.
 */
export function mountScript(items: readonly MountItem[], mode: 'ro' | 'rw'): string {
  const calls = items.map((item) => {
    const options = [mode, ...item.options].map(plainWord).join(',');
    return ['mnt', plainWord(item.source), plainWord(item.path), plainWord(item.fsType), options].join(' ');
  });
  return `
mnt() {
  t=/sysroot
  if [ "$2" != / ]; then
    cd -P "/sysroot$2" || { echo "mount $2 missing"; return; }
    t=$PWD
    cd /
    case $t in /sysroot/*) ;; *) echo "mount $2 outside"; return ;; esac
  fi
  r=norecovery
  case $3 in ext*) r=noload ;; esac
  if e=$(mount -t "$3" -o "$4" "$1" "$t" 2>&1); then
    printf 'mount %s ok' "$2"
  elif mount -t "$3" -o "ro,$r\${4#r[ow]}" "$1" "$t"; then
    printf 'mount %s norecovery' "$2"
  else
    echo "mount $2 failed - $(printf %s "$e" | base64 -w0)"
    return
  fi
  echo " $(stat -f -c '%S,%b,%f,%a,%c,%d' "$t")"
}
${calls.join('\n')}
`;
}

export interface MountReading {
  readonly mountpoints: readonly Mountpoint[];
  readonly unreadable: readonly { readonly device: string; readonly reason: string }[];
}

/** What became of the mounts, from the lines that the script printed. */
export function readMounts(answer: string, items: readonly MountItem[], dirty: ReadonlySet<string>): MountReading {
  const mountpoints: Mountpoint[] = [];
  const unreadable: { device: string; reason: string }[] = [];
  const outcomes = new Map<string, { outcome: MountOutcome; space: string; error: string }>();
  for (const match of answer.matchAll(/^mount (\S+) (ok|norecovery|missing|outside|failed)(?: (\S+))?(?: (\S+))?$/gm)) {
    const error = Buffer.from(match[4] ?? '', 'base64').toString('utf8');
    outcomes.set(match[1] ?? '', { outcome: match[2] as MountOutcome, space: match[3] ?? '', error });
  }
  for (const item of items) {
    const result = outcomes.get(item.path);
    if (result === undefined || !(result.outcome === 'ok' || result.outcome === 'norecovery')) {
      unreadable.push({ device: item.device, reason: refusal(item, result?.outcome, result?.error ?? '') });
      continue;
    }
    const isStale = result.outcome === 'norecovery';
    mountpoints.push({
      path: item.path,
      device: item.device,
      fsType: item.fsType,
      ...(item.options.length === 0 ? {} : { options: item.options.join(',') }),
      ...(item.subvolume === undefined ? {} : { subvolume: item.subvolume }),
      ...spaceOf(result.space),
      dirty: isStale || dirty.has(item.device),
      ...(isStale ? { readOnlyReason: 'its journal could not be replayed' } : {}),
    });
  }
  return { mountpoints, unreadable };
}

function refusal(item: MountItem, outcome: MountOutcome | undefined, error: string): string {
  if (outcome === 'missing') return `its mount point ${item.path} does not exist`;
  if (outcome === 'outside') return `its mount point ${item.path} leads out of the guest`;
  const last =
    error
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^mount: /, '') ?? '';
  return `cannot be mounted at ${item.path}${last === '' ? '' : `: ${last}`}`;
}

/** Block size, blocks, free blocks, those for ordinary users, inodes, free inodes; filesystems without an inode table say 0. */
function spaceOf(text: string): Partial<Mountpoint> {
  const numbers = text.split(',').map(Number);
  const [size, blocks, free, available, inodes, freeInodes] = numbers;
  if (numbers.length !== 6 || numbers.some((value) => !Number.isSafeInteger(value))) return {};
  if (size === undefined || blocks === undefined || free === undefined || available === undefined) return {};
  return {
    usedBytes: size * (blocks - free),
    freeBytes: size * available,
    ...(inodes === undefined || inodes === 0 || freeInodes === undefined ? {} : { freeInodes }),
  };
}
