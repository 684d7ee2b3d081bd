/**
 * The "newc" cpio format (SVR4 without or with checksums), as the kernel's initramfs unpacker reads it: ASCII headers of
 * 110 bytes, names and data padded to 4 bytes counted from the start of the archive, `TRAILER!!!` at its end. Several
 * archives may follow each other, with zeros between them. Kernel: Documentation/driver-api/early-userspace/buffer-format.
 */

export const CPIO_HEADER_BYTES = 110;
const TRAILER = 'TRAILER!!!';
const MAX_NAME_BYTES = 4096;

interface CpioHeader {
  readonly name: string;
  /** With the file type bits. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly inode: number;
  readonly nlink: number;
}

/** What is wrong with an archive, and where. */
export class CpioError extends Error {
  override readonly name = 'CpioError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Wants the data of an entry or passes it over. */
export type CpioVisitor = (header: CpioHeader) => 'skip' | { readonly data: (content: Buffer) => void | Promise<void> };

export interface CpioLimits {
  /** Bytes of the whole stream. Default 2 GiB. */
  readonly maxBytes?: number;
  /** Bytes of one entry whose data is wanted. Default 256 MiB. */
  readonly maxEntryBytes?: number;
  /** Default 200 000. */
  readonly maxEntries?: number;
  /** Stop behind the first archive instead of at the end of the stream. */
  readonly single?: boolean;
}

export interface CpioSummary {
  readonly entries: number;
  readonly archives: number;
  /** Bytes up to the end of the last archive's trailer, its padding included. */
  readonly bytes: number;
}

/** Header fields of 110 bytes, or undefined when they are none. Numbers are eight hexadecimal digits. */
export function decodeCpioHeader(bytes: Buffer):
  | {
      readonly inode: number;
      readonly mode: number;
      readonly nlink: number;
      readonly size: number;
      readonly nameSize: number;
    }
  | undefined {
  const text = bytes.toString('latin1', 0, CPIO_HEADER_BYTES);
  if (!/^07070[12](?:[0-9a-fA-F]{8}){13}$/.test(text)) return undefined;
  const field = (index: number): number => parseInt(text.slice(6 + index * 8, 14 + index * 8), 16);
  return { inode: field(0), mode: field(1), nlink: field(4), size: field(6), nameSize: field(11) };
}

function pad4(length: number): number {
  return (4 - (length % 4)) % 4;
}

/** Reads exact pieces out of a stream of chunks; holds one chunk at a time. */
class Puller {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #maxBytes: number;
  #rest: Buffer = Buffer.alloc(0);
  offset = 0;

  constructor(source: AsyncIterable<Uint8Array>, maxBytes: number) {
    this.#source = source[Symbol.asyncIterator]();
    this.#maxBytes = maxBytes;
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length);
    return true;
  }

