/**
 * Differencing VHDs. QEMU opens one as if nothing lay below it and returns zeros, so the chain is read here: a block that
 * a file holds says in its bitmap which sectors are its own; all others come from the parent.
 */
import type { Files, RandomAccessFile } from '../../host/index.js';
import { openSparse } from '../archive/sparse-writer.js';
import { readVhdBlocks } from '../formats/vhd.js';
import type { VhdBlocks } from '../formats/vhd.js';
import type { Layer } from '../layers.js';

const SECTOR = 512;
const STEP = 2 * 1024 ** 2;

interface OpenLayer {
  readonly file: RandomAccessFile;
  /** Absent for a fixed VHD, whose data stand at their place. */
  readonly blocks?: VhdBlocks;
  readonly isDifferencing: boolean;
}

/** Reads a range that lies in one block of one layer, its parents included. Offsets are multiples of a sector. */
async function readRange(layers: readonly OpenLayer[], index: number, offset: number, length: number): Promise<Buffer> {
  const layer = layers[index];
  if (layer === undefined) return Buffer.alloc(length);
  if (layer.blocks === undefined) return layer.file.read(offset, length);
  const { blockBytes, bitmapBytes, sectors } = layer.blocks;
  const inBlock = offset % blockBytes;
  const start = sectors[Math.floor(offset / blockBytes)];
  const below = (at: number, count: number): Promise<Buffer> => readAcross(layers, index + 1, at, count);
  if (start === undefined) return layer.isDifferencing ? below(offset, length) : Buffer.alloc(length);
  const data = await layer.file.read(start * SECTOR + bitmapBytes + inBlock, length);
  // The last block of a file may be cut behind the end of the disk.
  const whole = data.length === length ? data : Buffer.concat([data, Buffer.alloc(length - data.length)]);
  if (!layer.isDifferencing) return whole;
  const bitmap = await layer.file.read(start * SECTOR, bitmapBytes);
  const first = inBlock / SECTOR;
  const count = length / SECTOR;
  const isOwn = (sector: number): boolean => ((bitmap[sector >> 3] ?? 0) & (0x80 >> (sector & 7))) !== 0;
  for (let s = 0; s < count;) {
    let end = s + 1;
    while (end < count && isOwn(first + end) === isOwn(first + s)) end += 1;
    if (!isOwn(first + s)) (await below(offset + s * SECTOR, (end - s) * SECTOR)).copy(whole, s * SECTOR);
    s = end;
  }
  return whole;
}

/** The same for a range that may reach over several blocks. */
async function readAcross(
  layers: readonly OpenLayer[],
  index: number,
  offset: number,
  length: number,
): Promise<Buffer> {
  const blockBytes = layers[index]?.blocks?.blockBytes ?? length;
  const parts: Buffer[] = [];
  for (let at = offset; at < offset + length;) {
    const untilBorder = blockBytes - (at % blockBytes);
    const part = Math.min(untilBorder, offset + length - at);
    parts.push(await readRange(layers, index, at, part));
    at += part;
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/**
 * Writes the disk that a chain of VHDs stands for as a sparse raw file, which must not exist and is removed on failure.
 * Returns the bytes really written.
 */
export async function collapseVhd(
  files: Files,
  layers: readonly Layer[],
  target: string,
  onBytes: (done: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  const size = layers[0]?.virtualSizeBytes ?? 0;
  const open: OpenLayer[] = [];
  try {
    for (const layer of layers) {
      const file = await files.open(layer.path);
      open.push({ file, isDifferencing: layer.subformat === 'differencing' });
      if (layer.subformat === 'fixed') continue;
      open[open.length - 1] = { ...(open.at(-1) as OpenLayer), blocks: await readVhdBlocks(file) };
    }
    const writer = await openSparse(files, target);
    try {
      for (let at = 0; at < size; at += STEP) {
        signal?.throwIfAborted();
        await writer.write(await readAcross(open, 0, at, Math.min(STEP, size - at)));
        onBytes(Math.min(at + STEP, size));
      }
      return (await writer.finish()).dataBytes;
    } catch (thrown) {
      await writer.abandon();
      throw thrown;
    }
  } finally {
    for (const { file } of open) await file.close();
  }
}
