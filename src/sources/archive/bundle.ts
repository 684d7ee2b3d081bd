/**
 * Bundles: tarballs, packed or not, with disk images and perhaps further archives inside (AMI bundles, VHD exports).
 * They are read front to back; every member passes by once, as a stream with its first bytes known.
 */
import { basename } from 'node:path';
import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import { tarFromStream } from '../../lib/tar-input.js';
import { readTar } from '../../lib/tar.js';
import type { Files, Host } from '../../host/index.js';
import { detectKind } from '../formats/index.js';
import type { DetectedKind } from '../formats/index.js';
import { archiveError, archiveLimit } from './archive-errors.js';
import { decompress, isCompression } from './decompress.js';
import type { ArchiveGuard } from './limits.js';
import { checkMemberName, isLitter, plainMemberName } from './member-names.js';

/** Bytes at the beginning of a member that are looked at: filesystems and boot sectors show themselves within. */
export const HEAD_BYTES = 72 * 1024;
/** Between the names of nested archives; no member's own name holds two slashes in a row. */
const NESTED = '//';

interface BundleMember {
  /** Names from the outermost archive inwards, joined by `NESTED`. */
  readonly name: string;
  /** Absent when a lone file is packed without an archive around it. */
  readonly sizeBytes?: number;
  readonly head: Buffer;
  readonly kind: DetectedKind;
  /** Everything, the head included. May be read once, at once. */
  readonly data: () => AsyncIterable<Buffer>;
}

export interface BundleRequest {
  /** Real path. */
  readonly archive: string;
  /** Archives in archives that are opened. */
  readonly nested: number;
  readonly guard: ArchiveGuard;
  readonly signal?: AbortSignal | undefined;
  /** Called for every ordinary file, in the order of the archive. */
  readonly onMember: (member: BundleMember) => Promise<void>;
  readonly onNote: (text: string) => void;
  /** Told how many bytes of the archive itself have been read. */
  readonly onRead?: (bytes: number) => void;
}

/** The first bytes of a stream and the stream with them in front again. */
async function peek(
  chunks: AsyncIterable<Buffer>,
): Promise<{ readonly head: Buffer; readonly all: AsyncIterable<Buffer> }> {
  const source = chunks[Symbol.asyncIterator]();
  const taken: Buffer[] = [];
  let length = 0;
  let isOver = false;
  while (length < HEAD_BYTES && !isOver) {
    const next = await source.next();
    if (next.done === true) isOver = true;
    else {
      // The producer may use its buffer again.
      taken.push(Buffer.from(next.value));
      length += next.value.length;
    }
  }
  const all = async function* (): AsyncGenerator<Buffer, void, void> {
    try {
      yield* taken;
      while (!isOver) {
        const next = await source.next();
        if (next.done === true) break;
        yield next.value;
      }
    } finally {
      await source.return?.();
    }
  };
  return { head: Buffer.concat(taken).subarray(0, HEAD_BYTES), all: all() };
}

function kindOfHead(head: Buffer): Promise<DetectedKind> {
  // Without the footer that only a whole file shows.
  return detectKind({
    path: '',
    sizeBytes: Math.min(head.length, 1023),
    read: async (at, n) => head.subarray(at, at + n),
  });
}

async function* fileChunks(files: Files, request: BundleRequest): AsyncGenerator<Buffer, void, void> {
  const stream = files.stream(request.archive);
  let read = 0;
  try {
    for await (const chunk of stream) {
      request.signal?.throwIfAborted();
      read += (chunk as Buffer).length;
      request.onRead?.(read);
      yield chunk as Buffer;
    }
  } finally {
    stream.destroy();
  }
}

/** `disk.raw` for `disk.raw.gz`; also turns `.tgz` and the like into `.tar`. */
function unpackedName(name: string): string {
  return name.replace(/\.t(gz|xz|bz2|zst)$/i, '.tar').replace(/\.(gz|xz|bz2|zst)$/i, '');
}

async function walk(
  host: Host,
  request: BundleRequest,
  chunks: AsyncIterable<Buffer>,
  /** Of what the chunks are, and of the archives around it. */
  name: string,
  sizeBytes: number | undefined,
  depth: number,
): Promise<void> {
  const { head, all } = await peek(chunks);
  const kind = await kindOfHead(head);
  const label = depth === 0 ? request.archive : `${request.archive} (${showName(name)})`;
  const opens = kind === 'tar' || isCompression(kind);
  if (!opens || depth > request.nested) {
    if (opens) request.onNote(`${showName(name)} is an archive in ${depth} others and was not opened`);
    await request.onMember({ name, ...(sizeBytes === undefined ? {} : { sizeBytes }), head, kind, data: () => all });
    return;
  }
  if (depth > request.guard.limits.maxDepth) {
    throw archiveLimit(request.archive, `holds archives nested deeper than ${request.guard.limits.maxDepth}`);
  }
  if (isCompression(kind)) {
    // A packed tar is one level, not two.
    const { guard, signal } = request;
    await walk(
      host,
      request,
      decompress(host, { kind, input: all, label, guard, signal }),
      unpackedName(name),
      undefined,
      depth,
    );
    return;
  }
  try {
    const skipped: string[] = [];
    for await (const member of readTar(tarFromStream(all))) {
      const own = plainMemberName(member.name);
      if (member.type === 'directory' && own === '') continue;
      checkMemberName(label, own);
      if (member.type === 'directory' || isLitter(own)) continue;
      if (member.type !== 'file') {
        skipped.push(`${showName(own)} (${member.type})`);
        continue;
      }
      const inner = depth === 0 ? own : `${name}${NESTED}${own}`;
      const watch = request.guard.member(showName(inner));
      const watched = async function* (): AsyncGenerator<Buffer, void, void> {
        for await (const chunk of member.data()) {
          watch(chunk.length);
          yield chunk;
        }
      };
      await walk(host, request, watched(), inner, member.sizeBytes, depth + 1);
    }
    // To the very end, so that a decompressor gets to compare its checksum.
    for await (const _ of all);
    if (skipped.length > 0) {
      const shown = skipped.slice(0, 5).join(', ');
      request.onNote(`${skipped.length} members that are no ordinary files were passed over: ${shown}`);
    }
  } catch (thrown) {
    throw archiveError(label, thrown);
  }
}

/** Reads a whole bundle once. Throws `source.archive-*`, and what `onMember` throws. */
export async function walkBundle(host: Host, request: BundleRequest): Promise<void> {
  const seen = new Set<string>();
  const onMember = async (member: BundleMember): Promise<void> => {
    if (seen.has(member.name)) {
      throw new DroverError({
        code: 'source.archive-unsafe',
        message: `${request.archive} holds two members named ${showName(member.name)}`,
        where: { file: request.archive },
      });
    }
    seen.add(member.name);
    await request.onMember(member);
  };
  const chunks = fileChunks(host.files, request);
  try {
    await walk(host, { ...request, onMember }, chunks, basename(request.archive), undefined, 0);
  } finally {
    await chunks.return();
  }
}
