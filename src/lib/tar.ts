/**
 * Reading tar archives member by member, from a file or from a stream. Nothing is written and no name is judged here;
 * what is checked is the structure: checksums, numbers, lengths, limits.
 */
import { cString, isAllZero } from './bytes.js';
import { decodePax, decodeTarHeader, TAR_BLOCK, TarError } from './tar-header.js';
import type { TarHeader } from './tar-header.js';

export { TarError } from './tar-header.js';
/** Where an archive's bytes come from, in order. */
export interface TarInput {
  /** The next `length` bytes; fewer only at the end. */
  read(length: number): Promise<Buffer>;
  /** Passes over bytes; resolves with how many there were. */
  skip(length: number): Promise<number>;
}

export interface TarMember extends TarHeader {
  /** Where its data begin in the (unpacked) archive. */
  readonly dataOffset: number;
  /** Records of its extended header, such as `SCHILY.xattr.*`. */
  readonly pax: ReadonlyMap<string, Buffer>;
  /** Its data. May be read once, before the next member is asked for; what is not read is passed over. */
  readonly data: () => AsyncIterable<Buffer>;
}

export interface TarLimits {
  /** Default 10 000. */
  readonly maxMembers?: number;
  /** Bytes of one extended header or long name. Default 1 MiB. */
  readonly maxMetaBytes?: number;
}

const CHUNK = 1024 ** 2;

function padded(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
}

interface Pending {
  name?: string;
  linkName?: string;
  pax: Map<string, Buffer>;
}

function withExtensions(header: TarHeader, pending: Pending, global: ReadonlyMap<string, Buffer>): TarHeader {
  const value = (key: string): string | undefined => (pending.pax.get(key) ?? global.get(key))?.toString('utf8');
  const size = value('size');
  const name = value('path') ?? pending.name ?? header.name;
  const linkName = value('linkpath') ?? pending.linkName ?? header.linkName;
  const sparse = [...pending.pax.keys()].some((key) => key.startsWith('GNU.sparse.'));
  const numeric = (key: string, own: number): number => {
    const text = value(key);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : own;
  };
  return {
    ...header,
    name,
    linkName,
    type: sparse ? 'sparse' : header.type,
    sizeBytes: size === undefined ? header.sizeBytes : /^\d{1,15}$/.test(size) ? Number(size) : Number.NaN,
    uid: numeric('uid', header.uid),
    gid: numeric('gid', header.gid),
  };
}

/**
 * The members of an archive in order. Ends at two zero blocks, or at the end of the bytes when the last member is whole
 * (`endless` is then reported through `onMissingEnd`). Throws TarError.
 */
export async function* readTar(
  input: TarInput,
  limits: TarLimits = {},
  onMissingEnd?: () => void,
): AsyncGenerator<TarMember, void, void> {
  const { maxMembers = 10_000, maxMetaBytes = 1024 ** 2 } = limits;
  const global = new Map<string, Buffer>();
  let pending: Pending = { pax: new Map() };
  let offset = 0;
  let members = 0;
  let headers = 0;
  for (;;) {
    const block = await input.read(TAR_BLOCK);
    const at = offset;
    offset += block.length;
    if (block.length === 0) {
      if (headers === 0) throw new TarError('corrupt', 'the archive is empty', 0);
      onMissingEnd?.();
      return;
    }
    if (block.length < TAR_BLOCK) {
      throw new TarError('truncated', `the archive ends at byte ${offset}, inside a header`, offset);
    }
    if (isAllZero(block)) {
      const second = await input.read(TAR_BLOCK);
      if (!isAllZero(second)) throw new TarError('corrupt', `garbage at byte ${offset}, behind a zero block`, offset);
      return;
    }
    headers += 1;
    // Extended headers count too, else they could go on for ever.
    if (headers > maxMembers * 4 + 4) throw new TarError('limit', 'the archive has too many extended headers', at);
    const raw = decodeTarHeader(block, at);
    if (['x', 'g', 'L', 'K'].includes(raw.flag)) {
      if (raw.sizeBytes > maxMetaBytes) {
        throw new TarError(
          'limit',
          `an extended header of ${raw.sizeBytes} bytes; at most ${maxMetaBytes} are read`,
          at,
        );
      }
      const whole = await input.read(padded(raw.sizeBytes));
      if (whole.length < padded(raw.sizeBytes)) {
        throw new TarError('truncated', `the archive ends inside the extended header at byte ${at}`, at);
      }
      offset += whole.length;
      const data = whole.subarray(0, raw.sizeBytes);
      if (raw.flag === 'L') pending.name = cString(data, 'utf8');
      else if (raw.flag === 'K') pending.linkName = cString(data, 'utf8');
      else for (const [key, value] of decodePax(data, at)) (raw.flag === 'g' ? global : pending.pax).set(key, value);
      continue;
    }
    members += 1;
    if (members > maxMembers) throw new TarError('limit', `the archive has more than ${maxMembers} members`, at);
    const header = withExtensions(raw, pending, global);
    const pax = pending.pax;
    pending = { pax: new Map() };
    if (!Number.isSafeInteger(header.sizeBytes)) {
      throw new TarError('corrupt', `the member at byte ${at} has a size that is no number`, at);
    }
    // Links and folders carry no data, whatever their size says.
    const hasData = header.type === 'file' || header.type === 'sparse' || header.type === 'other';
    const size = hasData ? header.sizeBytes : 0;
    const start = offset;
    let taken = 0;
    const truncated = (): never => {
      throw new TarError('truncated', `the archive ends inside the member at byte ${at}`, start + taken);
    };
    yield {
      ...header,
      dataOffset: start,
      pax,
      data: async function* () {
        while (taken < size) {
          const chunk = await input.read(Math.min(CHUNK, size - taken));
          if (chunk.length === 0) truncated();
          taken += chunk.length;
          yield chunk;
        }
      },
    };
    const rest = padded(size) - taken;
    const skipped = rest > 0 ? await input.skip(rest) : 0;
    // The padding of the very last member may be missing; its data may not.
    if (skipped < size - taken) truncated();
    offset = start + taken + skipped;
  }
}
