/** VHD (Microsoft "Virtual Hard Disk Image Format Specification" 1.0). All numbers are big-endian. */
import { u64be } from '../../lib/bytes.js';
import { corrupt, unsupported } from '../problems.js';
import { checkedSize, readExactly, SECTOR } from './types.js';
import type { ByteSource, ImageFacts, ParentReference } from './types.js';

const FIXED = 2;
const DYNAMIC = 3;
const DIFFERENCING = 4;
const UNUSED = 0xffffffff;
const MAX_TABLE_ENTRIES = 2 ** 22;

interface Footer {
  readonly dataOffset: number;
  readonly currentSize: number;
  readonly type: number;
  readonly id: string;
}

/** The map of a dynamic or differencing VHD. */
export interface VhdBlocks {
  readonly blockBytes: number;
  /** Bytes of the sector bitmap in front of each block. */
  readonly bitmapBytes: number;
  /** Sector at which each block (bitmap first) stands; undefined for blocks that are not there. */
  readonly sectors: readonly (number | undefined)[];
}

/** One's complement of the sum of all bytes, without those of the checksum itself. */
function checksum(bytes: Buffer, at: number): number {
  let sum = 0;
  for (const [i, byte] of bytes.entries()) if (i < at || i >= at + 4) sum += byte;
  return ~sum >>> 0;
}

/** The footer in a sector; undefined when it is none; `bad` when its checksum is wrong. */
function decodeFooter(bytes: Buffer): Footer | 'bad' | undefined {
  if (bytes.toString('latin1', 0, 8) !== 'conectix') return undefined;
  if (bytes.readUInt32BE(64) !== checksum(bytes, 64)) return 'bad';
  return {
    dataOffset: u64be(bytes, 16),
    currentSize: u64be(bytes, 48),
    type: bytes.readUInt32BE(60),
    id: bytes.toString('hex', 68, 84),
  };
}

async function readFooters(
  source: ByteSource,
): Promise<{ readonly footer: Footer; readonly notes: readonly string[] }> {
  const atEnd = decodeFooter(await readExactly(source, source.sizeBytes - SECTOR, SECTOR, 'footer'));
  const atStart = decodeFooter(await readExactly(source, 0, SECTOR, 'header'));
  const good = (footer: Footer | 'bad' | undefined): footer is Footer => footer !== undefined && footer !== 'bad';
  if (good(atEnd)) {
    if (atEnd.type === FIXED) return { footer: atEnd, notes: [] };
    if (!good(atStart)) {
      throw corrupt(source.path, 'the copy of the footer at the beginning is damaged, and tools read that one');
    }
    if (
      atStart.currentSize !== atEnd.currentSize ||
      atStart.dataOffset !== atEnd.dataOffset ||
      atStart.id !== atEnd.id
    ) {
      throw corrupt(source.path, 'footer and its copy at the beginning contradict each other');
    }
    return { footer: atEnd, notes: [] };
  }
  if (good(atStart) && atStart.type !== FIXED) {
    const what = atEnd === 'bad' ? 'has a wrong checksum' : 'is missing';
    return { footer: atStart, notes: [`the footer ${what}; its copy at the beginning is used`] };
  }
  throw corrupt(source.path, 'the footer in the last sector has a wrong checksum, or the file was cut short');
}

/** Windows paths of a parent locator as names to try: relative to the folder of the image, else its base name. */
function windowsName(path: string): string {
  const plain = path.replaceAll('\0', '').replaceAll('\\', '/');
  return /^[A-Za-z]:|^\//.test(plain) ? (plain.split('/').at(-1) ?? '') : plain.replace(/^(\.\/)+/, '');
}

async function readParent(source: ByteSource, header: Buffer): Promise<ParentReference> {
  const names: string[] = [];
  const absolute: string[] = [];
  for (let i = 0; i < 8; i += 1) {
    const at = 576 + i * 24;
    const code = header.toString('latin1', at, at + 4);
    const length = header.readUInt32BE(at + 8);
    if ((code !== 'W2ru' && code !== 'W2ku') || length === 0 || length > 4096) continue;
    const data = await readExactly(source, u64be(header, at + 16), length, 'parent locator');
    (code === 'W2ru' ? names : absolute).push(windowsName(data.toString('utf16le')));
  }
  // The name in the header is big-endian UTF-16.
  const own = windowsName(Buffer.from(header.subarray(64, 576)).swap16().toString('utf16le').split('\0')[0] ?? '');
  const all = [...names, ...absolute, own].filter((name) => name !== '');
  return { names: [...new Set(all)], contentId: header.toString('hex', 40, 56), format: 'vhd' };
}

