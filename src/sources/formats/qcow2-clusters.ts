/** The two levels of tables in a qcow2 image that say where its clusters lie. */
import { u64be } from '../../lib/bytes.js';
import { corrupt } from '../problems.js';
import { readExactly } from './types.js';
import type { ByteSource } from './types.js';

/** QEMU's own bound on the first level. */
const MAX_L1_BYTES = 32 * 1024 ** 2;
/** Tables up to this size in all are read: 8 TiB of data in clusters of 64 KiB. */
const MAX_MAP_BYTES = 1024 ** 3;

export interface Qcow2Tables {
  readonly version: number;
  readonly clusterBits: number;
  /** Entries of the second level have 16 bytes instead of 8. */
  readonly isExtended: boolean;
  readonly virtualSizeBytes: number;
}

/**
 * Checks that every table and every cluster in use begins inside the file. Tools read zeros behind its end, so a file
 * that was cut short would otherwise become a disk with holes, and nobody would be told.
 * @param header the first 72 bytes
 * @returns whether everything was looked at; the tables of very large images are not
 */
export async function checkClusters(source: ByteSource, header: Buffer, tables: Qcow2Tables): Promise<boolean> {
  const { path } = source;
  const { clusterBits, isExtended, virtualSizeBytes } = tables;
  const clusterBytes = 2 ** clusterBits;
  const entryBytes = isExtended ? 16 : 8;
  const bytesPerTable = (clusterBytes / entryBytes) * clusterBytes;
  const needed = Math.ceil(virtualSizeBytes / bytesPerTable);
  const entries = header.readUInt32BE(36);
  const l1At = u64be(header, 40);
  if (entries < needed || entries * 8 > MAX_L1_BYTES) {
    throw corrupt(path, `the first table has ${entries} entries; the disk needs ${needed}`);
  }
  if (l1At % clusterBytes !== 0) throw corrupt(path, `the first table begins at byte ${l1At}, within a cluster`);
  const first = await readExactly(source, l1At, needed * 8, 'first table');
  let bytesRead = 0;
  for (let i = 0; i < needed; i += 1) {
    const at = placeOf(first, i * 8);
    if (at === 0) continue;
    if (at % clusterBytes !== 0) throw corrupt(path, `table ${i} begins at byte ${at}, within a cluster`);
    bytesRead += clusterBytes;
    if (bytesRead > MAX_MAP_BYTES) return false;
    const isLast = i === needed - 1;
    const used = isLast ? Math.ceil((virtualSizeBytes - i * bytesPerTable) / clusterBytes) : clusterBytes / entryBytes;
    checkTable(source, await readExactly(source, at, clusterBytes, `table ${i}`), used * entryBytes, tables);
  }
  return true;
}

/** Bits 9 to 55 of an entry. */
function placeOf(table: Buffer, at: number): number {
  return (table.readUInt32BE(at) & 0x00ff_ffff) * 2 ** 32 + ((table.readUInt32BE(at + 4) & 0xffff_fe00) >>> 0);
}

function checkTable(source: ByteSource, table: Buffer, length: number, tables: Qcow2Tables): void {
  const { version, clusterBits, isExtended } = tables;
  const clusterBytes = 2 ** clusterBits;
  // A compressed cluster keeps its length in the bits above those of its place.
  const highBits = 62 - (clusterBits - 8) - 32;
  for (let at = 0; at < length; at += isExtended ? 16 : 8) {
    const high = table.readUInt32BE(at);
    const low = table.readUInt32BE(at + 4);
    if (high === 0 && low === 0) continue;
    const isCompressed = (high & 0x4000_0000) !== 0;
    // What reads as zeros anyway may keep its place, wherever that is.
    if (!isCompressed && !isExtended && version >= 3 && (low & 1) === 1) continue;
    const place = isCompressed ? (high % 2 ** highBits) * 2 ** 32 + low : placeOf(table, at);
    if (place >= source.sizeBytes) {
      throw corrupt(source.path, `a cluster lies at byte ${place}, behind the end of the file: it was cut short`);
    }
    if (!isCompressed && place % clusterBytes !== 0) {
      throw corrupt(source.path, `a cluster begins at byte ${place}, within another one`);
    }
  }
}