  /** Up to `length` bytes; fewer only at the end. */
  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let have = 0;
    while (have < length) {
      if (this.#rest.length === 0 && !(await this.#more())) break;
      const part = this.#rest.subarray(0, length - have);
      this.#rest = this.#rest.subarray(part.length);
      parts.push(part);
      have += part.length;
    }
    this.#count(have);
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  async skip(length: number): Promise<number> {
    let have = 0;
    while (have < length) {
      if (this.#rest.length === 0 && !(await this.#more())) break;
      const step = Math.min(this.#rest.length, length - have);
      this.#rest = this.#rest.subarray(step);
      have += step;
    }
    this.#count(have);
    return have;
  }

  /** Passes over zeros. @returns how many, and whether anything is left */
  async skipZeros(): Promise<{ readonly count: number; readonly atEnd: boolean }> {
    let count = 0;
    for (;;) {
      if (this.#rest.length === 0 && !(await this.#more())) {
        this.#count(count);
        return { count, atEnd: true };
      }
      const end = this.#rest.findIndex((byte) => byte !== 0);
      count += end === -1 ? this.#rest.length : end;
      this.#rest = end === -1 ? Buffer.alloc(0) : this.#rest.subarray(end);
      if (end === -1) continue;
      this.#count(count);
      return { count, atEnd: false };
    }
  }

  #count(bytes: number): void {
    this.offset += bytes;
    if (this.offset > this.#maxBytes)
      throw new CpioError(`the archive is larger than ${this.#maxBytes} bytes`, this.offset);
  }
}

/**
 * Reads archives that follow each other up to the end of a stream, or one of them. Throws CpioError for damage and for limits; an empty
 * stream is damage too. The visitor is called for every entry but the trailers, in order.
 */
export async function readCpio(
  source: AsyncIterable<Uint8Array>,
  visit: CpioVisitor,
  limits: CpioLimits = {},
): Promise<CpioSummary> {
  const { maxBytes = 2 * 1024 ** 3, maxEntryBytes = 256 * 1024 ** 2, maxEntries = 200_000 } = limits;
  const puller = new Puller(source, maxBytes);
  let entries = 0;
  let archives = 0;
  let inArchive = false;
  let end = 0;
  for (;;) {
    if (!inArchive && (await puller.skipZeros()).atEnd) {
      if (archives === 0) throw new CpioError('nothing but zeros', puller.offset);
      return { entries, archives, bytes: end };
    }
    const at = puller.offset;
    const header = decodeCpioHeader(await puller.take(CPIO_HEADER_BYTES));
    if (header === undefined) throw new CpioError(`no archive header at byte ${at}`, at);
    if (header.nameSize < 1 || header.nameSize > MAX_NAME_BYTES) {
      throw new CpioError(`a name of ${header.nameSize} bytes at byte ${at}`, at);
    }
    const padding = pad4(CPIO_HEADER_BYTES + header.nameSize);
    const rawName = await puller.take(header.nameSize + padding);
    if (rawName.length < header.nameSize) throw new CpioError(`the archive ends inside a name at byte ${at}`, at);
    const name = rawName.toString('utf8', 0, header.nameSize - 1);
    inArchive = true;
    if (name === TRAILER) {
      archives += 1;
      inArchive = false;
      await puller.skip(pad4(header.size) + header.size);
      end = puller.offset;
      if (limits.single === true) return { entries, archives, bytes: end };
      continue;
    }
    entries += 1;
    if (entries > maxEntries) throw new CpioError(`more than ${maxEntries} entries`, at);
    const wish = visit({ name, mode: header.mode, sizeBytes: header.size, inode: header.inode, nlink: header.nlink });
    const cut = (): CpioError => new CpioError(`the archive ends inside ${JSON.stringify(name)}`, at);
    if (wish === 'skip') {
      if ((await puller.skip(header.size)) < header.size) throw cut();
    } else {
      if (header.size > maxEntryBytes) throw new CpioError(`${JSON.stringify(name)} has ${header.size} bytes`, at);
      const content = await puller.take(header.size);
      if (content.length < header.size) throw cut();
      await wish.data(content);
    }
    await puller.skip(pad4(header.size));
  }
}

/** An entry to be written. */
export interface CpioEntry {
  /** Relative, without a leading slash. */
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Permission bits. */
  readonly mode: number;
  /** File content or link target. */
  readonly content?: Uint8Array;
}

const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

/**
 * One archive of these entries in the given order, trailer included, its length a multiple of 4. Owner root, no times:
 * the same entries give the same bytes. Throws RangeError for names that the format cannot hold.
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  const add = (name: string, inode: number, mode: number, nlink: number, content: Uint8Array): void => {
    const nameBytes = Buffer.from(`${name}\0`, 'utf8');
    if (nameBytes.length > MAX_NAME_BYTES || name.includes('\0') || name === '') {
      throw new RangeError(`${JSON.stringify(name.slice(0, 80))} cannot be a name in a cpio archive`);
    }
    const fields = [inode, mode, 0, 0, nlink, 0, content.length, 0, 0, 0, 0, nameBytes.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')}`;
    parts.push(Buffer.from(header, 'latin1'), nameBytes, Buffer.alloc(pad4(CPIO_HEADER_BYTES + nameBytes.length)));
    parts.push(Buffer.from(content), Buffer.alloc(pad4(content.length)));
  };
  for (const [index, entry] of entries.entries()) {
    if (entry.name === TRAILER || entry.name.startsWith('/'))
      throw new RangeError(`${entry.name} cannot be a name here`);
    const mode = TYPE_BITS[entry.kind] | (entry.mode & 0o7777);
    add(entry.name, index + 1, mode, entry.kind === 'directory' ? 2 : 1, entry.content ?? new Uint8Array());
  }
  add(TRAILER, 0, 0, 1, new Uint8Array());
  return Buffer.concat(parts);
}

/** File type of a mode. */
export function cpioKind(mode: number): CpioEntry['kind'] | 'other' {
  switch (mode & 0o170000) {
    case TYPE_BITS.file:
      return 'file';
    case TYPE_BITS.directory:
      return 'directory';
    case TYPE_BITS.symlink:
      return 'symlink';
    default:
      return 'other';
  }
}
