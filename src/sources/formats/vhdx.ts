/** VHDX (MS-VHDX). Numbers are little-endian; the two headers, region tables and the metadata are checked. */
import { crc32c } from '../../lib/bytes-crc32c.js';
import { guidAt, isAllZero, u64le } from '../../lib/bytes.js';
import { corrupt, unsupported } from '../problems.js';
import { checkedSize, readExactly } from './types.js';
import type { ByteSource, ImageFacts } from './types.js';

const KIB64 = 64 * 1024;
const BAT_REGION = '2dc27766-f623-4200-9d64-115e9bfd4a08';
const METADATA_REGION = '8b7ca206-4790-4b9a-b8fe-575f050f886e';
const FILE_PARAMETERS = 'caa16737-fa36-4d43-b3b6-33f0aa44e76b';
const VIRTUAL_SIZE = '2fa54224-cd1b-4876-b211-5dbed83bf4b8';
const LOGICAL_SECTOR = '8141bf1d-a96f-4709-ba47-f233a8faab5f';
const KNOWN_ITEMS: ReadonlySet<string> = new Set([
  FILE_PARAMETERS,
  VIRTUAL_SIZE,
  LOGICAL_SECTOR,
  'beca12ab-b2e6-4523-93ef-c309e000c746', // page 83 data
  'cda348c7-445d-4471-9cc9-e9885251c556', // physical sector size
  'a8d35f2d-b30b-454d-abf7-d3d84834ab0c', // parent locator
]);
const HAS_PARENT = 2;
/** Tables up to this size are read: disks of up to 2 TiB with the smallest blocks. */
const MAX_TABLE_BYTES = 16 * 1024 ** 2;

function checksumFits(block: Buffer): boolean {
  const copy = Buffer.from(block);
  copy.writeUInt32LE(0, 4);
  return crc32c(copy) === block.readUInt32LE(4);
}

/** The current header: of two copies the valid one with the higher sequence number. */
async function readHeader(source: ByteSource): Promise<Buffer> {
  let best: Buffer | undefined;
  for (const at of [KIB64, 2 * KIB64]) {
    const header = await readExactly(source, at, 4096, 'header');
    if (header.toString('latin1', 0, 4) !== 'head' || !checksumFits(header)) continue;
    if (best === undefined || header.readBigUInt64LE(8) > best.readBigUInt64LE(8)) best = header;
  }
  if (best === undefined) throw corrupt(source.path, 'both headers are damaged');
  return best;
}

interface Region {
  readonly offset: number;
  readonly length: number;
}

async function readRegions(source: ByteSource): Promise<ReadonlyMap<string, Region>> {
  for (const at of [3 * KIB64, 4 * KIB64]) {
    const table = await readExactly(source, at, KIB64, 'region table');
    if (table.toString('latin1', 0, 4) !== 'regi' || !checksumFits(table)) continue;
    const count = table.readUInt32LE(8);
    if (count > 2047) throw corrupt(source.path, `the region table says that it has ${count} entries`);
    const regions = new Map<string, Region>();
    for (let i = 0; i < count; i += 1) {
      const entry = 16 + i * 32;
      const id = guidAt(table, entry);
      if (id !== BAT_REGION && id !== METADATA_REGION && (table.readUInt32LE(entry + 28) & 1) === 1) {
        throw unsupported(source.path, `needs a region that is not known here (${id})`);
      }
      regions.set(id, { offset: u64le(table, entry + 16), length: table.readUInt32LE(entry + 24) });
    }
    return regions;
  }
  throw corrupt(source.path, 'both region tables are damaged');
}

async function readMetadata(source: ByteSource, region: Region): Promise<ReadonlyMap<string, Buffer>> {
  const table = await readExactly(source, region.offset, KIB64, 'metadata table');
  const count = table.readUInt16LE(10);
  if (table.toString('latin1', 0, 8) !== 'metadata' || count > 2047)
    throw corrupt(source.path, 'the metadata table is damaged');
  const items = new Map<string, Buffer>();
  for (let i = 0; i < count; i += 1) {
    const entry = 32 + i * 32;
    const id = guidAt(table, entry);
    const offset = table.readUInt32LE(entry + 16);
    const length = table.readUInt32LE(entry + 20);
    const isRequired = (table.readUInt32LE(entry + 24) & 4) !== 0;
    if (!KNOWN_ITEMS.has(id)) {
      if (isRequired) throw unsupported(source.path, `needs metadata that are not known here (${id})`);
      continue;
    }
    if (length > KIB64 || offset + length > region.length)
      throw corrupt(source.path, 'a metadata item lies outside of its region');
    items.set(id, await readExactly(source, region.offset + offset, length, 'metadata item'));
  }
  return items;
}

