/**
 * The text part of a VMDK. It is read strictly and completely, because tools read it loosely: QEMU finds a
 * `parentFileNameHint` inside a comment, skips ZERO and RDONLY extents, and takes an extent twice that follows an empty line.
 */
import { showName } from '../../lib/safe-path.js';
import { corrupt, encrypted, unsupported } from '../problems.js';
import { checkedSize, SECTOR } from './types.js';
import type { VmdkExtent } from './types.js';

export const MAX_DESCRIPTOR_BYTES = 64 * 1024;

export interface VmdkDescriptor {
  readonly createType: string;
  /** Lower-case hex of eight digits. */
  readonly cid: string;
  readonly parentCid?: string;
  readonly parentName?: string;
  readonly extents: readonly VmdkExtent[];
  readonly capacityBytes: number;
  /** The id by which guests name the disk (`wwn-0x…`), 32 hex digits. */
  readonly serial?: string;
  readonly notes: readonly string[];
}

const NO_PARENT = 'ffffffff';
const TYPES: ReadonlySet<string> = new Set(
  [
    'monolithicSparse',
    'monolithicFlat',
    'twoGbMaxExtentSparse',
    'twoGbMaxExtentFlat',
    'streamOptimized',
    'vmfs',
    'vmfsThin',
    'vmfsPreallocated',
    'vmfsEagerZeroedThick',
    'vmfsSparse',
    'seSparse',
    'custom',
  ].map((name) => name.toLowerCase()),
);
const DEVICE_TYPES: ReadonlySet<string> = new Set(
  [
    'fullDevice',
    'partitionedDevice',
    'vmfsRDM',
    'vmfsRDMP',
    'vmfsRaw',
    'vmfsRawDeviceMap',
    'vmfsPassthroughRawDeviceMap',
  ].map((name) => name.toLowerCase()),
);
const EXTENT_KINDS: Readonly<Record<string, VmdkExtent['kind']>> = {
  FLAT: 'flat',
  VMFS: 'flat',
  SPARSE: 'sparse',
  VMFSSPARSE: 'cowd',
  SESPARSE: 'sesparse',
  ZERO: 'zero',
};
const EXTENT = /^(RW|RDONLY|NOACCESS)\s+(\d+)\s+([A-Za-z]+)(?:\s+"(.*)"\s*(\S.*)?)?\s*$/i;

function decode(path: string, bytes: Buffer): string {
  const end = bytes.indexOf(0);
  const text = end === -1 ? bytes : bytes.subarray(0, end);
  const ascii = text.toString('latin1');
  const label = /^[ \t]*encoding[ \t]*=[ \t]*"?([A-Za-z0-9._-]+)"?/im.exec(ascii)?.[1] ?? 'utf-8';
  if (!/[\x80-\xff]/.test(ascii)) return ascii;
  try {
    return new TextDecoder(label, { fatal: true }).decode(text);
  } catch (cause) {
    const why = cause instanceof RangeError ? 'is not known' : 'does not fit its bytes';
    throw corrupt(path, `the descriptor's encoding ${showName(label)} ${why}`);
  }
}

function contentId(path: string, key: string, value: string): string {
  // The digits are not padded with zeros by every writer.
  if (!/^[0-9a-f]{1,8}$/i.test(value))
    throw corrupt(path, `${key} is ${showName(value)}, which is no hexadecimal number`);
  return value.toLowerCase().padStart(8, '0');
}

