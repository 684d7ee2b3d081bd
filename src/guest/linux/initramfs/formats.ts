/** How the pieces of an initramfs are packed, and where a packed piece ends. Kernel: init/initramfs.c, lib/decompress.c. */
import { CPIO_HEADER_BYTES, decodeCpioHeader } from '../../../lib/cpio.js';

export type SegmentFormat = 'cpio' | 'gzip' | 'xz' | 'zstd' | 'lz4' | 'bzip2' | 'lzma';

/** Bytes that can be read at any place, such as an open file. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Up to `length` bytes from `offset`; fewer only at the end. */
  read(offset: number, length: number): Promise<Buffer>;
}

const MAGIC: readonly (readonly [SegmentFormat, string])[] = [
  ['cpio', '303730373031'],
  ['cpio', '303730373032'],
  ['gzip', '1f8b'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['lz4', '02214c18'],
  ['bzip2', '425a68'],
  ['lzma', '5d0000'],
];

/** The format that a piece begins with, or undefined for none that the kernel reads. */
export function detectFormat(head: Buffer): SegmentFormat | undefined {
  const hex = head.toString('hex', 0, 8);
  return MAGIC.find(([, magic]) => hex.startsWith(magic))?.[0];
}

/** A packed piece ends where it should not, or holds what its format does not allow. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/**
 * End of a packed piece, found without unpacking it: zstd and lz4 say how long their blocks are; for xz, bzip2 and lzma
 * the next plain archive behind it is looked for. Undefined for gzip, whose end only unpacking finds.
 */
export async function findEnd(source: ByteSource, start: number, format: SegmentFormat): Promise<number | undefined> {
  switch (format) {
    case 'zstd':
      return endOfZstd(source, start);
    case 'lz4':
      return endOfLz4(source, start);
    case 'xz':
    case 'bzip2':
    case 'lzma':
      return nextArchive(source, start);
    case 'gzip':
    case 'cpio':
      return undefined;
  }
}

/** Frames of RFC 8878 up to what is none. */
async function endOfZstd(source: ByteSource, start: number): Promise<number> {
  let at = start;
  for (;;) {
    const head = await source.read(at, 18);
    const magic = head.length < 5 ? 0 : head.readUInt32LE(0);
    if (magic >>> 4 === 0x184d2a5) {
      if (head.length < 8) throw new FormatError('a zstd frame is cut off');
      at += 8 + head.readUInt32LE(4);
      continue;
    }
    if (magic !== 0xfd2fb528) return at;
    const descriptor = head[4] ?? 0;
    const isSingle = (descriptor & 0x20) !== 0;
    const sizeFlag = descriptor >> 6;
    const sizeBytes = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
    at += 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0) + sizeBytes;
    for (let isLast = false; !isLast;) {
      const block = await source.read(at, 3);
      if (block.length < 3) throw new FormatError('a zstd frame is cut off');
      const header = block.readUIntLE(0, 3);
      const type = (header >> 1) & 3;
      if (type === 3) throw new FormatError('a zstd frame has a block of an unknown kind');
      at += 3 + (type === 1 ? 1 : header >> 3);
      isLast = (header & 1) === 1;
    }
    if ((descriptor & 4) !== 0) at += 4;
    if (at > source.sizeBytes) throw new FormatError('a zstd frame is cut off');
  }
}

/** Largest block of the legacy format, packed: 8 MiB and what lz4 adds in the worst case. */
const LZ4_BLOCK_BYTES = 8 * 1024 ** 2 + (8 * 1024 ** 2) / 255 + 16;
const LZ4_MAGIC = 0x184c2102;

async function endOfLz4(source: ByteSource, start: number): Promise<number> {
  let at = start + 4;
  for (;;) {
    const head = await source.read(at, 4);
    const size = head.length < 4 ? 0 : head.readUInt32LE(0);
    if (size === LZ4_MAGIC) at += 4;
    else if (size === 0 || size > LZ4_BLOCK_BYTES) return at;
    else at += 4 + size;
    if (at > source.sizeBytes) throw new FormatError('an lz4 block is cut off');
  }
}

const SCAN_BYTES = 1024 ** 2;

/** Where the next plain archive begins, at a multiple of 4 bytes; the end of the file when there is none. */
async function nextArchive(source: ByteSource, start: number): Promise<number> {
  for (let at = start; at < source.sizeBytes; at += SCAN_BYTES) {
    const block = await source.read(at, SCAN_BYTES + CPIO_HEADER_BYTES);
    for (
      let found = block.indexOf('07070');
      found !== -1 && found < SCAN_BYTES;
      found = block.indexOf('07070', found + 1)
    ) {
      const isAligned = (at + found) % 4 === 0;
      if (isAligned && decodeCpioHeader(block.subarray(found, found + CPIO_HEADER_BYTES)) !== undefined)
        return at + found;
    }
  }
  return source.sizeBytes;
}
