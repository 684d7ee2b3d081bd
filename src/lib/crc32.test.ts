import { expect, it } from 'vitest';
import { crc32Hex } from './crc32.js';

it('agrees with the check value of the standard and keeps leading zeros', () => {
  expect(crc32Hex('123456789')).toBe('cbf43926');
  expect(crc32Hex('')).toBe('00000000');
  expect(crc32Hex(Buffer.from('é'))).toBe(crc32Hex('é'));
});
