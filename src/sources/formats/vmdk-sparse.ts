/** Headers and tables of VMDK extents that hold their own maps: hosted sparse (KDMV), ESX sparse (COWD) and SESPARSE. */
import { u64le } from '../../lib/bytes.js';
import { corrupt, unsupported } from '../problems.js';
import { checkedSize, readExactly, SECTOR } from './types.js';
import type { ByteSource } from './types.js';

export interface SparseHeader {
  readonly kind: 'sparse' | 'cowd' | 'sesparse';
  readonly capacitySectors: number;
  readonly grainSectors: number;
  readonly compressed: boolean;
  /** Where the embedded descriptor stands, in sectors; absent without one. */
  readonly descriptor?: { readonly offsetSectors: number; readonly sectors: number };
  /** Bytes of the grains in use; absent when counting them would take long. */
  readonly allocatedBytes?: number;
  /** Whether the maps stand at the end of the file, as VMware's tools write streams. */
  readonly tablesAtEnd: boolean;
}

const AT_END = 0xffff_ffff_ffff_ffffn;
/** Maps up to this size are read to count grains: disks of up to 16 TiB, in grains of 64 KiB. */
const MAX_MAP_BYTES = 1024 ** 3;
/** Entries of a grain table of an ESX sparse extent. */
const COWD_ENTRIES = 4096;
/** Grain tables that stand side by side are read together, at most so many bytes. */
const PIECE_BYTES = 1024 ** 2;

interface Hosted {
  readonly capacity: number;
  readonly grain: number;
  readonly entriesPerTable: number;
  readonly directory: bigint;
  readonly compression: number;
  readonly descriptorOffset: number;
  readonly descriptorSectors: number;
}

function decodeHosted(path: string, bytes: Buffer): Hosted {
  const version = bytes.readUInt32LE(4);
  if (version < 1 || version > 3) throw unsupported(path, `is a sparse VMDK of version ${version}; 1 to 3 are known`);
  const grain = u64le(bytes, 20);
  if (!Number.isInteger(Math.log2(grain)) || grain < 1 || grain > 2 ** 16) {
    throw corrupt(path, `the header says that a grain has ${grain} sectors`);
  }
  const entriesPerTable = bytes.readUInt32LE(44);
  if (entriesPerTable === 0 || entriesPerTable > 512) {
    throw corrupt(path, `the header says that a grain table has ${entriesPerTable} entries`);
  }
  const newlines = bytes.toString('hex', 73, 77);
  if (newlines !== '0a200d0a') {
    throw corrupt(path, 'the header was damaged by a transfer in text mode (line ends were changed)');
  }
  const compression = bytes.readUInt16LE(77);
  if (compression > 1) throw unsupported(path, `uses the unknown compression ${compression}`);
  return {
    capacity: u64le(bytes, 12),
    grain,
    entriesPerTable,
    directory: bytes.readBigUInt64LE(56),
    compression,
    descriptorOffset: u64le(bytes, 28),
    descriptorSectors: u64le(bytes, 36),
  };
}

/** The footer of a stream whose maps come last: marker, header copy and end-of-stream marker are its last three sectors. */
async function readFooter(source: ByteSource, header: Hosted): Promise<Hosted> {
  const tail = await readExactly(source, source.sizeBytes - 3 * SECTOR, 3 * SECTOR, 'footer');
  const size = (at: number): number => tail.readUInt32LE(at + 8);
  const type = (at: number): number => tail.readUInt32LE(at + 12);
  const endsWell = tail.readBigUInt64LE(1024) === 0n && size(1024) === 0 && type(1024) === 0;
  if (size(0) !== 0 || type(0) !== 3 || tail.toString('latin1', 512, 516) !== 'KDMV' || !endsWell) {
    throw corrupt(source.path, 'the stream has no footer at its end: it was cut short or something was appended');
  }
  const footer = decodeHosted(source.path, tail.subarray(512, 1024));
  if (footer.capacity !== header.capacity || footer.grain !== header.grain || footer.directory === AT_END) {
    throw corrupt(source.path, 'header and footer contradict each other');
  }
  return footer;
}

/** Counts the grains in use and checks that each lies inside the file. Undefined when the maps are large. */
async function countGrains(source: ByteSource, header: Hosted): Promise<number | undefined> {
  const grains = Math.ceil(header.capacity / header.grain);
  const tables = Math.ceil(grains / header.entriesPerTable);
  const directoryAt = header.directory <= 2n ** 50n ? Number(header.directory) * SECTOR : Number.POSITIVE_INFINITY;
  if (directoryAt + tables * 4 > source.sizeBytes) {
    throw corrupt(source.path, 'the grain directory lies behind the end of the file');
  }
  if (tables * header.entriesPerTable * 4 > MAX_MAP_BYTES) return undefined;
  const directory = await readExactly(source, directoryAt, tables * 4, 'grain directory');
  const used = await countEntries(source, directory, header.entriesPerTable, grains);
  return used * header.grain * SECTOR;
}

