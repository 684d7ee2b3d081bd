/** Manifests of OVF packages: lines `ALGORITHM(file)= hex`. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import { plainMemberName } from './member-names.js';

export const MAX_MANIFEST_BYTES = 5 * 1024 ** 2;

const LENGTHS: Readonly<Record<string, number>> = { sha1: 40, sha256: 64, sha384: 96, sha512: 128 };

export interface ManifestEntry {
  readonly file: string;
  readonly algorithm: string;
  /** Lower-case hex. */
  readonly digest: string;
}

export interface OvfManifest {
  readonly entries: ReadonlyMap<string, ManifestEntry>;
  readonly notes: readonly string[];
}

/** Parses a manifest. Lines that cannot be read become notes, so that they are not taken for checked. */
export function parseManifest(path: string, bytes: Buffer): OvfManifest {
  const entries = new Map<string, ManifestEntry>();
  const notes: string[] = [];
  let unread = 0;
  for (const line of bytes.toString('utf8').split(/\r\n|\n|\r/)) {
    if (line.trim() === '') continue;
    const match = /^\s*([A-Za-z0-9-]+)\s*\(\s*(.+?)\s*\)\s*=\s*([0-9A-Fa-f]+)\s*$/.exec(line);
    const algorithm = match?.[1]?.toLowerCase().replace('-', '') ?? '';
    const digest = match?.[3]?.toLowerCase() ?? '';
    if (match === null || LENGTHS[algorithm] !== digest.length) {
      unread += 1;
      if (unread <= 3) notes.push(`${path}: the line ${showName(line)} cannot be read; nothing was checked for it`);
      continue;
    }
    const file = plainMemberName(match[2] ?? '');
    entries.set(file, { file, algorithm, digest });
  }
  if (unread > 3) notes.push(`${path}: ${unread - 3} more lines cannot be read`);
  return { entries, notes };
}

export function startDigest(entry: ManifestEntry): Hash {
  return createHash(entry.algorithm);
}

/** Throws `source.manifest` when a digest is not the one of the manifest. @param label the file, for messages */
export function checkDigest(entry: ManifestEntry, actual: string, label: string): void {
  if (actual === entry.digest) return;
  throw new DroverError({
    code: 'source.manifest',
    message: `${label}: its ${entry.algorithm} is ${actual}, the manifest says ${entry.digest}`,
    details: { file: entry.file, algorithm: entry.algorithm, expected: entry.digest, actual },
  });
}

export function missingFile(entry: ManifestEntry, manifest: string): DroverError {
  return new DroverError({
    code: 'source.manifest',
    message: `${manifest} lists ${showName(entry.file)}, which is not there`,
    details: { file: entry.file, manifest },
  });
}
