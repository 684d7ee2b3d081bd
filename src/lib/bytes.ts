/** Reading numbers and text out of bytes that nobody vouches for. Every place is checked against the buffer's end. */

/** Unsigned 64-bit number; Infinity when a double cannot hold it exactly, so that every upper bound refuses it. */
function exact(value: bigint): number {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.POSITIVE_INFINITY;
}

/** Little-endian unsigned 64-bit number at a place; see `exact` for numbers beyond 2^53. */
export function u64le(bytes: Buffer, at: number): number {
  return exact(bytes.readBigUInt64LE(at));
}

/** Big-endian unsigned 64-bit number at a place. */
export function u64be(bytes: Buffer, at: number): number {
  return exact(bytes.readBigUInt64BE(at));
}

/** Text up to the first NUL. */
export function cString(bytes: Buffer, encoding: BufferEncoding = 'latin1'): string {
  const end = bytes.indexOf(0);
  return bytes.toString(encoding, 0, end === -1 ? bytes.length : end);
}

const ZEROS = Buffer.alloc(64 * 1024);

/** Whether every byte is zero. Compares blocks, so it runs at memory speed. */
export function isAllZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

/** The first bytes as hex and as printable text, for messages about files that are not what they should be. */
export function previewBytes(bytes: Buffer, count = 16): string {
  const head = bytes.subarray(0, count);
  if (head.length === 0) return 'nothing';
  const text = head.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.');
  return `${head.toString('hex').replaceAll(/(..)(?=.)/g, '$1 ')} ("${text}")`;
}

/** A GUID as Microsoft's formats store it (first three groups little-endian), in lower case. */
export function guidAt(bytes: Buffer, at: number): string {
  const hex = (from: number, to: number): string => bytes.toString('hex', at + from, at + to);
  const first = bytes.readUInt32LE(at).toString(16).padStart(8, '0');
  const second = bytes
    .readUInt16LE(at + 4)
    .toString(16)
    .padStart(4, '0');
  const third = bytes
    .readUInt16LE(at + 6)
    .toString(16)
    .padStart(4, '0');
  return `${first}-${second}-${third}-${hex(8, 10)}-${hex(10, 16)}`;
}
