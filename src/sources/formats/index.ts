/** Our own readers of image headers: bounded, free of side effects, and the first to see every file. */
import { DroverError } from '../../lib/error.js';
import { previewBytes } from '../../lib/bytes.js';
import type { DiskFormat } from '../../model/index.js';
import { detectKind, formatOf } from './detect.js';
import type { DetectedKind } from './detect.js';
import { readQcow2 } from './qcow2.js';
import { checkedSize, SECTOR } from './types.js';
import type { ByteSource, ImageFacts } from './types.js';
import { readVdi } from './vdi.js';
import { readVhd } from './vhd.js';
import { readVhdx } from './vhdx.js';
import { readVmdkDescriptorFile, readVmdkSparse, refuseBareExtent } from './vmdk.js';

export { detectKind, formatOf } from './detect.js';
export type { DetectedKind } from './detect.js';
export { windowOf } from './types.js';
export type { ByteSource, ImageFacts, VmdkExtent } from './types.js';

const READERS: Partial<Record<DetectedKind, (source: ByteSource) => Promise<ImageFacts>>> = {
  'vmdk-descriptor': readVmdkDescriptorFile,
  'vmdk-sparse': readVmdkSparse,
  'vmdk-cowd': refuseBareExtent,
  'vmdk-sesparse': refuseBareExtent,
  vhd: readVhd,
  vhdx: readVhdx,
  qcow2: readQcow2,
  vdi: readVdi,
};

/** Facts of a raw image. QEMU counts whole sectors. */
function rawFacts(source: ByteSource): ImageFacts {
  const size = Math.ceil(source.sizeBytes / SECTOR) * SECTOR;
  const notes =
    size === source.sizeBytes ? [] : ['the file ends inside a sector; the rest of that sector reads as zeros'];
  return { format: 'raw', subformat: 'raw', virtualSizeBytes: checkedSize(source.path, size), notes };
}

async function unknownFormat(source: ByteSource): Promise<DroverError> {
  const head = await source.read(0, Math.min(16, source.sizeBytes));
  const isFlat = /-(flat|f\d{3}|rdm|rdmp|ctk)\.vmdk$/i.test(source.path);
  return new DroverError({
    code: 'source.format-unknown',
    message: `${source.path}: no image format begins with ${previewBytes(head)}`,
    ...(isFlat
      ? { hint: 'This looks like one extent of a VMDK. Name its descriptor (the small .vmdk text file) instead.' }
      : {}),
    details: { path: source.path, sizeBytes: source.sizeBytes },
  });
}

/**
 * Reads the header of an image. @param said the format that somebody vouches for; `raw` is taken only when it is said.
 * Throws `source.format-unknown`, `source.format-mismatch`, `source.format-unsupported`, `source.corrupt-image`,
 * `source.encrypted`, `source.too-large`.
 */
export async function readImage(source: ByteSource, said?: DiskFormat): Promise<ImageFacts> {
  const kind = await detectKind(source);
  const found = formatOf(kind);
  if (said === 'raw') {
    const facts = rawFacts(source);
    if (found === undefined) return facts;
    return { ...facts, notes: [...facts.notes, `is taken as raw, as said, although it looks like ${found}`] };
  }
  if (found === undefined && kind !== 'unknown') {
    const key = kind === 'tar' ? '`ova` or `bundle`' : kind === 'xml' ? '`ovf`' : '`bundle`';
    throw new DroverError({
      code: 'source.format-mismatch',
      message: `${source.path}: is ${kind === 'xml' ? 'an XML document' : `a ${kind} archive`}, not a disk image`,
      hint: `Name it under ${key} instead of \`disks\`.`,
      details: { path: source.path, found: kind },
    });
  }
  if (said !== undefined && found !== said) {
    throw new DroverError({
      code: 'source.format-mismatch',
      message: `${source.path}: should be ${said}, but ${found === undefined ? 'its bytes belong to no known format' : `is ${found}`}`,
      details: { path: source.path, said, found: found ?? 'unknown' },
    });
  }
  const reader = READERS[kind];
  if (reader === undefined) throw await unknownFormat(source);
  return reader(source);
}
