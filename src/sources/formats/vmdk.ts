import { unsupported } from '../problems.js';
import { MAX_DESCRIPTOR_BYTES, parseVmdkDescriptor } from './vmdk-descriptor.js';
import type { VmdkDescriptor } from './vmdk-descriptor.js';
import { readSparseHeader } from './vmdk-sparse.js';
import { checkedSize, readExactly, SECTOR } from './types.js';
import type { ByteSource, ImageFacts } from './types.js';
import { corrupt } from '../problems.js';

function parentOf(descriptor: VmdkDescriptor): Pick<ImageFacts, 'parent'> {
  if (descriptor.parentCid === undefined) return {};
  return {
    parent: {
      names: descriptor.parentName === undefined ? [] : [descriptor.parentName],
      contentId: descriptor.parentCid,
      format: 'vmdk',
    },
  };
}

/** A descriptor in a file of its own. */
export async function readVmdkDescriptorFile(source: ByteSource): Promise<ImageFacts> {
  if (source.sizeBytes > MAX_DESCRIPTOR_BYTES) {
    throw corrupt(source.path, `begins like a descriptor but has ${source.sizeBytes} bytes`);
  }
  const descriptor = parseVmdkDescriptor(source.path, await source.read(0, source.sizeBytes));
  return {
    format: 'vmdk',
    subformat: descriptor.createType,
    virtualSizeBytes: descriptor.capacityBytes,
    contentId: descriptor.cid,
    ...(descriptor.serial === undefined ? {} : { serial: descriptor.serial }),
    extents: descriptor.extents,
    ...parentOf(descriptor),
    notes: descriptor.notes,
  };
}

/** A sparse file with its descriptor inside: monolithicSparse or streamOptimized. */
export async function readVmdkSparse(source: ByteSource): Promise<ImageFacts> {
  const header = await readSparseHeader(source, 'sparse');
  if (header.descriptor === undefined) {
    throw unsupported(
      source.path,
      'is one extent of a split VMDK, without a descriptor inside; name the descriptor (the small .vmdk text file) instead',
    );
  }
  const { offsetSectors, sectors } = header.descriptor;
  const length = Math.min(sectors * SECTOR, MAX_DESCRIPTOR_BYTES);
  const bytes = await readExactly(source, offsetSectors * SECTOR, length, 'embedded descriptor');
  const descriptor = parseVmdkDescriptor(source.path, bytes);
  const [extent, ...others] = descriptor.extents;
  if (extent === undefined || others.length > 0 || extent.kind !== 'sparse') {
    throw corrupt(source.path, 'the descriptor inside describes other extents than the file itself');
  }
  const notes = [...descriptor.notes];
  if (extent.sectors !== header.capacitySectors) {
    // Some writers round the header up to whole grains; a larger difference is damage.
    if (Math.abs(extent.sectors - header.capacitySectors) >= header.grainSectors) {
      throw corrupt(
        source.path,
        `the header says ${header.capacitySectors} sectors, the descriptor inside says ${extent.sectors}`,
      );
    }
    notes.push(
      `header (${header.capacitySectors}) and descriptor (${extent.sectors} sectors) differ; the header counts`,
    );
  }
  return {
    format: 'vmdk',
    subformat: header.compressed ? 'streamOptimized' : 'monolithicSparse',
    virtualSizeBytes: checkedSize(source.path, header.capacitySectors * SECTOR),
    ...(header.allocatedBytes === undefined ? {} : { allocatedBytes: header.allocatedBytes }),
    contentId: descriptor.cid,
    ...(descriptor.serial === undefined ? {} : { serial: descriptor.serial }),
    extents: [{ kind: 'sparse', sectors: header.capacitySectors, offsetSectors: 0 }],
    ...parentOf(descriptor),
    notes,
  };
}

/** An extent that was named instead of its descriptor. */
export async function refuseBareExtent(source: ByteSource): Promise<never> {
  throw unsupported(
    source.path,
    'is an extent of a snapshot, not a disk; name its descriptor (the small .vmdk text file) instead',
  );
}
