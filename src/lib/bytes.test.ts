import { describe, expect, it } from 'vitest';
import { crc32c } from './bytes-crc32c.js';
import { cString, guidAt, isAllZero, previewBytes, u64be, u64le } from './bytes.js';

describe('64-bit numbers', () => {
  it('are exact up to 2^53 and infinite beyond', () => {
    const bytes = Buffer.alloc(16);
    bytes.writeBigUInt64LE(2n ** 53n - 1n, 0);
    bytes.writeBigUInt64BE(2n ** 53n, 8);
    expect(u64le(bytes, 0)).toBe(Number.MAX_SAFE_INTEGER);
    expect(u64be(bytes, 8)).toBe(Infinity);
    expect(() => u64le(bytes, 9)).toThrow(RangeError);
  });
});

describe('isAllZero', () => {
  it('finds a single byte anywhere', () => {
    for (const size of [1, 65535, 65536, 65537, 200_000]) {
      const bytes = Buffer.alloc(size);
      expect(isAllZero(bytes)).toBe(true);
      bytes[size - 1] = 1;
      expect(isAllZero(bytes)).toBe(false);
    }
    expect(isAllZero(Buffer.alloc(0))).toBe(true);
  });
});

it('cString stops at the first NUL', () => {
  expect(cString(Buffer.from('abc\0def'))).toBe('abc');
  expect(cString(Buffer.from('abc'))).toBe('abc');
});

it('guidAt reads the mixed byte order', () => {
  const bytes = Buffer.from('6677c22d23f600429d64115e9bfd4a08', 'hex');
  expect(guidAt(bytes, 0)).toBe('2dc27766-f623-4200-9d64-115e9bfd4a08');
});

it('crc32c gives the published check value', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

it('previewBytes shows hex and text', () => {
  expect(previewBytes(Buffer.from('KDMV\0\x01'))).toBe('4b 44 4d 56 00 01 ("KDMV..")');
  expect(previewBytes(Buffer.alloc(0))).toBe('nothing');
});
