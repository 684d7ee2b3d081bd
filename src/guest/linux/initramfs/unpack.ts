/** Unpacking a piece of an initramfs: gzip in this process, everything else by the host's own tools. */
import type { Writable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import type { Host } from '../../../host/index.js';
import { DroverError } from '../../../lib/error.js';
import { findEnd, FormatError } from './formats.js';
import type { ByteSource, SegmentFormat } from './formats.js';

const CHUNK_BYTES = 1024 ** 2;

type PackedFormat = Exclude<SegmentFormat, 'cpio'>;

const TOOLS = {
  xz: { tool: 'xz', args: ['-dc', '--format=xz', '--memlimit-decompress=1GiB'] },
  lzma: { tool: 'xz', args: ['-dc', '--format=lzma', '--memlimit-decompress=1GiB'] },
  zstd: { tool: 'zstd', args: ['-dcq', '--memory=1024MB'] },
  lz4: { tool: 'lz4', args: ['-dcq'] },
  bzip2: { tool: 'bzip2', args: ['-dc'] },
} as const;

export interface Unpacking {
  /** The unpacked bytes. Throws FormatError or DroverError when they cannot be had. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Where the piece ends in the file; asked for after `bytes` was read to its end. */
  end(): number;
}

/** Bytes of a part of a source, in chunks. */
export async function* sliceOf(source: ByteSource, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end;) {
    const chunk = await source.read(at, Math.min(CHUNK_BYTES, end - at));
    if (chunk.length === 0) return;
    at += chunk.length;
    yield chunk;
  }
}

/** Resolves when a stream takes more, or never will. */
function writable(stream: Writable): Promise<void> {
  if (stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'end'] as const) stream.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'end'] as const) stream.on(event, done);
  });
}

/** Unpacks the piece that begins at `start`. `signal` ends a tool that takes too long. */
export async function unpackSegment(
  host: Host,
  source: ByteSource,
  start: number,
  format: PackedFormat,
  signal: AbortSignal,
): Promise<Unpacking> {
  if (format === 'gzip') return inflateMember(source, start);
  const end = (await findEnd(source, start, format)) ?? source.sizeBytes;
  return { bytes: runTool(host, source, start, end, format, signal), end: () => end };
}

/** One member of RFC 1952. Its end is known once it is unpacked: other archives may follow. */
async function inflateMember(source: ByteSource, start: number): Promise<Unpacking> {
  const body = start + (await gzipHeaderBytes(source, start));
  let end = body;
  async function* inflate(): AsyncGenerator<Uint8Array> {
    const stream = createInflateRaw();
    let size = 0;
    const feeding = (async () => {
      for await (const chunk of sliceOf(source, body, source.sizeBytes)) {
        if (stream.writableEnded || stream.destroyed || stream.readableEnded) return;
        if (!stream.write(chunk)) await writable(stream);
      }
      stream.end();
    })();
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        size += chunk.length;
        yield chunk;
      }
    } catch (cause) {
      if (cause instanceof Error && 'errno' in cause) throw new FormatError(`damaged gzip data: ${cause.message}`);
      throw cause;
    } finally {
      stream.destroy();
      await feeding;
    }
    end = body + stream.bytesWritten + 8;
    const footer = await source.read(end - 8, 8);
    if (footer.length < 8 || footer.readUInt32LE(4) !== size % 2 ** 32) throw new FormatError('damaged gzip data');
  }
  return { bytes: inflate(), end: () => end };
}

/** Length of a gzip header: ten bytes, then optional fields that the flags name. */
async function gzipHeaderBytes(source: ByteSource, start: number): Promise<number> {
  const head = await source.read(start, 64 * 1024);
  const flags = head[3] ?? 0;
  if (head.length < 18 || head[2] !== 8 || (flags & 0xe0) !== 0) throw new FormatError('a gzip header is damaged');
  let at = 10;
  if ((flags & 4) !== 0) at += 2 + head.readUInt16LE(at);
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const zero = head.indexOf(0, at);
    if (zero === -1) throw new FormatError('a gzip header is damaged');
    at = zero + 1;
  }
  return (flags & 2) === 0 ? at : at + 2;
}

async function* runTool(
  host: Host,
  source: ByteSource,
  start: number,
  end: number,
  format: Exclude<PackedFormat, 'gzip'>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { tool, args } = TOOLS[format];
  const process = await host.spawn({ tool, args, purpose: 'unpack an initramfs', signal });
  let errors = '';
  process.stderr.on('data', (chunk: Buffer) => {
    errors = `${errors}${chunk.toString('utf8')}`.slice(-2000);
  });
  // A tool that ends early closes the pipe; its exit code tells why.
  process.stdin.on('error', () => undefined);
  const feeding = (async () => {
    for await (const chunk of sliceOf(source, start, end)) {
      if (process.stdin.destroyed) return;
      if (!process.stdin.write(chunk)) await writable(process.stdin);
    }
    process.stdin.end();
  })();
  try {
    for await (const chunk of process.stdout as AsyncIterable<Buffer>) yield chunk;
    const { code } = await process.exited;
    if (signal.aborted) throw new FormatError(`${tool} took too long`);
    if (code !== 0) throw new FormatError(`${tool} says: ${errors.trim().split('\n').at(-1) ?? `exit code ${code}`}`);
  } finally {
    await process.stop(1000);
    await feeding.catch((cause: unknown) => {
      throw new DroverError({ code: 'file.io', message: 'the initramfs could not be read', cause });
    });
  }
}
