/** VDI, VirtualBox's own format. Numbers are little-endian. */
import { isAllZero, u64le } from '../../lib/bytes.js';
import { corrupt, unsupported } from '../problems.js';
import { checkedSize, readExactly } from './types.js';
import type { ByteSource, ImageFacts } from './types.js';

/** Header of a VDI image; only dynamic and fixed ones stand alone. */
export async function readVdi(source: ByteSource): Promise<ImageFacts> {
  const { path } = source;
  const header = await readExactly(source, 0, 512, 'header');
  const version = header.readUInt32LE(0x44);
  if (version !== 0x00010001)
    throw unsupported(path, `is a VDI of version ${version >>> 16}.${version & 0xffff}; 1.1 is known`);
  const type = header.readUInt32LE(0x4c);
  if (type !== 1 && type !== 2) {
    throw unsupported(
      path,
      'is a VirtualBox snapshot or undo image; merge it at its origin (delete the snapshot) first',
    );
  }
  if (!isAllZero(header.subarray(0x1a8, 0x1c8))) throw unsupported(path, 'lies on top of another VDI; merge it first');
  const blockBytes = header.readUInt32LE(0x178);
  if (blockBytes !== 1024 ** 2) throw unsupported(path, `has blocks of ${blockBytes} bytes; only 1 MiB can be read`);
  if (header.readUInt32LE(0x168) !== 512) throw unsupported(path, 'has sectors of another size than 512 bytes');
  const virtualSizeBytes = checkedSize(path, u64le(header, 0x170));
  const blocks = header.readUInt32LE(0x180);
  const used = header.readUInt32LE(0x184);
  if (blocks < Math.ceil(virtualSizeBytes / blockBytes)) {
    throw corrupt(path, `the block map has ${blocks} entries, too few for the size of the disk`);
  }
  const mapAt = header.readUInt32LE(0x154);
  const dataAt = header.readUInt32LE(0x158);
  if (mapAt + blocks * 4 > source.sizeBytes || dataAt > source.sizeBytes) {
    throw corrupt(path, 'the block map lies behind the end of the file');
  }
  if (used > blocks || dataAt + used * blockBytes > source.sizeBytes) {
    throw corrupt(path, `${used} blocks are in use, but the file has only ${source.sizeBytes} bytes: it was cut short`);
  }
  await checkBlocks(source, mapAt, Math.ceil(virtualSizeBytes / blockBytes), used);
  return {
    format: 'vdi',
    subformat: type === 1 ? 'dynamic' : 'fixed',
    virtualSizeBytes,
    allocatedBytes: used * blockBytes,
    notes: [],
  };
}

/** The two highest numbers stand for "not there" and "zeros". */
const FIRST_SPECIAL = 0xffff_fffe;
const PIECE_ENTRIES = 1024 ** 2;

/** Tools read zeros where the map leads behind the blocks in use, and nobody is told. */
async function checkBlocks(source: ByteSource, mapAt: number, blocks: number, used: number): Promise<void> {
  for (let first = 0; first < blocks; first += PIECE_ENTRIES) {
    const count = Math.min(PIECE_ENTRIES, blocks - first);
    const map = await readExactly(source, mapAt + first * 4, count * 4, 'block map');
    for (let i = 0; i < count; i += 1) {
      const block = map.readUInt32LE(i * 4);
      if (block < used || block >= FIRST_SPECIAL) continue;
      throw corrupt(source.path, `block ${first + i} is said to be number ${block} of ${used} that are in use`);
    }
  }
}
