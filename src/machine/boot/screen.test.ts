import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { differs, readPpm, screenFacts, toPng } from './screen.js';
import type { Picture } from './screen.js';

function picture(width: number, height: number, colour: (at: number) => readonly number[]): Picture {
  return { width, height, rgb: Buffer.from(Array.from({ length: width * height }, (_, at) => colour(at)).flat()) };
}

function ppm(p: Picture): Buffer {
  return Buffer.concat([Buffer.from(`P6\n${p.width} ${p.height}\n255\n`), p.rgb]);
}

describe('a picture of the screen', () => {
  const blue = picture(10, 10, (at) => (at < 20 ? [255, 255, 255] : [0, 0, 168]));

  it('is read from PPM', () => expect(readPpm(ppm(blue))).toEqual(blue));

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['another kind', Buffer.from('P5\n1 1\n255\nx')],
    ['deep colours', Buffer.from('P6\n1 1\n65535\nxxxxxx')],
    ['no size', Buffer.from('P6\n0 0\n255\n')],
    ['a size beyond reason', Buffer.from('P6\n99999 99999\n255\n')],
    ['one cut short', ppm(blue).subarray(0, -1)],
  ])('is not read from %s', (_, data) => expect(readPpm(data)).toBeUndefined());

  it.each([
    ['a stop screen of old', blue, true],
    ['one of today', picture(10, 10, () => [0, 120, 215]), true],
    ['an empty console', picture(10, 10, () => [0, 0, 0]), false],
    ['a blue desktop with windows', picture(10, 10, (at) => (at < 40 ? [200, 200, 200] : [0, 0, 168])), false],
    ['white', picture(10, 10, () => [255, 255, 255]), false],
  ])('%s is told from others', (_, p, isStopScreen) => expect(screenFacts(p).isStopScreen).toBe(isStopScreen));

  it('is blank when it has one colour', () => {
    expect(screenFacts(picture(3, 3, () => [1, 2, 3]))).toMatchObject({ isBlank: true, share: 1, colour: [1, 2, 3] });
    expect(screenFacts(blue)).toMatchObject({ isBlank: false, share: 0.8 });
  });

  it('is not another one because a cursor blinks', () => {
    const console80 = picture(100, 100, (at) => (at % 7 === 0 ? [170, 170, 170] : [0, 0, 0]));
    const cursor = { ...console80, rgb: Buffer.from(console80.rgb) };
    cursor.rgb.fill(255, 300, 300 + 15 * 3);
    const text = { ...console80, rgb: Buffer.from(console80.rgb) };
    text.rgb.fill(255, 300, 300 + 60 * 3);
    expect(differs(console80, cursor)).toBe(false);
    expect(differs(console80, text)).toBe(true);
    expect(
      differs(
        console80,
        picture(50, 200, () => [0, 0, 0]),
      ),
    ).toBe(true);
  });

  it('becomes a PNG that holds the same pixels', () => {
    const png = toPng(blue);
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([10, 10]);
    const at = png.indexOf('IDAT');
    const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
    const pixels = Buffer.concat(Array.from({ length: 10 }, (_, y) => rows.subarray(y * 31 + 1, (y + 1) * 31)));
    expect(pixels.equals(blue.rgb)).toBe(true);
  });
});
