/** Where the files of an OVA or of an OVF folder are, with what the manifest says of them. */
import { posix } from 'node:path';
import { DroverError } from '../../lib/error.js';
import type { Host } from '../../host/index.js';
import { diskFiles } from '../../model/index.js';
import type { VmDescription } from '../../model/index.js';
import { MAX_MANIFEST_BYTES, missingFile, parseManifest } from '../archive/manifest.js';
import type { ManifestEntry } from '../archive/manifest.js';
import { plainMemberName } from '../archive/member-names.js';
import { listMembers } from '../archive/tar-members.js';
import { findDescriptor, findManifest, manifestBeside } from '../ovf/places.js';
import { resolveReference } from '../references.js';
import { entriesByName } from './pieces.js';
import type { Piece } from './pieces.js';

export interface PackagePieces {
  /** Every piece by its name in the package. */
  readonly byName: ReadonlyMap<string, Piece>;
  readonly hasManifest: boolean;
}

async function ovaPieces(host: Host, archive: string, verify: boolean): Promise<PackagePieces> {
  const table = await listMembers(host.files, archive);
  const descriptor = findDescriptor(archive, table);
  const place = verify ? findManifest(table, descriptor) : undefined;
  let entries: ReadonlyMap<string, ManifestEntry> = new Map();
  if (place !== undefined) {
    await using file = await host.files.open(archive);
    const text = await file.read(place.offset, Math.min(place.sizeBytes, MAX_MANIFEST_BYTES));
    entries = entriesByName(parseManifest(`${archive}/${place.name}`, text), posix.dirname(descriptor.name));
  }
  const byName = new Map<string, Piece>();
  for (const { name, offset, sizeBytes } of table.members.values()) {
    const entry = entries.get(name);
    const label = `${archive}/${name}`;
    byName.set(name, { name, label, path: archive, offset, sizeBytes, ...(entry === undefined ? {} : { entry }) });
  }
  for (const [name, entry] of entries) if (!byName.has(name)) throw missingFile(entry, archive);
  return { byName, hasManifest: place !== undefined };
}

async function folderPieces(
  host: Host,
  ovf: string,
  description: VmDescription,
  verify: boolean,
): Promise<PackagePieces> {
  const manifestPath = manifestBeside(ovf);
  const hasManifest = verify && manifestPath !== ovf && (await host.files.exists(manifestPath));
  const entries = hasManifest
    ? entriesByName(parseManifest(manifestPath, await host.files.read(manifestPath, MAX_MANIFEST_BYTES)), '.')
    : new Map<string, ManifestEntry>();
  // Only files that were admitted when the machine was described, or that lie below the descriptor's folder.
  const allowDirs = description.disks.flatMap(diskFiles).map((file) => file.path);
  const byName = new Map<string, Piece>();
  const add = async (name: string, entry: ManifestEntry | undefined): Promise<void> => {
    const found = await resolveReference(host.files, { allowDirs }, ovf, name);
    if (found.kind === 'missing') {
      throw entry === undefined
        ? new DroverError({ code: 'source.missing', message: `${found.path}, which ${ovf} needs, is not there` })
        : missingFile(entry, manifestPath);
    }
    const sizeBytes = (await host.files.stat(found.path))?.sizeBytes ?? 0;
    const more = entry === undefined ? {} : { entry };
    byName.set(name, { name, label: found.path, path: found.path, offset: 0, sizeBytes, ...more });
  };
  for (const [name, entry] of entries) await add(name, entry);
  for (const disk of description.disks) {
    if (disk.location.kind !== 'archive') continue;
    for (const member of disk.location.members) {
      const name = plainMemberName(member);
      if (!byName.has(name)) await add(name, undefined);
    }
  }
  return { byName, hasManifest };
}

/** The pieces of the package that a machine was described from; undefined when it comes from no package. */
export async function packagePieces(
  host: Host,
  description: VmDescription,
  verify: boolean,
): Promise<PackagePieces | undefined> {
  const { kind, path } = description.origin;
  if (kind === 'ova') return ovaPieces(host, path, verify);
  return kind === 'ovf' ? folderPieces(host, path, description, verify) : undefined;
}
