/** Headers of tar members: ustar with the GNU and PAX extensions. POSIX.1-2017 pax, GNU tar manual. */
import { cString } from './bytes.js';

export const TAR_BLOCK = 512;

/** Why an archive cannot be read on. */
export class TarError extends Error {
  override readonly name = 'TarError';
  readonly kind: 'corrupt' | 'truncated' | 'limit';
  /** Where in the (unpacked) archive. */
  readonly offset: number;

  constructor(kind: TarError['kind'], message: string, offset: number) {
    super(message);
    this.kind = kind;
    this.offset = offset;
  }
}

type TarType =
  'file' | 'directory' | 'symlink' | 'hardlink' | 'character-device' | 'block-device' | 'fifo' | 'sparse' | 'other';

export interface TarHeader {
  readonly name: string;
  readonly type: TarType;
  /** The flag as it stands in the header. */
  readonly flag: string;
  readonly sizeBytes: number;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeS: number;
  readonly linkName: string;
}

const TYPES: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  S: 'sparse',
};

/** Octal text, or a big-endian number marked by the high bit (GNU). Undefined when it is neither or does not fit. */
function number(field: Buffer): number | undefined {
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    // 0xff begins a negative number, which no size or id may be.
    if (first === 0xff) return undefined;
    let value = BigInt(first & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
  }
  const text = cString(field).trim();
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : undefined;
}

function checksumOf(block: Buffer): { readonly unsigned: number; readonly signed: number } {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < TAR_BLOCK; i += 1) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  return { unsigned, signed };
}

/** Decodes one header block. @param offset where the block stands, for errors. Throws TarError. */
export function decodeTarHeader(block: Buffer, offset: number): TarHeader {
  const fail = (what: string): never => {
    throw new TarError('corrupt', `the header at byte ${offset} ${what}`, offset);
  };
  const sum = number(block.subarray(148, 156));
  const actual = checksumOf(block);
  if (sum === undefined || (sum !== actual.unsigned && sum !== actual.signed)) fail('has a wrong checksum');
  const field = (name: string, from: number, to: number): number =>
    number(block.subarray(from, to)) ?? fail(`has a ${name} that is no number`);
  const flag = String.fromCharCode(block[156] ?? 0);
  const baseName = cString(block.subarray(0, 100), 'utf8');
  // Only POSIX archives ("ustar\0") have a prefix there; GNU ("ustar  ") keeps other things in its place.
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? cString(block.subarray(345, 500), 'utf8') : '';
  const name = prefix === '' ? baseName : `${prefix}/${baseName}`;
  // Archives older than POSIX mark folders only by the slash.
  const type = TYPES[flag] ?? 'other';
  return {
    name,
    type: type === 'file' && flag !== '7' && name.endsWith('/') ? 'directory' : type,
    flag,
    sizeBytes: field('size', 124, 136),
    mode: field('mode', 100, 108) & 0o7777,
    uid: field('owner', 108, 116),
    gid: field('group', 116, 124),
    mtimeS: number(block.subarray(136, 148)) ?? 0,
    linkName: cString(block.subarray(157, 257), 'utf8'),
  };
}

/** The records of a PAX header: `length key=value\n`, the length counting itself. Throws TarError. */
export function decodePax(data: Buffer, offset: number): ReadonlyMap<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const digits = space === -1 ? '' : data.toString('latin1', at, space);
    const length = /^[1-9]\d{0,9}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = data.indexOf(0x3d, space);
    if (length === 0 || end > data.length || data[end - 1] !== 0x0a || equals === -1 || equals >= end) {
      // What is left of the block is padding in archives of some writers.
      if (data.subarray(at).every((byte) => byte === 0)) break;
      throw new TarError('corrupt', `the extended header at byte ${offset} cannot be read`, offset);
    }
    records.set(data.toString('utf8', space + 1, equals), data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}
