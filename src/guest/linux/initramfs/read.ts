/** What an initramfs holds: every piece of it, to the end of the file. */
import type { Host } from '../../../host/index.js';
import { cpioKind, CpioError, readCpio } from '../../../lib/cpio.js';
import type { CpioVisitor } from '../../../lib/cpio.js';
import { DroverError } from '../../../lib/error.js';
import { detectFormat, FormatError } from './formats.js';
import type { ByteSource, SegmentFormat } from './formats.js';
import { sliceOf, unpackSegment } from './unpack.js';

/** One piece: a plain archive, or a packed one. */
interface Segment {
  readonly offset: number;
  /** Length in the file, without the zeros behind it. */
  readonly bytes: number;
  readonly format: SegmentFormat;
  readonly entries: number;
}

export interface InitramfsEntry {
  /** Path without a leading slash. */
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: number;
  readonly sizeBytes: number;
  /** Index of its piece: later ones replace earlier ones. */
  readonly segment: number;
}

export interface InitramfsContents {
  readonly segments: readonly Segment[];
  readonly entries: readonly InitramfsEntry[];
  /** Why nothing certain can be said. What was understood up to there is listed all the same. */
  readonly problem?: string;
}

export interface ReadOptions {
  /** Gets the data of the entries it asks for. */
  readonly collect?: (entry: InitramfsEntry) => ((content: Buffer) => void | Promise<void>) | undefined;
  /** Default 2 GiB, unpacked. */
  readonly maxBytes?: number;
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

const MAX_SEGMENTS = 64;

/**
 * Walks over all pieces. Never throws for what the image holds: damage, unknown formats and limits become `problem`, so
 * that "not there" is only ever said of an image that was read to its end.
 */
export async function readInitramfs(
  host: Host,
  source: ByteSource,
  options: ReadOptions = {},
): Promise<InitramfsContents> {
  const { maxBytes = 2 * 1024 ** 3, timeoutMs = 60_000 } = options;
  const segments: Segment[] = [];
  const entries: InitramfsEntry[] = [];
  const abort = new AbortController();
  const timer = host.clock.setTimer(timeoutMs, () => abort.abort(new FormatError('unpacking took too long')));
  let unpacked = 0;
  const visit: CpioVisitor = (header) => {
    if (abort.signal.aborted) throw new FormatError('unpacking took too long');
    const entry: InitramfsEntry = {
      name: header.name.replace(/^(\.?\/+)+/, ''),
      kind: cpioKind(header.mode),
      mode: header.mode & 0o7777,
      sizeBytes: header.sizeBytes,
      segment: segments.length,
    };
    entries.push(entry);
    const data = options.collect?.(entry);
    return data === undefined ? 'skip' : { data };
  };
  try {
    for (let at = await afterZeros(source, 0); at < source.sizeBytes; at = await afterZeros(source, at)) {
      if (segments.length >= MAX_SEGMENTS) throw new FormatError(`more than ${MAX_SEGMENTS} pieces`);
      const format = detectFormat(await source.read(at, 8));
      if (format === undefined) throw new FormatError(`an unknown format at byte ${at}`);
      if (format === 'cpio' && at % 4 !== 0) throw new FormatError(`an archive at byte ${at}, no multiple of 4`);
      const limits = { maxBytes: maxBytes - unpacked };
      let end: number;
      let summary;
      if (format === 'cpio') {
        summary = await readCpio(sliceOf(source, at, source.sizeBytes), visit, { ...limits, single: true });
        end = at + summary.bytes;
      } else {
        const piece = await unpackSegment(host, source, at, format, abort.signal);
        summary = await readCpio(piece.bytes, visit, limits);
        end = piece.end();
      }
      unpacked += summary.bytes;
      segments.push({ offset: at, bytes: end - at, format, entries: summary.entries });
      at = end;
    }
    if (segments.length === 0) return { segments, entries, problem: 'the file is empty' };
    return { segments, entries };
  } catch (error) {
    if (error instanceof FormatError || error instanceof CpioError)
      return { segments, entries, problem: error.message };
    if (error instanceof DroverError && error.code === 'exec.missing-tool') {
      return { segments, entries, problem: error.message };
    }
    throw error;
  } finally {
    timer.cancel();
  }
}

async function afterZeros(source: ByteSource, start: number): Promise<number> {
  for (let at = start; at < source.sizeBytes;) {
    const block = await source.read(at, 64 * 1024);
    const found = block.findIndex((byte) => byte !== 0);
    if (found !== -1) return at + found;
    if (block.length === 0) break;
    at += block.length;
  }
  return source.sizeBytes;
}
