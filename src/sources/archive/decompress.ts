/** Streams through a decompressor. gzip is done here, the others by their own programs. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DroverError } from '../../lib/error.js';
import type { Host, RunningProcess } from '../../host/index.js';
import type { ArchiveGuard } from './limits.js';

export type Compression = 'gzip' | 'xz' | 'bzip2' | 'zstd';

export function isCompression(kind: string): kind is Compression {
  return kind === 'gzip' || kind === 'xz' || kind === 'bzip2' || kind === 'zstd';
}

const ARGS: Readonly<Record<Exclude<Compression, 'gzip'>, readonly string[]>> = {
  xz: ['-dc', '--memlimit-decompress=1GiB'],
  bzip2: ['-dc'],
  zstd: ['-dc', '--no-progress'],
};

export interface DecompressRequest {
  readonly kind: Compression;
  readonly input: AsyncIterable<Buffer>;
  /** What is unpacked, for messages. */
  readonly label: string;
  readonly guard: ArchiveGuard;
  readonly signal?: AbortSignal | undefined;
}

function damaged(label: string, kind: string, cause: unknown, detail: string): DroverError {
  return new DroverError({
    code: 'source.archive-corrupt',
    message: `${label}: the ${kind} data are damaged or cut short${detail === '' ? '' : ` (${detail})`}`,
    cause,
  });
}

/** The unpacked bytes. Throws `source.archive-corrupt` and what the guard throws; stops its program on every way out. */
export async function* decompress(host: Host, request: DecompressRequest): AsyncGenerator<Buffer, void, void> {
  const watch = request.guard.watch();
  let inputFailed: unknown;
  const counted = async function* (): AsyncGenerator<Buffer, void, void> {
    try {
      for await (const chunk of request.input) {
        watch.input(chunk.length);
        yield chunk;
      }
    } catch (thrown) {
      // The archive around this one is at fault; its error counts, not the broken stream.
      inputFailed = thrown;
      throw thrown;
    }
  };
  const output =
    request.kind === 'gzip'
      ? gunzip(counted(), request.label)
      : runProgram(host, request.kind, counted(), request.label, request.signal);
  try {
    for await (const chunk of output) {
      request.signal?.throwIfAborted();
      watch.output(chunk);
      yield chunk;
    }
  } catch (thrown) {
    throw inputFailed ?? thrown;
  }
}

async function* gunzip(input: AsyncIterable<Buffer>, label: string): AsyncGenerator<Buffer, void, void> {
  const unpacker = createGunzip({ chunkSize: 256 * 1024 });
  const source = Readable.from(input, { objectMode: true });
  // Errors come out of the loop below as well; this one only keeps them from being unhandled.
  const fed = pipeline(source, unpacker).catch(() => undefined);
  try {
    for await (const chunk of unpacker) yield chunk as Buffer;
  } catch (cause) {
    throw cause instanceof DroverError ? cause : damaged(label, 'gzip', cause, (cause as Error).message);
  } finally {
    unpacker.destroy();
    source.destroy();
    await fed;
  }
}

async function* runProgram(
  host: Host,
  tool: Exclude<Compression, 'gzip'>,
  input: AsyncIterable<Buffer>,
  label: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  const child: RunningProcess = await host.spawn({
    tool,
    args: ARGS[tool],
    purpose: `unpack ${label}`,
    ...(signal === undefined ? {} : { signal }),
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaints.length < 4096) complaints += chunk.toString('utf8');
  });
  const source = Readable.from(input, { objectMode: true });
  // A program that ends early breaks the pipe; its exit code says why.
  const fed = pipeline(source, child.stdin).catch(() => undefined);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const { code } = await child.exited;
    signal?.throwIfAborted();
    if (code !== 0) throw damaged(label, tool, undefined, complaints.trim().split('\n')[0] ?? '');
  } finally {
    source.destroy();
    await child.stop(0);
    await fed;
  }
}
