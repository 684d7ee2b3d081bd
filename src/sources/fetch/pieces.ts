/** Files of a package as streams that check themselves against the manifest while they pass. */
import { posix } from 'node:path';
import type { Files } from '../../host/index.js';
import { checkDigest, startDigest } from '../archive/manifest.js';
import type { ManifestEntry, OvfManifest } from '../archive/manifest.js';
import { plainMemberName } from '../archive/member-names.js';

/** One file: a member of an archive, or a file beside a descriptor. */
export interface Piece {
  /** Its name as descriptors refer to it. */
  readonly name: string;
  /** For messages. */
  readonly label: string;
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly entry?: ManifestEntry;
}

/** Entries of a manifest by the name of the file in the package. @param base folder of the descriptor in the package */
export function entriesByName(manifest: OvfManifest, base: string): ReadonlyMap<string, ManifestEntry> {
  return new Map(
    [...manifest.entries.values()].map((entry) => [plainMemberName(posix.join(base, entry.file)), entry] as const),
  );
}

/** The bytes of a piece. When it is in the manifest, its digest is checked at the end: throws `source.manifest`. */
export async function* readPiece(
  files: Files,
  piece: Piece,
  onBytes: (count: number) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  const hash = piece.entry === undefined ? undefined : startDigest(piece.entry);
  if (piece.sizeBytes > 0) {
    const stream = files.stream(piece.path, { start: piece.offset, end: piece.offset + piece.sizeBytes - 1 });
    try {
      for await (const chunk of stream) {
        signal?.throwIfAborted();
        hash?.update(chunk as Buffer);
        onBytes((chunk as Buffer).length);
        yield chunk as Buffer;
      }
    } finally {
      stream.destroy();
    }
  }
  if (piece.entry !== undefined && hash !== undefined) checkDigest(piece.entry, hash.digest('hex'), piece.label);
}
