/** Builds tar archives for tests, honest and hostile. Numbers and flags are written as they are given. */
export interface MadeMember {
  readonly name: string;
  readonly data?: Uint8Array | string;
  /** Default `0`, an ordinary file. */
  readonly flag?: string;
  readonly linkName?: string;
  readonly mode?: number;
  /** What the header claims; the length of the data unless given. */
  readonly claimedSize?: number;
  /** GNU's binary form instead of octal text. */
  readonly binarySize?: boolean;
  readonly prefix?: string;
  readonly badChecksum?: boolean;
}

export function tarBlock(member: MadeMember): Buffer {
  const data = Buffer.from(member.data ?? '');
  const block = Buffer.alloc(512);
  block.write(member.name, 0, 100, 'utf8');
  block.write(`${(member.mode ?? 0o644).toString(8).padStart(7, '0')}\0`, 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  const size = member.claimedSize ?? data.length;
  if (member.binarySize === true) {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  } else {
    block.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  }
  block.write('14720000000\0', 136, 'latin1');
  block.write(member.flag ?? '0', 156, 'latin1');
  block.write(member.linkName ?? '', 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(member.prefix ?? '', 345, 155, 'utf8');
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${(sum + (member.badChecksum === true ? 1 : 0)).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** One member with its padded data. */
export function tarMember(member: MadeMember): Buffer {
  const data = Buffer.from(member.data ?? '');
  return Buffer.concat([tarBlock(member), data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

/** The data of a PAX header. */
export function paxRecords(records: Readonly<Record<string, string>>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const body = ` ${key}=${value}\n`;
      let length = Buffer.byteLength(body) + 1;
      while (String(length).length + Buffer.byteLength(body) !== length) length += 1;
      return `${length}${body}`;
    })
    .join('');
}

/** A whole archive with its end mark. */
export function makeTar(members: readonly MadeMember[]): Buffer {
  return Buffer.concat([...members.map(tarMember), Buffer.alloc(1024)]);
}