function parseExtent(path: string, line: string): VmdkExtent {
  const match = EXTENT.exec(line);
  const shown = showName(line);
  if (match === null) throw corrupt(path, `the extent line ${shown} cannot be read`);
  const [, access = '', sectorText = '', typeText = '', name, rest] = match;
  const type = typeText.toUpperCase();
  if (type === 'VMFSRDM' || type === 'VMFSRAW') {
    throw unsupported(path, `is a raw device mapping (${type}): its data are on a storage device, not in a file`);
  }
  const kind = EXTENT_KINDS[type];
  if (kind === undefined) throw unsupported(path, `has an extent of the unknown type ${showName(typeText)}`);
  if (access.toUpperCase() === 'NOACCESS' && kind !== 'zero') {
    throw unsupported(path, `has an extent without access (${shown}), as only physical disks have`);
  }
  const sectors = Number(sectorText);
  if (!Number.isSafeInteger(sectors) || sectors <= 0)
    throw corrupt(path, `the extent line ${shown} has no usable length`);
  if (kind === 'zero') return { kind, sectors, offsetSectors: 0 };
  if (name === undefined) throw corrupt(path, `the extent line ${shown} names no file`);
  const offset = rest === undefined ? 0 : /^\d+$/.test(rest) ? Number(rest) : Number.NaN;
  // Extents on devices carry the id of a partition behind the offset.
  if (Number.isNaN(offset) || /"\s+\d+\s+"/.test(name))
    throw unsupported(path, `the extent line ${shown} names a device`);
  if (!Number.isSafeInteger(offset) || (offset > 0 && kind !== 'flat')) {
    throw corrupt(path, `the extent line ${shown} has an offset that cannot be used`);
  }
  return { kind, sectors, name, offsetSectors: offset };
}

/** Parses a descriptor. @param path for messages. Throws `source.corrupt-image`, `source.format-unsupported`, `source.encrypted`. */
export function parseVmdkDescriptor(path: string, bytes: Buffer): VmdkDescriptor {
  if (bytes.length > MAX_DESCRIPTOR_BYTES) {
    throw corrupt(path, `the descriptor has ${bytes.length} bytes; at most ${MAX_DESCRIPTOR_BYTES} are read`);
  }
  const lines = decode(path, bytes)
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim());
  if (!/^#\s*disk\s+descriptorfile/i.test(lines.find((line) => line !== '') ?? '')) {
    throw corrupt(path, 'the descriptor does not begin with "# Disk DescriptorFile"');
  }
  const values = new Map<string, string>();
  const extentLines: string[] = [];
  const notes: string[] = [];
  for (const line of lines) {
    if (line === '' || line.startsWith('#')) continue;
    if (/^(RW|RDONLY|NOACCESS)\s/i.test(line)) {
      extentLines.push(line);
      continue;
    }
    const match = /^([A-Za-z0-9_.:-]+)\s*=\s*(?:"(.*)"|(.*))$/.exec(line);
    const key = match?.[1]?.toLowerCase();
    if (key === undefined) {
      notes.push(`a descriptor line was passed over: ${showName(line)}`);
      continue;
    }
    if (values.has(key) && !key.startsWith('ddb.')) notes.push(`the descriptor sets ${key} twice; the last one counts`);
    values.set(key, match?.[2] ?? match?.[3]?.trim() ?? '');
  }
  const createType = values.get('createtype') ?? '';
  const lower = createType.toLowerCase();
  if (DEVICE_TYPES.has(lower)) {
    throw unsupported(path, `is a raw device mapping or physical disk (${createType}): its data are not in a file`);
  }
  if (!TYPES.has(lower)) throw unsupported(path, `has the unknown type ${showName(createType)}`);
  if (values.has('keysafe') || values.has('encryption.keysafe') || values.has('ddb.encryption')) {
    throw encrypted(path, 'the disk is encrypted by its hypervisor');
  }
  const extents = extentLines.map((line) => parseExtent(path, line));
  if (extents.length === 0) throw corrupt(path, 'the descriptor has no extents');
  const cid = contentId(path, 'CID', values.get('cid') ?? '');
  const parentCid = contentId(path, 'parentCID', values.get('parentcid') ?? NO_PARENT);
  const parentName = values.get('parentfilenamehint');
  const sectors = extents.reduce((sum, extent) => sum + extent.sectors, 0);
  const serial = (values.get('ddb.uuid') ?? '').replaceAll(/[^0-9A-Fa-f]/g, '').toLowerCase();
  const hasParent = parentCid !== NO_PARENT;
  if (!hasParent && parentName !== undefined) {
    notes.push(`the descriptor names a parent (${showName(parentName)}) but says that there is none; it is not used`);
  }
  return {
    createType,
    cid,
    ...(hasParent ? { parentCid } : {}),
    ...(hasParent && parentName !== undefined ? { parentName } : {}),
    extents,
    ...(serial.length === 32 ? { serial } : {}),
    capacityBytes: checkedSize(path, sectors * SECTOR),
    notes,
  };
}