/** Entries in use in all tables of a directory. Throws for one that lies outside the file: tools read zeros there. */
async function countEntries(source: ByteSource, directory: Buffer, perTable: number, grains: number): Promise<number> {
  const tables = Math.ceil(grains / perTable);
  const atOnce = Math.max(1, Math.floor(PIECE_BYTES / (perTable * 4)));
  const sectorOf = (table: number): number => directory.readUInt32LE(table * 4);
  let used = 0;
  for (let table = 0; table < tables;) {
    const start = sectorOf(table);
    let count = 1;
    const isNext = (): boolean =>
      table + count < tables && count < atOnce && (sectorOf(table + count) - start) * SECTOR === count * perTable * 4;
    while (start !== 0 && isNext()) count += 1;
    const entries = Math.min(count * perTable, grains - table * perTable);
    const map =
      start === 0 ? Buffer.alloc(0) : await readExactly(source, start * SECTOR, entries * 4, `grain table ${table}`);
    for (let at = 0; at < map.length; at += 4) {
      const sector = map.readUInt32LE(at);
      // 0: not there; 1: zeros (only when the flag for it is set, but no grain can begin in sector 1 either).
      if (sector <= 1) continue;
      if (sector * SECTOR >= source.sizeBytes) {
        throw corrupt(
          source.path,
          `a grain lies at byte ${sector * SECTOR}, behind the end of the file: it was cut short`,
        );
      }
      used += 1;
    }
    table += count;
  }
  return used;
}

async function readHosted(source: ByteSource): Promise<SparseHeader> {
  const own = decodeHosted(source.path, await readExactly(source, 0, SECTOR, 'header'));
  checkedSize(source.path, own.capacity * SECTOR);
  const tablesAtEnd = own.directory === AT_END;
  const header = tablesAtEnd ? await readFooter(source, own) : own;
  const allocatedBytes = await countGrains(source, header);
  return {
    kind: 'sparse',
    capacitySectors: own.capacity,
    grainSectors: own.grain,
    compressed: header.compression === 1,
    ...(own.descriptorOffset > 0 && own.descriptorSectors > 0
      ? { descriptor: { offsetSectors: own.descriptorOffset, sectors: own.descriptorSectors } }
      : {}),
    ...(allocatedBytes === undefined ? {} : { allocatedBytes }),
    tablesAtEnd,
  };
}

async function readCowd(source: ByteSource): Promise<SparseHeader> {
  const bytes = await readExactly(source, 0, SECTOR, 'header');
  const version = bytes.readUInt32LE(4);
  if (version !== 1) throw unsupported(source.path, `is an ESX sparse extent of version ${version}; only 1 is known`);
  const capacitySectors = bytes.readUInt32LE(12);
  const grainSectors = bytes.readUInt32LE(16);
  const directoryAt = bytes.readUInt32LE(20) * SECTOR;
  const directoryEntries = bytes.readUInt32LE(24);
  checkedSize(source.path, capacitySectors * SECTOR);
  if (grainSectors === 0 || directoryEntries < Math.ceil(capacitySectors / (COWD_ENTRIES * grainSectors))) {
    throw corrupt(source.path, 'the header of the ESX sparse extent contradicts itself');
  }
  if (directoryAt + directoryEntries * 4 > source.sizeBytes) {
    throw corrupt(source.path, 'the grain directory lies behind the end of the file');
  }
  const grains = Math.ceil(capacitySectors / grainSectors);
  const small = grains * 4 <= MAX_MAP_BYTES;
  const directory = small ? await readExactly(source, directoryAt, directoryEntries * 4, 'grain directory') : undefined;
  const used = directory === undefined ? undefined : await countEntries(source, directory, COWD_ENTRIES, grains);
  return {
    kind: 'cowd',
    capacitySectors,
    grainSectors,
    compressed: false,
    ...(used === undefined ? {} : { allocatedBytes: used * grainSectors * SECTOR }),
    tablesAtEnd: false,
  };
}

async function readSeSparse(source: ByteSource): Promise<SparseHeader> {
  const bytes = await readExactly(source, 0, SECTOR, 'header');
  if (bytes.readBigUInt64LE(8) !== 0x2_0000_0001n) {
    throw unsupported(source.path, 'is a SESPARSE extent of an unknown version');
  }
  const capacitySectors = u64le(bytes, 16);
  const grainSectors = u64le(bytes, 24);
  checkedSize(source.path, capacitySectors * SECTOR);
  if (grainSectors !== 8 || u64le(bytes, 32) !== 64) {
    throw unsupported(source.path, 'is a SESPARSE extent with grains or tables of an unusual size');
  }
  return { kind: 'sesparse', capacitySectors, grainSectors, compressed: false, tablesAtEnd: false };
}

/** Reads the header of an extent that was recognised by its magic. */
export function readSparseHeader(source: ByteSource, kind: SparseHeader['kind']): Promise<SparseHeader> {
  return kind === 'sparse' ? readHosted(source) : kind === 'cowd' ? readCowd(source) : readSeSparse(source);
}
