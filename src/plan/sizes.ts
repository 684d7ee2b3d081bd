import type { PlannedVm } from '../model/graph.js';
import { diskSettings } from '../model/settings.js';
import { diskFiles } from '../model/vm.js';
import type { SourceDisk } from '../model/vm.js';

const MIB = 1024 ** 2;
/** An empty qcow2 overlay with its tables. */
const OVERLAY_BYTES = MIB;
/** Least that is reserved for what FIX writes into one disk. */
const MIN_FIX_BYTES = 64 * MIB;
/** Share of a disk that FIX is expected to write at most: initramfs, boot loader, package and configuration files. */
const FIX_SHARE = 0.03;
/** How much larger than its compressed form a disk of unknown size is taken to be. */
const UNPACK_FACTOR = 4;

/** Bytes of one machine's disks, for estimates and reservations. Everything is an estimate except what the source states. */
export interface VmSizes {
  /** Bytes that hold data in all disks: what CONVERT reads and roughly writes. */
  readonly dataBytes: number;
  readonly virtualBytes: number;
  /** Bytes that FETCH writes: what is unpacked or copied; 0 for images used in place. */
  readonly fetchBytes: number;
  /** Bytes that FLATTEN copies; 0 for an overlay. */
  readonly copyBytes: number;
  /** What FLATTEN leaves in the scratch folder. */
  readonly flattenBytes: number;
  /** What FIX adds to it at most. */
  readonly fixBytes: number;
  /** Room for the product: its data, or its whole size where space is reserved in advance. */
  readonly productBytes: number;
  /** Disks whose size nobody knows before they are unpacked. */
  readonly unknownDisks: readonly string[];
}

export function vmSizes(vm: Pick<PlannedVm, 'description' | 'settings'>): VmSizes {
  const { disks } = vm.description;
  const { settings } = vm;
  let dataBytes = 0;
  let virtualBytes = 0;
  let fetchBytes = 0;
  let copyBytes = 0;
  let flattenBytes = 0;
  let fixBytes = 0;
  let productBytes = 0;
  const unknownDisks: string[] = [];
  for (const disk of disks) {
    const stored = storedBytes(disk, disks);
    const size = disk.virtualSizeBytes ?? stored * UNPACK_FACTOR;
    if (disk.virtualSizeBytes === undefined) unknownDisks.push(disk.id);
    const data = Math.min(disk.allocatedBytes ?? Math.max(stored, dataOfCompressed(disk, stored)), size);
    const copied = settings.flatten.mode === 'copy';
    dataBytes += data;
    virtualBytes += size;
    if (disk.location.kind === 'archive') fetchBytes += Math.min(unpackedBytes(disk, stored), size + MIB);
    else if (settings.fetch.copy) fetchBytes += stored;
    if (copied) copyBytes += data;
    flattenBytes += copied ? data + OVERLAY_BYTES : OVERLAY_BYTES;
    fixBytes += Math.min(Math.max(MIN_FIX_BYTES, FIX_SHARE * size), size, Math.max(MIN_FIX_BYTES, data));
    const { preallocation } = diskSettings(settings, disk.index);
    productBytes += preallocation === 'full' || preallocation === 'falloc' ? size : data;
  }
  return {
    dataBytes,
    virtualBytes,
    fetchBytes,
    copyBytes,
    flattenBytes,
    fixBytes:
      settings.fix.mode === 'none' || settings.guest.family === 'none' ? disks.length * OVERLAY_BYTES : fixBytes,
    productBytes,
    unknownDisks,
  };
}

/** Bytes that a disk takes at its origin. The members of an archive share its size, since their own is not known. */
function storedBytes(disk: SourceDisk, all: readonly SourceDisk[]): number {
  const { location } = disk;
  const total = diskFiles(disk).reduce((sum, file) => sum + file.sizeBytes, 0);
  if (location.kind !== 'archive') return total;
  const sharers = all.filter(
    (other) => other.location.kind === 'archive' && other.location.archive === location.archive,
  );
  return Math.ceil(total / Math.max(1, sharers.length));
}

/** Stream-optimised and gzipped disks hold more data than they take; without a statement, twice as much. */
function dataOfCompressed(disk: SourceDisk, stored: number): number {
  const { location } = disk;
  if (location.kind === 'blank') return 0;
  const isCompressed = location.kind === 'archive' || location.format === 'vmdk';
  return isCompressed ? 2 * stored : stored;
}

function unpackedBytes(disk: SourceDisk, stored: number): number {
  return disk.location.kind === 'archive' && disk.location.compression === 'none' ? stored : stored * UNPACK_FACTOR;
}
