/** What the disks of a VM hold, read from the appliance with one call. */
import { DroverError } from '../../lib/error.js';
import type { BlockDevice } from '../../model/inspection.js';
import { readBlockDevices } from './block-devices.js';
import type { LsblkReport } from './block-devices.js';
import { INVENTORY_SCRIPT } from './inventory-script.js';
import { judgeBootCode } from './partition-table.js';
import type { BootCode } from './partition-table.js';
import type { GuestSession } from './ports.js';
import { readArchiveBytes } from './tree-archive.js';
import type { TreeEntry } from './tree.js';

/** A filesystem, or a subvolume of one, that could be looked into. */
export interface Peek {
  readonly device: string;
  /** Path of the btrfs subvolume from the top; absent on other filesystems, empty for the top itself. */
  readonly subvolume?: string;
  readonly subvolumeId?: number;
  /** Whether the filesystem hands out this subvolume when none is asked for. */
  readonly isDefaultSubvolume: boolean;
  /** Which of `MARKERS` are there, and `boot/kernel` when /boot holds one. */
  readonly markers: ReadonlySet<string>;
  /** The links and few files that mounting the rest needs. */
  readonly entries: readonly TreeEntry[];
}

export interface Inventory {
  readonly block: readonly BlockDevice[];
  /** Path inside the appliance by device name; differs from it, because the appliance's kernel numbers disks as it likes. */
  readonly paths: ReadonlyMap<string, string>;
  readonly peeks: readonly Peek[];
  readonly windowsDevices: readonly string[];
  readonly unreadable: readonly { readonly device: string; readonly reason: string }[];
  /** Devices whose journal had to be replayed. */
  readonly dirty: ReadonlySet<string>;
  /** Whether the first sector of a disk holds boot code, by disk index. */
  readonly bootCode: ReadonlyMap<number, BootCode>;
}

/** Asks once and takes the answer apart. Throws `guest.call` when the appliance's answer makes no sense. */
export async function readInventory(session: GuestSession): Promise<Inventory> {
  const answer = await session.script(INVENTORY_SCRIPT);
  return parseInventory(answer.toString('latin1'), session.disks.length);
}

function decodeField(field: string): Buffer {
  if (field.startsWith('=')) return Buffer.from(field.slice(1), 'latin1');
  return Buffer.from(field === '-' ? '' : field, 'base64');
}

interface Line {
  readonly word: string;
  readonly fields: readonly Buffer[];
}

function lines(answer: string): Line[] {
  return answer.split('\n').flatMap((line) => {
    const [word = '', ...fields] = line.split(' ');
    if (word === '') return [];
    return [{ word, fields: fields.map(decodeField) }];
  });
}

/** Takes the answer of the inventory script apart. @param diskCount disks that the VM has */
export async function parseInventory(answer: string, diskCount: number): Promise<Inventory> {
  const all = lines(answer);
  const text = (line: Line, index: number): string => line.fields[index]?.toString('utf8').trim() ?? '';
  const lsblk = all.find((line) => line.word === 'lsblk');
  const { block, paths, kernelNames, unreadable } = readBlockDevices(parseLsblk(lsblk?.fields[0]), diskCount);
  const deviceOf = new Map([...paths].map(([device, path]) => [path, device]));
  const defaults = new Map<string, number>();
  const refused: { device: string; reason: string }[] = [...unreadable];
  const peeks: Peek[] = [];
  const windowsDevices: string[] = [];
  const bootCode = new Map<number, BootCode>();
  let dirty = new Set<string>();
  for (const line of all) {
    const device = deviceOf.get(text(line, 0));
    if (line.word === 'kernel') dirty = dirtyDevices(text(line, 0), kernelNames);
    if (device === undefined) continue;
    switch (line.word) {
      case 'mbr': {
        const disk = block.find((candidate) => candidate.device === device);
        if (disk !== undefined) bootCode.set(disk.diskIndex, judgeBootCode(line.fields[1]));
        break;
      }
      case 'default':
        defaults.set(device, Number(/^ID (\d+)/.exec(text(line, 1))?.[1] ?? 5));
        break;
      case 'windows':
        windowsDevices.push(device);
        break;
      case 'refused':
        refused.push({ device, reason: `cannot be mounted: ${lastLine(text(line, 1))}` });
        break;
      case 'peek':
        peeks.push(await readPeek(line, device, block, defaults));
        break;
    }
  }
  return { block, paths, peeks: onePerFilesystem(peeks, block), windowsDevices, unreadable: refused, dirty, bootCode };
}

function parseLsblk(json: Buffer | undefined): LsblkReport {
  try {
    const report = JSON.parse(json?.toString('utf8') ?? '') as LsblkReport;
    if (Array.isArray(report.blockdevices)) return report;
  } catch (cause) {
    throw new DroverError({ code: 'guest.call', message: 'the appliance did not list its disks', cause });
  }
  throw new DroverError({ code: 'guest.call', message: 'the appliance listed no disks' });
}

async function readPeek(
  line: Line,
  device: string,
  block: readonly BlockDevice[],
  defaults: ReadonlyMap<string, number>,
): Promise<Peek> {
  const [, subvolume, id, markers, archive] = line.fields;
  const isBtrfs = block.find((candidate) => candidate.device === device)?.fsType === 'btrfs';
  const subvolumeId = Number(id?.toString('latin1'));
  const entries = archive === undefined || archive.length === 0 ? [] : await readArchiveBytes(archive, { root: '/' });
  return {
    device,
    ...(isBtrfs ? { subvolume: subvolume?.toString('utf8') ?? '', subvolumeId } : {}),
    isDefaultSubvolume: !isBtrfs || (defaults.get(device) ?? 5) === subvolumeId,
    markers: new Set((markers?.toString('latin1') ?? '').split(',').filter((marker) => marker !== '')),
    entries,
  };
}

/** Members of one btrfs show the same files; the first in bus order stands for all. */
function onePerFilesystem(peeks: readonly Peek[], block: readonly BlockDevice[]): Peek[] {
  const uuidOf = (peek: Peek): string | undefined => block.find((device) => device.device === peek.device)?.uuid;
  const seen = new Set<string>();
  return peeks.filter((peek) => {
    if (peek.subvolume === undefined) return true;
    const key = `${uuidOf(peek) ?? peek.device} ${peek.subvolume}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** `EXT4-fs (sda1): recovery complete`, `XFS (dm-0): Starting recovery`, `BTRFS info (device sda4): start tree-log replay` */
const REPLAYED =
  /(?:EXT4-fs|XFS|BTRFS \w+) \((?:device )?([\w-]+)[^)]*\): .*(?:recovery complete|recovery required|(?:Starting|Ending) recovery|log replay|log-tree replay|tree-log replay)/g;

/** Kernel messages about journals that were replayed, by the device they name. */
function dirtyDevices(log: string, kernelNames: ReadonlyMap<string, string>): Set<string> {
  const dirty = new Set<string>();
  for (const match of log.matchAll(REPLAYED)) {
    const device = kernelNames.get(match[1] ?? '');
    if (device !== undefined) dirty.add(device);
  }
  return dirty;
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^mount: /, '') ?? ''
  );
}