async function readDynamicHeader(source: ByteSource, offset: number): Promise<Buffer> {
  const header = await readExactly(source, offset, 1024, 'dynamic disk header');
  if (header.toString('latin1', 0, 8) !== 'cxsparse') throw corrupt(source.path, 'the dynamic disk header is missing');
  if (header.readUInt32BE(36) !== checksum(header, 36)) {
    throw corrupt(source.path, 'the dynamic disk header has a wrong checksum');
  }
  return header;
}

async function readBlocks(source: ByteSource, header: Buffer, sizeBytes: number): Promise<VhdBlocks> {
  const tableAt = u64be(header, 16);
  const entries = header.readUInt32BE(28);
  const blockBytes = header.readUInt32BE(32);
  if (!Number.isInteger(Math.log2(blockBytes)) || blockBytes < SECTOR || blockBytes > 256 * 1024 ** 2) {
    throw corrupt(source.path, `the header says that a block has ${blockBytes} bytes`);
  }
  const needed = Math.ceil(sizeBytes / blockBytes);
  if (entries < needed || needed > MAX_TABLE_ENTRIES) {
    throw corrupt(source.path, `the block table has ${entries} entries; the disk needs ${needed}`);
  }
  const table = await readExactly(source, tableAt, needed * 4, 'block table');
  const bitmapBytes = Math.ceil(blockBytes / SECTOR / 8 / SECTOR) * SECTOR;
  const sectors: (number | undefined)[] = [];
  for (let i = 0; i < needed; i += 1) {
    const sector = table.readUInt32BE(i * 4);
    if (sector === UNUSED) {
      sectors.push(undefined);
      continue;
    }
    // Tools read zeros behind the end of the file.
    const dataBytes = Math.min(blockBytes, sizeBytes - i * blockBytes);
    if (sector * SECTOR + bitmapBytes + dataBytes > source.sizeBytes) {
      const at = sector * SECTOR;
      throw corrupt(source.path, `block ${i} at byte ${at} ends behind the end of the file: it was cut short`);
    }
    sectors.push(sector);
  }
  return { blockBytes, bitmapBytes, sectors };
}

/** The block map of a dynamic or differencing VHD that `readVhd` accepted. */
export async function readVhdBlocks(source: ByteSource): Promise<VhdBlocks> {
  const { footer } = await readFooters(source);
  return readBlocks(source, await readDynamicHeader(source, footer.dataOffset), footer.currentSize);
}

/** Fixed, dynamic and differencing VHD. The size is the footer's; the geometry is only what old systems made of it. */
export async function readVhd(source: ByteSource): Promise<ImageFacts> {
  const { footer, notes } = await readFooters(source);
  const virtualSizeBytes = checkedSize(source.path, footer.currentSize);
  if (virtualSizeBytes % SECTOR !== 0)
    throw corrupt(source.path, `the size ${virtualSizeBytes} is no number of sectors`);
  const common = { format: 'vhd', virtualSizeBytes, contentId: footer.id } as const;
  if (footer.type === FIXED) {
    if (source.sizeBytes !== virtualSizeBytes + SECTOR) {
      throw corrupt(
        source.path,
        `a fixed VHD of ${virtualSizeBytes} bytes must have 512 bytes more; the file has ${source.sizeBytes}`,
      );
    }
    return { ...common, subformat: 'fixed', notes };
  }
  if (footer.type !== DYNAMIC && footer.type !== DIFFERENCING) {
    throw unsupported(source.path, `is a VHD of the unknown type ${footer.type}`);
  }
  const header = await readDynamicHeader(source, footer.dataOffset);
  const blocks = await readBlocks(source, header, virtualSizeBytes);
  const allocatedBytes = blocks.sectors.filter((s) => s !== undefined).length * blocks.blockBytes;
  if (footer.type === DYNAMIC) return { ...common, subformat: 'dynamic', allocatedBytes, notes };
  return {
    ...common,
    subformat: 'differencing',
    allocatedBytes,
    parent: await readParent(source, header),
    notes,
  };
}
