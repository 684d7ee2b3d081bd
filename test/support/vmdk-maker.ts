/** Writes VMDK files the way VMware's products do, which qemu-img does not: streams with their maps at the end, snapshots. */
import { deflateSync } from 'node:zlib';
import { isAllZero } from '../../src/lib/bytes.js';

const SECTOR = 512;
const GRAIN = 128;
const GRAIN_BYTES = GRAIN * SECTOR;
const ENTRIES = 512;

export interface DescriptorParts {
  readonly cid?: string;
  readonly parentCid?: string;
  readonly parent?: string;
  readonly createType: string;
  readonly extents: readonly string[];
  readonly more?: readonly string[];
}

/** A descriptor as Workstation and ESXi lay it out, with comments and empty lines. */
export function vmdkDescriptor(parts: DescriptorParts): string {
  return [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${parts.cid ?? '12345678'}`,
    `parentCID=${parts.parentCid ?? 'ffffffff'}`,
    `createType="${parts.createType}"`,
    ...(parts.parent === undefined ? [] : [`parentFileNameHint="${parts.parent}"`]),
    '',
    '# Extent description',
    ...parts.extents,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.adapterType = "lsilogic"',
    ...(parts.more ?? []),
    '',
  ].join('\n');
}

export interface HostedHeader {
  readonly version?: number;
  readonly flags?: number;
  readonly capacity: number;
  readonly grain?: number;
  readonly descriptorOffset?: number;
  readonly descriptorSectors?: number;
  readonly entries?: number;
  readonly directory?: bigint;
  readonly overhead?: number;
  readonly compression?: number;
}

export function hostedHeader(h: HostedHeader): Buffer {
  const b = Buffer.alloc(SECTOR);
  b.write('KDMV', 0, 'latin1');
  b.writeUInt32LE(h.version ?? 1, 4);
  b.writeUInt32LE(h.flags ?? 1, 8);
  b.writeBigUInt64LE(BigInt(h.capacity), 12);
  b.writeBigUInt64LE(BigInt(h.grain ?? GRAIN), 20);
  b.writeBigUInt64LE(BigInt(h.descriptorOffset ?? 0), 28);
  b.writeBigUInt64LE(BigInt(h.descriptorSectors ?? 0), 36);
  b.writeUInt32LE(h.entries ?? ENTRIES, 44);
  b.writeBigUInt64LE(0n, 48);
  b.writeBigUInt64LE(h.directory ?? 0n, 56);
  b.writeBigUInt64LE(BigInt(h.overhead ?? GRAIN), 64);
  b.write('\n \r\n', 73, 'latin1');
  b.writeUInt16LE(h.compression ?? 0, 77);
  return b;
}

function sectors(bytes: number): number {
  return Math.ceil(bytes / SECTOR);
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(sectors(bytes.length) * SECTOR - bytes.length)]);
}

function embedded(text: string): Buffer {
  const block = Buffer.alloc(20 * SECTOR);
  block.write(text, 0, 'utf8');
  return block;
}

function marker(value: bigint, size: number, type: number): Buffer {
  const b = Buffer.alloc(SECTOR);
  b.writeBigUInt64LE(value, 0);
  b.writeUInt32LE(size, 8);
  b.writeUInt32LE(type, 12);
  return b;
}

/** A stream as ovftool and vCenter write it: grains with markers, maps and footer at the end. Zero grains are left out. */
export function vmwareStream(raw: Buffer, options: { readonly descriptor?: string } = {}): Buffer {
  const capacity = raw.length / SECTOR;
  const text =
    options.descriptor ??
    vmdkDescriptor({ createType: 'streamOptimized', extents: [`RW ${capacity} SPARSE "call-me-stream.vmdk"`] });
  const header: HostedHeader = {
    version: 3,
    flags: 0x30001,
    capacity,
    descriptorOffset: 1,
    descriptorSectors: 20,
    compression: 1,
  };
  const parts: Buffer[] = [];
  let at = 0;
  const put = (bytes: Buffer): void => {
    const block = pad(bytes);
    parts.push(block);
    at += block.length / SECTOR;
  };
  put(hostedHeader({ ...header, directory: 0xffff_ffff_ffff_ffffn }));
  put(embedded(text));
  put(Buffer.alloc((GRAIN - at) * SECTOR));
  const grains = Math.ceil(raw.length / GRAIN_BYTES);
  const tables: number[] = [];
  for (let first = 0; first < grains; first += ENTRIES) {
    const table = Buffer.alloc(ENTRIES * 4);
    let used = false;
    for (let g = first; g < Math.min(first + ENTRIES, grains); g += 1) {
      const part = raw.subarray(g * GRAIN_BYTES, (g + 1) * GRAIN_BYTES);
      if (isAllZero(part)) continue;
      const grain = Buffer.concat([part, Buffer.alloc(GRAIN_BYTES - part.length)]);
      const packed = deflateSync(grain);
      const head = Buffer.alloc(12);
      head.writeBigUInt64LE(BigInt(g * GRAIN), 0);
      head.writeUInt32LE(packed.length, 8);
      table.writeUInt32LE(at, (g - first) * 4);
      used = true;
      put(Buffer.concat([head, packed]));
    }
    if (!used) {
      tables.push(0);
      continue;
    }
    put(marker(BigInt(sectors(table.length)), 0, 1));
    tables.push(at);
    put(table);
  }
  const directory = Buffer.alloc(tables.length * 4);
  for (const [i, sector] of tables.entries()) directory.writeUInt32LE(sector, i * 4);
  put(marker(BigInt(sectors(directory.length)), 0, 2));
  const directoryAt = at;
  put(directory);
  put(marker(1n, 0, 3));
  put(hostedHeader({ ...header, directory: BigInt(directoryAt) }));
  put(marker(0n, 0, 0));
  return Buffer.concat(parts);
}

export interface SparseOptions {
  /** Embedded; without it the file is an extent of a split disk. */
  readonly descriptor?: string;
  /** Which grains the file holds; those that are not zero unless given. */
  readonly holds?: (grain: number) => boolean;
}

/** A hosted sparse extent, uncompressed: a whole disk, a part of a split disk, or a snapshot. */
export function hostedSparse(raw: Buffer, options: SparseOptions = {}): Buffer {
  const capacity = raw.length / SECTOR;
  const grains = Math.ceil(raw.length / GRAIN_BYTES);
  const tableCount = Math.ceil(grains / ENTRIES);
  const descriptorSectors = options.descriptor === undefined ? 0 : 20;
  const directoryAt = 1 + descriptorSectors;
  const tablesAt = directoryAt + sectors(tableCount * 4);
  const overhead = Math.ceil((tablesAt + tableCount * 4) / GRAIN) * GRAIN;
  const directory = Buffer.alloc(sectors(tableCount * 4) * SECTOR);
  const tables = Buffer.alloc(tableCount * ENTRIES * 4);
  for (let i = 0; i < tableCount; i += 1) directory.writeUInt32LE(tablesAt + i * 4, i * 4);
  const data: Buffer[] = [];
  for (let g = 0; g < grains; g += 1) {
    const part = raw.subarray(g * GRAIN_BYTES, (g + 1) * GRAIN_BYTES);
    if (!(options.holds?.(g) ?? !isAllZero(part))) continue;
    tables.writeUInt32LE(overhead + data.length * GRAIN, g * 4);
    data.push(Buffer.concat([part, Buffer.alloc(GRAIN_BYTES - part.length)]));
  }
  const head = Buffer.concat([
    hostedHeader({
      capacity,
      directory: BigInt(directoryAt),
      overhead,
      ...(options.descriptor === undefined ? {} : { descriptorOffset: 1, descriptorSectors }),
    }),
    ...(options.descriptor === undefined ? [] : [embedded(options.descriptor)]),
    directory,
    tables,
  ]);
  return Buffer.concat([head, Buffer.alloc(overhead * SECTOR - head.length), ...data]);
}

/** An ESX sparse extent (`-delta.vmdk`) with grains of one sector. */
export function cowdExtent(raw: Buffer, holds: (sector: number) => boolean): Buffer {
  const capacity = raw.length / SECTOR;
  const tableCount = Math.ceil(capacity / 4096);
  const directorySectors = sectors(tableCount * 4);
  const tablesAt = 4 + directorySectors;
  const dataAt = tablesAt + tableCount * 32;
  const header = Buffer.alloc(4 * SECTOR);
  header.write('COWD', 0, 'latin1');
  header.writeUInt32LE(1, 4);
  header.writeUInt32LE(3, 8);
  header.writeUInt32LE(capacity, 12);
  header.writeUInt32LE(1, 16);
  header.writeUInt32LE(4, 20);
  header.writeUInt32LE(tableCount, 24);
  const directory = Buffer.alloc(directorySectors * SECTOR);
  const tables = Buffer.alloc(tableCount * 4096 * 4);
  for (let i = 0; i < tableCount; i += 1) directory.writeUInt32LE(tablesAt + i * 32, i * 4);
  const data: Buffer[] = [];
  for (let s = 0; s < capacity; s += 1) {
    if (!holds(s)) continue;
    tables.writeUInt32LE(dataAt + data.length, s * 4);
    data.push(raw.subarray(s * SECTOR, (s + 1) * SECTOR));
  }
  header.writeUInt32LE(dataAt + data.length, 28);
  return Buffer.concat([header, directory, tables, ...data]);
}
