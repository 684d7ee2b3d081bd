/** Leaves a VHDX as a crash would: a change that stands in its journal only. */
import { crc32c } from '../../src/lib/bytes-crc32c.js';

const SECTOR = 4096;

function seal(block: Buffer): void {
  block.writeUInt32LE(0, 4);
  block.writeUInt32LE(crc32c(block), 4);
}

/** @param fileOffset where in the file the new 4 KiB belong; a multiple of 4 KiB */
export function withPendingJournal(image: Buffer, fileOffset: number, data: Buffer): Buffer {
  const file = Buffer.from(image);
  const guid = Buffer.alloc(16, 0x5a);
  const [first, second] = [file.subarray(65536, 65536 + 4096), file.subarray(131072, 131072 + 4096)];
  const isFirst = first.readBigUInt64LE(8) > second.readBigUInt64LE(8);
  const [current, next] = isFirst ? [first, second] : [second, first];
  const logAt = Number(current.readBigUInt64LE(72));
  current.copy(next);
  next.writeBigUInt64LE(current.readBigUInt64LE(8) + 1n, 8);
  guid.copy(next, 48);
  seal(next);
  const sequence = 7n;
  const entry = Buffer.alloc(2 * SECTOR);
  entry.write('loge', 0, 'latin1');
  entry.writeUInt32LE(entry.length, 8);
  entry.writeUInt32LE(0, 12);
  entry.writeBigUInt64LE(sequence, 16);
  entry.writeUInt32LE(1, 24);
  guid.copy(entry, 32);
  entry.writeBigUInt64LE(BigInt(file.length), 48);
  entry.writeBigUInt64LE(BigInt(file.length), 56);
  // One descriptor; it holds what the marks of the data sector take the place of.
  entry.write('desc', 64, 'latin1');
  data.copy(entry, 68, SECTOR - 4, SECTOR);
  data.copy(entry, 72, 0, 8);
  entry.writeBigUInt64LE(BigInt(fileOffset), 80);
  entry.writeBigUInt64LE(sequence, 88);
  entry.write('data', SECTOR, 'latin1');
  entry.writeUInt32LE(Number(sequence >> 32n), SECTOR + 4);
  data.copy(entry, SECTOR + 8, 8, SECTOR - 4);
  entry.writeUInt32LE(Number(sequence & 0xffffffffn), 2 * SECTOR - 4);
  seal(entry);
  entry.copy(file, logAt);
  return file;
}
