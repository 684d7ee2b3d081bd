/** Writes VHD files of every type, with the parts that qemu-img cannot write (differencing disks, other creators). */
import { isAllZero } from '../../src/lib/bytes.js';

const SECTOR = 512;
const BLOCK = 64 * 1024;

function vhdChecksum(bytes: Buffer, at: number): number {
  let sum = 0;
  for (const [i, byte] of bytes.entries()) if (i < at || i >= at + 4) sum += byte;
  return ~sum >>> 0;
}

export interface FooterParts {
  readonly type: 2 | 3 | 4 | 99;
  readonly sizeBytes: number;
  readonly id?: string;
  readonly creator?: string;
  readonly geometry?: readonly [cylinders: number, heads: number, sectors: number];
}

export function vhdFooter(parts: FooterParts): Buffer {
  const b = Buffer.alloc(SECTOR);
  b.write('conectix', 0, 'latin1');
  b.writeUInt32BE(2, 8);
  b.writeUInt32BE(0x10000, 12);
  b.writeBigUInt64BE(parts.type === 2 ? 0xffff_ffff_ffff_ffffn : 512n, 16);
  b.write((parts.creator ?? 'win').padEnd(4, ' '), 28, 'latin1');
  b.write('Wi2k', 36, 'latin1');
  b.writeBigUInt64BE(BigInt(parts.sizeBytes), 40);
  b.writeBigUInt64BE(BigInt(parts.sizeBytes), 48);
  const [cylinders, heads, sectors] = parts.geometry ?? [Math.floor(parts.sizeBytes / SECTOR / 68), 4, 17];
  b.writeUInt16BE(cylinders, 56);
  b.writeUInt8(heads, 58);
  b.writeUInt8(sectors, 59);
  b.writeUInt32BE(parts.type, 60);
  b.write(parts.id ?? '11'.repeat(16), 68, 'hex');
  b.writeUInt32BE(vhdChecksum(b, 64), 64);
  return b;
}

export function fixedVhd(raw: Buffer, parts: Partial<FooterParts> = {}): Buffer {
  return Buffer.concat([raw, vhdFooter({ type: 2, sizeBytes: raw.length, ...parts })]);
}

export interface DynamicParts extends Partial<FooterParts> {
  readonly parent?: {
    readonly id: string;
    readonly relative?: string;
    readonly absolute?: string;
    readonly name: string;
  };
  /** Which sectors the file holds; all of a block with anything but zeros unless given. */
  readonly holds?: (sector: number) => boolean;
}

/** A dynamic VHD, or a differencing one when a parent is given. */
export function dynamicVhd(raw: Buffer, parts: DynamicParts = {}): Buffer {
  const blocks = Math.ceil(raw.length / BLOCK);
  const footer = vhdFooter({ type: parts.parent === undefined ? 3 : 4, sizeBytes: raw.length, ...parts });
  const header = Buffer.alloc(1024);
  header.write('cxsparse', 0, 'latin1');
  header.writeBigUInt64BE(0xffff_ffff_ffff_ffffn, 8);
  header.writeBigUInt64BE(2048n, 16);
  header.writeUInt32BE(0x10000, 24);
  header.writeUInt32BE(blocks, 28);
  header.writeUInt32BE(BLOCK, 32);
  const table = Buffer.alloc(Math.ceil((blocks * 4) / SECTOR) * SECTOR, 0xff);
  const locators: Buffer[] = [];
  let at = 2048 + table.length;
  if (parts.parent !== undefined) {
    header.write(parts.parent.id, 40, 'hex');
    Buffer.from(parts.parent.name, 'utf16le').swap16().copy(header, 64);
    for (const [i, [code, path]] of (
      [
        ['W2ru', parts.parent.relative],
        ['W2ku', parts.parent.absolute],
      ] as const
    ).entries()) {
      if (path === undefined) continue;
      const data = Buffer.alloc(SECTOR);
      const length = data.write(path, 'utf16le');
      header.write(code, 576 + i * 24, 'latin1');
      header.writeUInt32BE(SECTOR, 576 + i * 24 + 4);
      header.writeUInt32BE(length, 576 + i * 24 + 8);
      header.writeBigUInt64BE(BigInt(at), 576 + i * 24 + 16);
      locators.push(data);
      at += SECTOR;
    }
  }
  header.writeUInt32BE(vhdChecksum(header, 36), 36);
  const data: Buffer[] = [];
  for (let block = 0; block < blocks; block += 1) {
    const part = Buffer.alloc(BLOCK);
    raw.copy(part, 0, block * BLOCK, (block + 1) * BLOCK);
    const bitmap = Buffer.alloc(SECTOR);
    let used = false;
    const hasData = !isAllZero(part);
    for (let s = 0; s < BLOCK / SECTOR; s += 1) {
      const sector = (block * BLOCK) / SECTOR + s;
      const holds = parts.holds?.(sector) ?? hasData;
      if (!holds) {
        // What a snapshot does not hold must not be read from it: garbage shows when it is.
        if (parts.parent !== undefined) part.fill(0xee, s * SECTOR, (s + 1) * SECTOR);
        continue;
      }
      used = true;
      bitmap[s >> 3] = (bitmap[s >> 3] ?? 0) | (0x80 >> (s & 7));
    }
    if (!used) continue;
    table.writeUInt32BE(at / SECTOR, block * 4);
    data.push(bitmap, part);
    at += SECTOR + BLOCK;
  }
  return Buffer.concat([footer, header, Buffer.alloc(512), table, ...locators, ...data, footer]);
}
