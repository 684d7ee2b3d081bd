import { crc32 } from 'node:zlib';

/** CRC-32 (the one of zlib, gzip and Ethernet) of bytes or of UTF-8 text, as eight lower-case hex digits. */
export function crc32Hex(data: string | Uint8Array): string {
  return crc32(data).toString(16).padStart(8, '0');
}