/** Header of a VHDX image; one that lies on top of another is refused. */
export async function readVhdx(source: ByteSource): Promise<ImageFacts> {
  const { path } = source;
  const header = await readHeader(source);
  if (header.readUInt16LE(66) !== 1)
    throw unsupported(path, `is a VHDX of version ${header.readUInt16LE(66)}; 1 is known`);
  const needsReplay = !isAllZero(header.subarray(48, 64));
  const regions = await readRegions(source);
  const metadataRegion = regions.get(METADATA_REGION);
  const batRegion = regions.get(BAT_REGION);
  if (metadataRegion === undefined || batRegion === undefined) throw corrupt(path, 'the region table lacks a region');
  const items = await readMetadata(source, metadataRegion);
  const item = (id: string, length: number, what: string): Buffer => {
    const data = items.get(id);
    if (data === undefined || data.length < length) throw corrupt(path, `the metadata lack the ${what}`);
    return data;
  };
  const parameters = item(FILE_PARAMETERS, 8, 'block size');
  const blockBytes = parameters.readUInt32LE(0);
  const flags = parameters.readUInt32LE(4);
  const virtualSizeBytes = checkedSize(path, u64le(item(VIRTUAL_SIZE, 8, 'size of the disk'), 0));
  const sectorBytes = item(LOGICAL_SECTOR, 4, 'sector size').readUInt32LE(0);
  if (!Number.isInteger(Math.log2(blockBytes)) || blockBytes < 1024 ** 2 || blockBytes > 256 * 1024 ** 2) {
    throw corrupt(path, `the metadata say that a block has ${blockBytes} bytes`);
  }
  if (sectorBytes !== 512) {
    throw unsupported(
      path,
      `has logical sectors of ${sectorBytes} bytes; its partition table would not fit a disk with 512`,
    );
  }
  if ((flags & HAS_PARENT) !== 0) {
    throw unsupported(path, 'is a checkpoint on top of another VHDX; merge it at its origin (Merge-VHD) first');
  }
  // What the journal still has to write may change the table.
  const allocatedBytes = needsReplay ? undefined : await countBlocks(source, batRegion, virtualSizeBytes, blockBytes);
  return {
    format: 'vhdx',
    subformat: (flags & 1) === 1 ? 'fixed' : 'dynamic',
    virtualSizeBytes,
    ...(allocatedBytes === undefined ? {} : { allocatedBytes }),
    needsReplay,
    notes: needsReplay ? ['was not closed properly: a copy is made and its journal replayed there'] : [],
  };
}

/** Bytes of the blocks in use; undefined when the table is too large to be read just for that. */
async function countBlocks(
  source: ByteSource,
  bat: Region,
  size: number,
  blockBytes: number,
): Promise<number | undefined> {
  const blocks = Math.ceil(size / blockBytes);
  // Behind every `ratio` payload entries stands one for a sector bitmap.
  const ratio = (2 ** 23 * 512) / blockBytes;
  const entries = blocks + Math.floor((blocks - 1) / ratio);
  if (entries * 8 > bat.length) throw corrupt(source.path, 'the block table is too short for the size of the disk');
  if (entries * 8 > MAX_TABLE_BYTES) return undefined;
  const table = await readExactly(source, bat.offset, entries * 8, 'block table');
  let used = 0;
  for (let block = 0; block < blocks; block += 1) {
    const entry = table.readBigUInt64LE((block + Math.floor(block / ratio)) * 8);
    const state = entry & 7n;
    // 5 is what early writers called 3; 7 continues in a parent, which there is not.
    if (state === 4n || state === 7n) throw corrupt(source.path, `block ${block} is in the impossible state ${state}`);
    if (state !== 6n) continue;
    // The place is given in MiB. A block is there as a whole; tools read zeros behind the end of the file.
    const needed = Math.min(blockBytes, size - block * blockBytes);
    if (Number(entry >> 20n) * 1024 ** 2 + needed > source.sizeBytes) {
      throw corrupt(source.path, `block ${block} lies behind the end of the file: it was cut short`);
    }
    used += 1;
  }
  return used * blockBytes;
}
