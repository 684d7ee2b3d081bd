/**
 * FETCH of one machine. Local files stay where they are; what is packed is unpacked, what must be copied is copied, and what
 * a manifest covers is checked while it passes. At the end every disk can be opened, and the tool agrees on its size.
 */
import { join } from 'node:path';
import { DroverError } from '../../lib/error.js';
import type { Host } from '../../host/index.js';
import { diskFiles } from '../../model/index.js';
import type { FetchedDisk, Progress, SourceDisk, VmDescription } from '../../model/index.js';
import { archiveLimits } from '../archive/limits.js';
import { checkUnchanged } from '../chain-file.js';
import { crossCheck } from '../qemu-img.js';
import { buildView } from '../view.js';
import { fetchArchiveDisk, wantsUnpacking } from './archive-disk.js';
import { unpackBundle } from './bundle-disks.js';
import { blankDisk, fileDisk } from './file-disk.js';
import type { FetchRequest, Meter, OpenContext, Opened } from './opened.js';
import { packagePieces } from './package-pieces.js';
import type { PackagePieces } from './package-pieces.js';
import { readPiece } from './pieces.js';
import { checkSpace } from './unpack.js';

export interface FetchedVm {
  /** With what only unpacking showed filled in. */
  readonly description: VmDescription;
  readonly disks: readonly FetchedDisk[];
  /** Absolute paths of files that were made. */
  readonly made: readonly string[];
  /** Bytes that were read from archives or written. */
  readonly bytes: number;
  readonly warnings: readonly string[];
}

/** Gathers the bytes of all that happens into one progress. */
function createMeter(report: (progress: Progress) => void): Meter & { readonly done: () => number } {
  let totalBytes = 0;
  let doneBytes = 0;
  return {
    total: (bytes) => void (totalBytes += bytes),
    add: (bytes, phase, disk) => {
      doneBytes += bytes;
      const more = disk === undefined ? {} : { disk };
      report({ phase, ...more, doneBytes, totalBytes: Math.max(totalBytes, doneBytes), totalKind: 'upper-bound' });
    },
    done: () => doneBytes,
  };
}

/** Bytes that will be written: what is unpacked or copied. Unknown sizes are guessed from the packed ones. */
function neededBytes(request: FetchRequest): number {
  let needed = 0;
  for (const disk of request.description.disks) {
    const { location } = disk;
    if (location.kind === 'file' && request.settings.copy) needed += disk.allocatedBytes ?? disk.virtualSizeBytes ?? 0;
    if (location.kind !== 'archive' || !wantsUnpacking(disk, request.settings.copy)) continue;
    const packed = location.files.reduce((sum, file) => sum + file.sizeBytes, 0);
    needed += disk.virtualSizeBytes === undefined ? 2 * packed : Math.min(disk.virtualSizeBytes, 4 * packed);
  }
  return needed;
}

async function checkSource(host: Host, description: VmDescription): Promise<void> {
  const seen = new Set<string>();
  for (const file of description.disks.flatMap(diskFiles)) {
    if (seen.has(file.path)) continue;
    seen.add(file.path);
    await checkUnchanged(host.files, file);
  }
}

/** Reads what the manifest covers and what no disk has read already. */
async function verifyRest(
  host: Host,
  request: FetchRequest,
  pieces: PackagePieces,
  alreadyRead: ReadonlySet<string>,
  meter: Meter,
): Promise<void> {
  for (const piece of pieces.byName.values()) {
    if (piece.entry === undefined || alreadyRead.has(piece.name)) continue;
    const onBytes = (count: number): void => meter.add(count, 'verify');
    for await (const _ of readPiece(host.files, piece, onBytes, request.signal));
  }
}

async function check(host: Host, request: FetchRequest, opened: Opened): Promise<void> {
  const dir = join(request.work, `${opened.disk.id}.check`);
  await host.files.makeDir(dir);
  try {
    const view = await buildView(host.files, dir, opened.layers);
    await crossCheck(host, view, opened.disk.virtualSizeBytes, opened.disk.path);
  } finally {
    await host.files.removeTree(dir);
  }
}

function described(disk: SourceDisk, opened: Opened): SourceDisk {
  const { virtualSizeBytes, format } = opened.disk;
  const { location } = disk;
  return {
    ...disk,
    virtualSizeBytes,
    ...(opened.allocatedBytes === undefined ? {} : { allocatedBytes: opened.allocatedBytes }),
    location: location.kind === 'archive' ? { ...location, format } : location,
  };
}

/** Fetches a machine. On failure nothing of what was made is left. */
export async function fetchVm(host: Host, request: FetchRequest): Promise<FetchedVm> {
  const { description, settings } = request;
  await checkSource(host, description);
  await checkSpace(host.files, request.work, neededBytes(request));
  const meter = createMeter(request.progress);
  const pieces = await packagePieces(host, description, settings.verifyManifest);
  for (const piece of pieces?.byName.values() ?? []) if (piece.entry !== undefined) meter.total(piece.sizeBytes);
  const declared = description.disks.reduce((sum, disk) => sum + (disk.virtualSizeBytes ?? 0), 0);
  const limits = archiveLimits(declared);
  const isBundle = description.origin.kind === 'bundle';
  const bundled = isBundle ? await unpackBundle(host, request, limits, meter) : new Map<string, string>();
  const opened: Opened[] = [];
  try {
    const alreadyRead = new Set<string>();
    for (const disk of description.disks) {
      request.signal?.throwIfAborted();
      opened.push(await openDisk(host, request, disk, { pieces, bundled, limits, meter, alreadyRead }));
    }
    if (pieces !== undefined) await verifyRest(host, request, pieces, alreadyRead, meter);
    for (const one of opened) await check(host, request, one);
  } catch (thrown) {
    for (const path of [...bundled.values(), ...opened.flatMap((one) => one.made)]) await host.files.remove(path);
    throw thrown;
  }
  return {
    description: {
      ...description,
      disks: description.disks.map((disk, index) => described(disk, opened[index] as Opened)),
    },
    disks: opened.map((one) => one.disk),
    made: opened.flatMap((one) => one.made),
    bytes: meter.done(),
    warnings: opened.flatMap((one) => one.notes),
  };
}

async function openDisk(host: Host, request: FetchRequest, disk: SourceDisk, ctx: OpenContext): Promise<Opened> {
  try {
    switch (disk.location.kind) {
      case 'blank':
        return await blankDisk(host, request, disk);
      case 'file':
        return await fileDisk(host, request, disk, ctx.meter);
      case 'archive':
        return await fetchArchiveDisk(host, request, disk, ctx);
    }
  } catch (thrown) {
    throw thrown instanceof DroverError ? thrown.at({ disk: disk.id }) : thrown;
  }
}
