import type { DiskFormat } from '../../model/index.js';
import { SECTOR } from './types.js';
import type { ByteSource } from './types.js';

/** What the bytes of a file are, whatever its name says. */
export type DetectedKind =
  | 'vmdk-descriptor'
  | 'vmdk-sparse'
  | 'vmdk-cowd'
  | 'vmdk-sesparse'
  | 'vhd'
  | 'vhdx'
  | 'qcow2'
  | 'vdi'
  | 'tar'
  | 'gzip'
  | 'xz'
  | 'zstd'
  | 'bzip2'
  | 'zip'
  | 'xml'
  | 'unknown';

const AT_START: readonly (readonly [string, DetectedKind])[] = [
  ['4b444d56', 'vmdk-sparse'], // KDMV
  ['434f5744', 'vmdk-cowd'], // COWD
  ['bebafeca00000000', 'vmdk-sesparse'],
  ['7668647866696c65', 'vhdx'], // vhdxfile
  ['514649fb', 'qcow2'],
  ['636f6e6563746978', 'vhd'], // conectix: a dynamic VHD begins with a copy of its footer
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'zstd'],
  ['1f8b', 'gzip'],
  ['425a68', 'bzip2'],
  ['504b0304', 'zip'],
];

const VDI_SIGNATURE = 0xbeda107f;

/** Decides by magic bytes alone. A raw image has none and is `unknown`; it is never assumed. */
export async function detectKind(source: ByteSource): Promise<DetectedKind> {
  const head = await source.read(0, Math.min(1024, source.sizeBytes));
  const hex = head.toString('hex', 0, 16);
  for (const [magic, kind] of AT_START) if (hex.startsWith(magic)) return kind;
  if (head.length >= 0x44 && head.readUInt32LE(0x40) === VDI_SIGNATURE) return 'vdi';
  if (head.length >= 262 && head.toString('latin1', 257, 262) === 'ustar') return 'tar';
  const text = head
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (/^#\s*disk\s+descriptorfile/i.test(text)) return 'vmdk-descriptor';
  if (/^(\xff\xfe|\xfe\xff)?<\0?[?!A-Za-z\0]/.test(text)) return 'xml';
  if (source.sizeBytes >= 2 * SECTOR) {
    const tail = await source.read(source.sizeBytes - SECTOR, SECTOR);
    if (tail.toString('latin1', 0, 8) === 'conectix') return 'vhd';
  }
  return 'unknown';
}

const FORMATS: Partial<Record<DetectedKind, DiskFormat>> = {
  'vmdk-descriptor': 'vmdk',
  'vmdk-sparse': 'vmdk',
  'vmdk-cowd': 'vmdk',
  'vmdk-sesparse': 'vmdk',
  vhd: 'vhd',
  vhdx: 'vhdx',
  qcow2: 'qcow2',
  vdi: 'vdi',
};

/** The image format of a kind; undefined when it is no image. */
export function formatOf(kind: DetectedKind): DiskFormat | undefined {
  return FORMATS[kind];
}
