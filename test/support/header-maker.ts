/** Minimal headers of formats whose writers are not at hand in a unit test. */
import { crc32c } from '../../src/lib/bytes-crc32c.js';

export interface Qcow2Parts {
  readonly sizeBytes: number;
  readonly version?: 2 | 3;
  readonly backing?: string;
  readonly backingFormat?: string;
  readonly features?: bigint;
  readonly crypt?: number;
  readonly extensions?: readonly (readonly [type: number, data: string])[];
}

export function makeQcow2(parts: Qcow2Parts): Buffer {
  const b = Buffer.alloc(65536 * 2);
  b.write('QFI\xfb', 0, 'latin1');
  b.writeUInt32BE(parts.version ?? 3, 4);
  b.writeUInt32BE(16, 20);
  b.writeBigUInt64BE(BigInt(parts.sizeBytes), 24);
  b.writeUInt32BE(parts.crypt ?? 0, 32);
  // The first table, with nothing in it, in the second cluster.
  b.writeUInt32BE(Math.ceil(parts.sizeBytes / 2 ** 29), 36);
  b.writeBigUInt64BE(65536n, 40);
  b.writeBigUInt64BE(parts.features ?? 0n, 72);
  b.writeUInt32BE(4, 96);
  b.writeUInt32BE(104, 100);
  let at = parts.version === 2 ? 72 : 104;
  const extensions = [...(parts.extensions ?? [])];
  if (parts.backingFormat !== undefined) extensions.unshift([0xe2792aca, parts.backingFormat]);
  for (const [type, data] of extensions) {
    b.writeUInt32BE(type, at);
    b.writeUInt32BE(data.length, at + 4);
    b.write(data, at + 8, 'latin1');
    at += 8 + Math.ceil(data.length / 8) * 8;
  }
  at += 8;
  if (parts.backing !== undefined) {
    b.writeBigUInt64BE(BigInt(at), 8);
    b.writeUInt32BE(b.write(parts.backing, at), 16);
  }
  return b;
}

export function makeVdi(parts: {
  readonly sizeBytes: number;
  readonly type?: number;
  readonly parent?: boolean;
}): Buffer {
  const blocks = Math.ceil(parts.sizeBytes / 1024 ** 2);
  const b = Buffer.alloc(1024 + 512 + 1024 ** 2);
  b.write('<<< Oracle VM VirtualBox Disk Image >>>\n', 0, 'latin1');
  b.writeUInt32LE(0xbeda107f, 0x40);
  b.writeUInt32LE(0x00010001, 0x44);
  b.writeUInt32LE(0x180, 0x48);
  b.writeUInt32LE(parts.type ?? 1, 0x4c);
  b.writeUInt32LE(1024, 0x154);
  b.writeUInt32LE(1536, 0x158);
  b.writeUInt32LE(512, 0x168);
  b.writeBigUInt64LE(BigInt(parts.sizeBytes), 0x170);
  b.writeUInt32LE(1024 ** 2, 0x178);
  b.writeUInt32LE(blocks, 0x180);
  b.writeUInt32LE(1, 0x184);
  if (parts.parent === true) b.fill(7, 0x1b8, 0x1c8);
  b.fill(0xff, 1024, 1536);
  b.writeUInt32LE(0, 1024);
  return b;
}

function guid(text: string): Buffer {
  const [a = '', b = '', c = '', ...rest] = text.split('-');
  const out = Buffer.alloc(16);
  out.writeUInt32LE(parseInt(a, 16), 0);
  out.writeUInt16LE(parseInt(b, 16), 4);
  out.writeUInt16LE(parseInt(c, 16), 6);
  out.write(rest.join(''), 8, 'hex');
  return out;
}

function seal(block: Buffer): Buffer {
  block.writeUInt32LE(0, 4);
  block.writeUInt32LE(crc32c(block), 4);
  return block;
}

export interface VhdxParts {
  readonly sizeBytes: number;
  readonly logPending?: boolean;
  readonly hasParent?: boolean;
  readonly sectorBytes?: number;
}

/** A VHDX without any data block. */
export function makeVhdx(parts: VhdxParts): Buffer {
  const K = 64 * 1024;
  const b = Buffer.alloc(1024 ** 2);
  b.write('vhdxfile', 0, 'latin1');
  for (const [i, at] of [K, 2 * K].entries()) {
    const header = Buffer.alloc(4096);
    header.write('head', 0, 'latin1');
    header.writeBigUInt64LE(BigInt(i + 1), 8);
    if (parts.logPending === true) header.fill(9, 48, 64);
    header.writeUInt16LE(1, 66);
    seal(header).copy(b, at);
  }
  const regions = Buffer.alloc(K);
  regions.write('regi', 0, 'latin1');
  regions.writeUInt32LE(2, 8);
  for (const [i, [id, offset]] of (
    [
      ['2dc27766-f623-4200-9d64-115e9bfd4a08', 8 * K],
      ['8b7ca206-4790-4b9a-b8fe-575f050f886e', 10 * K],
    ] as const
  ).entries()) {
    guid(id).copy(regions, 16 + i * 32);
    regions.writeBigUInt64LE(BigInt(offset), 32 + i * 32);
    regions.writeUInt32LE(2 * K, 40 + i * 32);
    regions.writeUInt32LE(1, 44 + i * 32);
  }
  seal(regions).copy(b, 3 * K);
  regions.copy(b, 4 * K);
  b.write('metadata', 10 * K, 'latin1');
  const items: [string, Buffer][] = [
    ['caa16737-fa36-4d43-b3b6-33f0aa44e76b', Buffer.alloc(8)],
    ['2fa54224-cd1b-4876-b211-5dbed83bf4b8', Buffer.alloc(8)],
    ['8141bf1d-a96f-4709-ba47-f233a8faab5f', Buffer.alloc(4)],
  ];
  items[0]?.[1].writeUInt32LE(8 * 1024 ** 2, 0);
  items[0]?.[1].writeUInt32LE(parts.hasParent === true ? 2 : 0, 4);
  items[1]?.[1].writeBigUInt64LE(BigInt(parts.sizeBytes), 0);
  items[2]?.[1].writeUInt32LE(parts.sectorBytes ?? 512, 0);
  b.writeUInt16LE(items.length, 10 * K + 10);
  for (const [i, [id, data]] of items.entries()) {
    const entry = 10 * K + 32 + i * 32;
    guid(id).copy(b, entry);
    b.writeUInt32LE(K + i * 64, entry + 16);
    b.writeUInt32LE(data.length, entry + 20);
    b.writeUInt32LE(6, entry + 24);
    data.copy(b, 11 * K + i * 64);
  }
  return b;
}
