import { join } from 'node:path';
import { DroverError } from '../../lib/error.js';
import type { Host } from '../../host/index.js';
import type { DiskFormat, FetchedDisk, SourceDisk } from '../../model/index.js';
import { admitImage, admitMember } from '../admission.js';
import { plainMemberName } from '../archive/member-names.js';
import { listMembers } from '../archive/tar-members.js';
import { unsupported } from '../problems.js';
import { replayedCopy } from './file-disk.js';
import { openedFiles } from './opened.js';
import type { FetchRequest, OpenContext, Opened } from './opened.js';
import { readPiece } from './pieces.js';
import type { Piece } from './pieces.js';
import { unpackPieces } from './unpack.js';

/** Whether a disk in an archive must be unpacked. */
export function wantsUnpacking(disk: SourceDisk, copy: boolean): boolean {
  return disk.location.kind === 'archive' && (copy || disk.location.inPlace !== true);
}

function checksumOf(pieces: readonly Piece[]): Pick<FetchedDisk, 'checksum'> {
  const [only, ...more] = pieces;
  if (only?.entry === undefined || more.length > 0) return {};
  return { checksum: { algorithm: only.entry.algorithm, value: only.entry.digest } };
}

/** Admits what was unpacked; it must be an image that stands alone. */
async function openUnpacked(
  host: Host,
  request: FetchRequest,
  disk: SourceDisk,
  ctx: OpenContext,
  path: string,
  label: string,
  bytes: number,
): Promise<Opened> {
  const said = disk.location.kind === 'archive' ? disk.location.format : 'unknown';
  const format: DiskFormat | undefined = said === 'unknown' ? undefined : said;
  const admitted = await admitImage(host.files, {
    path,
    policy: { allowDirs: [] },
    ...(format === undefined ? {} : { format }),
  });
  if (admitted.layers.length > 1 || admitted.chain.length > 1) {
    throw unsupported(label, 'needs other files than itself, which an archive cannot hold');
  }
  if (admitted.needsReplay) {
    const copy = await replayedCopy(host, request, disk, path, ctx.meter);
    await host.files.remove(path);
    return { ...copy, disk: { ...copy.disk, how: 'extracted' } };
  }
  const notes = admitted.notes;
  const opened = openedFiles(disk, admitted, 'extracted', { bytes, made: [path], notes });
  if (disk.virtualSizeBytes !== undefined && disk.virtualSizeBytes !== admitted.virtualSizeBytes) {
    const sizes = `${admitted.virtualSizeBytes} bytes, the descriptor says ${disk.virtualSizeBytes}`;
    return { ...opened, notes: [...notes, `${label} is a disk of ${sizes}; the image counts`] };
  }
  return opened;
}

async function inPlace(
  host: Host,
  request: FetchRequest,
  disk: SourceDisk,
  ctx: OpenContext,
  place: { readonly offset: number; readonly sizeBytes: number },
  piece: Piece | undefined,
): Promise<Opened> {
  if (disk.location.kind !== 'archive') throw new TypeError('a disk without an archive');
  const { archive, members, format } = disk.location;
  const label = `${archive}/${members[0] ?? ''}`;
  const { layer, facts } = await admitMember(
    host.files,
    archive,
    place,
    label,
    format === 'unknown' ? undefined : format,
  );
  if (piece?.entry !== undefined) {
    const onBytes = (count: number): void => ctx.meter.add(count, 'verify', disk.id);
    for await (const _ of readPiece(host.files, piece, onBytes, request.signal));
    ctx.alreadyRead.add(piece.name);
  }
  return {
    disk: {
      id: disk.id,
      index: disk.index,
      path: archive,
      format: layer.format,
      virtualSizeBytes: layer.virtualSizeBytes,
      how: 'in-place',
      window: { offset: place.offset, sizeBytes: place.sizeBytes },
      chain: [archive],
      bytes: 0,
      ...(piece === undefined ? {} : checksumOf([piece])),
    },
    layers: [layer],
    ...(facts.allocatedBytes === undefined ? {} : { allocatedBytes: facts.allocatedBytes }),
    made: [],
    notes: [],
  };
}

/** A disk in an OVA, in pieces beside an OVF, or in a bundle. */
export async function fetchArchiveDisk(
  host: Host,
  request: FetchRequest,
  disk: SourceDisk,
  ctx: OpenContext,
): Promise<Opened> {
  if (disk.location.kind !== 'archive') throw new TypeError('a disk without an archive');
  const { archive, members, compression } = disk.location;
  const unpacked = ctx.bundled.get(members[0] ?? '');
  if (unpacked !== undefined) {
    const bytes = (await host.files.stat(unpacked))?.allocatedBytes ?? 0;
    return openUnpacked(host, request, disk, ctx, unpacked, `${archive}/${members[0] ?? ''}`, bytes);
  }
  if (ctx.pieces === undefined) {
    // A bundle that is not packed and whose members are read where they are.
    const place = (await listMembers(host.files, archive)).members.get(members[0] ?? '');
    if (place === undefined) throw missing(archive, members[0] ?? '');
    return inPlace(host, request, disk, ctx, place, undefined);
  }
  const pieces = members.map((name) => {
    const piece = ctx.pieces?.byName.get(plainMemberName(name));
    if (piece === undefined) throw missing(archive, name);
    return piece;
  });
  const [first] = pieces;
  if (first !== undefined && !wantsUnpacking(disk, request.settings.copy)) {
    return inPlace(host, request, disk, ctx, first, first);
  }
  for (const piece of pieces) if (piece.entry === undefined) ctx.meter.total(piece.sizeBytes);
  const target = join(request.work, `${disk.id}.img`);
  const { dataBytes } = await unpackPieces(host, {
    pieces,
    compression,
    target,
    limits: ctx.limits,
    onBytes: (count) => ctx.meter.add(count, 'unpack', disk.id),
    signal: request.signal,
  });
  for (const piece of pieces) ctx.alreadyRead.add(piece.name);
  const label = first?.label ?? archive;
  const opened = await openUnpacked(host, request, disk, ctx, target, label, dataBytes);
  return { ...opened, disk: { ...opened.disk, ...checksumOf(pieces) } };
}

function missing(archive: string, member: string): DroverError {
  return new DroverError({
    code: 'source.changed',
    message: `${archive} no longer holds ${member}`,
    details: { archive, member },
  });
}
