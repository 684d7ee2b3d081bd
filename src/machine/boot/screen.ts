/** Pictures of a guest's screen: QEMU writes PPM in every version; facts are taken from the pixels, PNG is made for people. */
import { crc32, deflateSync } from 'node:zlib';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Three bytes per pixel. */
  readonly rgb: Buffer;
}

export interface ScreenFacts {
  /** The colour that covers most, and how much of the screen it covers (0 to 1). */
  readonly colour: readonly [red: number, green: number, blue: number];
  readonly share: number;
  /** One colour all over. */
  readonly isBlank: boolean;
  /** Blue nearly all over, as the stop screens of Windows are. */
  readonly isStopScreen: boolean;
}

const LARGEST_SIDE = 8192;

/** Reads a binary PPM of 8 bits per colour. Undefined for anything else, or when it is cut short. */
export function readPpm(data: Buffer): Picture | undefined {
  const head = /^P6\s+(?:#[^\n]*\n\s*)?(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})\s/.exec(
    data.subarray(0, 200).toString('latin1'),
  );
  if (head === null || head[3] !== '255') return undefined;
  const width = Number(head[1]);
  const height = Number(head[2]);
  if (width < 1 || height < 1 || width > LARGEST_SIDE || height > LARGEST_SIDE) return undefined;
  const rgb = data.subarray(head[0].length, head[0].length + width * height * 3);
  return rgb.length === width * height * 3 ? { width, height, rgb } : undefined;
}

/** What can be told from a picture without understanding it. */
export function screenFacts(picture: Picture): ScreenFacts {
  const counts = new Map<number, number>();
  const { rgb } = picture;
  for (let at = 0; at < rgb.length; at += 3) {
    const colour = rgb.readUIntBE(at, 3);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  let top = 0;
  let most = 0;
  for (const [colour, count] of counts) {
    if (count > most) [top, most] = [colour, count];
  }
  const colour = [top >> 16, (top >> 8) & 0xff, top & 0xff] as const;
  const share = most / (rgb.length / 3);
  const [red, green, blue] = colour;
  return {
    colour,
    share,
    isBlank: counts.size === 1,
    isStopScreen: share >= 0.7 && blue >= 160 && red <= 40 && green <= 130,
  };
}

/** A blinking cursor is a few pixels; anything that happens is more. */
const CURSOR_SHARE = 0.002;

/** Whether two pictures show different things; a cursor that blinks is no difference. */
export function differs(a: Picture, b: Picture): boolean {
  if (a.width !== b.width || a.height !== b.height) return true;
  const most = a.width * a.height * CURSOR_SHARE;
  let count = 0;
  for (let at = 0; at < a.rgb.length; at += 3) {
    if (a.rgb[at] !== b.rgb[at] || a.rgb[at + 1] !== b.rgb[at + 1] || a.rgb[at + 2] !== b.rgb[at + 2]) {
      count += 1;
      if (count > most) return true;
    }
  }
  return false;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
}

/** A picture as PNG. */
export function toPng(picture: Picture): Buffer {
  const { width, height, rgb } = picture;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let y = 0; y < height; y += 1) {
    rgb.copy(rows, y * (width * 3 + 1) + 1, y * width * 3, (y + 1) * width * 3);
  }
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
