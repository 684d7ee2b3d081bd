import { describe, expect, it } from 'vitest';
import { exactSize, formatDuration, formatRate, formatSize, parseDuration, parseRate, parseSize } from './units.js';

describe('parseSize', () => {
  const check = (text: string, expected: number | undefined): void => {
    it(`${JSON.stringify(text)} is ${expected}`, () => expect(parseSize(text)).toBe(expected));
  };
  check('512B', 512);
  check('4KiB', 4096);
  check('1.5GiB', 1.5 * 1024 ** 3);
  check('2 TiB', 2 * 1024 ** 4);
  check('1GB', 1_000_000_000);
  check('0.001KB', 1);
  check('0B', 0);
  check('4', undefined);
  check('4G', undefined);
  check('4gib', undefined);
  check('-4GiB', undefined);
  check('1.2345GiB', undefined);
  check(' 4GiB', undefined);
  check('9999999TiB', undefined);
  check('', undefined);
});

describe('parseRate', () => {
  it('is a size per second', () => {
    expect(parseRate('200MiB/s')).toBe(200 * 1024 ** 2);
    expect(parseRate('200MiB')).toBeUndefined();
    expect(parseRate('200/s')).toBeUndefined();
  });
});

describe('parseDuration', () => {
  const check = (text: string, expected: number | undefined): void => {
    it(`${JSON.stringify(text)} is ${expected}`, () => expect(parseDuration(text)).toBe(expected));
  };
  check('90s', 90_000);
  check('1h30m', 5_400_000);
  check('1d2h3m4s5ms', 93_784_005);
  check('0.5h', 1_800_000);
  check('250ms', 250);
  check('0s', 0);
  check('90', undefined);
  check('1h 30m', undefined);
  check('30m1h', undefined);
  check('1h2h', undefined);
  check('1w', undefined);
  check('', undefined);
  check('99999999999999999999d', undefined);
});

describe('what people read', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1536 * 1024 ** 2, '1.50 GiB'],
    [10 * 1024, '10.0 KiB'],
    [10_239, '10.0 KiB'],
    [102_399, '100 KiB'],
    [1024 ** 2 - 1, '1.00 MiB'],
    [1023.4 * 1024, '1023 KiB'],
    [3 * 1024 ** 5, '3.00 PiB'],
  ])('%i bytes are %s', (bytes, text) => expect(formatSize(bytes)).toBe(text));

  it('rates are sizes per second', () => expect(formatRate(212.4 * 1024 ** 2)).toBe('212 MiB/s'));

  it.each([
    [0, '0ms'],
    [849.6, '850ms'],
    [12_340, '12.3s'],
    [59_949, '59.9s'],
    [59_960, '1m00s'],
    [245_000, '4m05s'],
    [3_599_600, '1h00m'],
    [7_620_000, '2h07m'],
    [90_000_000, '25h00m'],
  ])('%i ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('exactSize', () => {
  it.each([
    [0, '0B'],
    [1, '1B'],
    [1024, '1KiB'],
    [1025, '1025B'],
    [3 * 1024 ** 4, '3TiB'],
  ])('%i is %s', (bytes, text) => expect(exactSize(bytes)).toBe(text));
});
