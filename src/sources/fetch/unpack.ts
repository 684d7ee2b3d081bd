import { DroverError } from '../../lib/error.js';
import type { Files, Host } from '../../host/index.js';
import { createGuard } from '../archive/limits.js';
import type { ArchiveLimits } from '../archive/limits.js';
import { decompress } from '../archive/decompress.js';
import { openSparse } from '../archive/sparse-writer.js';
import type { SparseResult } from '../archive/sparse-writer.js';
import { readPiece } from './pieces.js';
import type { Piece } from './pieces.js';

/** Writes a stream into a new sparse file; nothing is left of it on failure. */
export async function writeSparse(files: Files, path: string, chunks: AsyncIterable<Buffer>): Promise<SparseResult> {
  const writer = await openSparse(files, path);
  try {
    for await (const chunk of chunks) await writer.write(chunk);
    return await writer.finish();
  } catch (thrown) {
    await writer.abandon();
    throw thrown;
  }
}

export interface UnpackRequest {
  readonly pieces: readonly Piece[];
  readonly compression: 'none' | 'gzip';
  /** New file; its folder exists. */
  readonly target: string;
  readonly limits: ArchiveLimits;
  readonly onBytes: (count: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Puts the pieces of a file together, unpacks and checks them in one pass. */
export async function unpackPieces(host: Host, request: UnpackRequest): Promise<SparseResult> {
  const { pieces, compression, target, limits, onBytes, signal } = request;
  const label = pieces[0]?.label ?? target;
  const guard = createGuard(label, limits);
  const joined = async function* (): AsyncGenerator<Buffer, void, void> {
    for (const piece of pieces) yield* readPiece(host.files, piece, onBytes, signal);
  };
  const watch = guard.member(label);
  const watched = async function* (): AsyncGenerator<Buffer, void, void> {
    const unpacked =
      compression === 'none' ? joined() : decompress(host, { kind: 'gzip', input: joined(), label, guard, signal });
    for await (const chunk of unpacked) {
      watch(chunk.length);
      yield chunk;
    }
  };
  return writeSparse(host.files, target, watched());
}

/** Throws `source.no-space` unless the folder has room for the bytes and 5 % more. */
export async function checkSpace(files: Files, folder: string, neededBytes: number): Promise<void> {
  if (neededBytes === 0) return;
  const wanted = Math.ceil(neededBytes * 1.05);
  const { freeBytes } = await files.space(folder);
  if (freeBytes >= wanted) return;
  throw new DroverError({
    code: 'source.no-space',
    message: `${folder} has ${freeBytes} bytes free; unpacking and copying needs ${wanted}`,
    details: { freeBytes, neededBytes: wanted },
  });
}
