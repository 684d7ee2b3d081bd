/** FLATTEN of one disk: an empty overlay on the admitted source, or a copy where that cannot be. */
import { join } from 'node:path';
import { DroverError } from '../../lib/error.js';
import type { Host } from '../../host/index.js';
import type { ChainFile, FetchedDisk, FlattenedDisk, Progress } from '../../model/index.js';
import { admitImage, admitMember } from '../admission.js';
import type { AdmittedDisk } from '../admission.js';
import { checkUnchanged } from '../chain-file.js';
import type { Layer } from '../layers.js';
import { compareCopy, copyImage, createOverlay, crossCheck, toolSize } from '../qemu-img.js';
import { buildView, MAX_BACKING_NAME, readableInPlace } from '../view.js';
import type { View } from '../view.js';
import { collapseVhd } from './collapse-vhd.js';

export interface FlattenRequest {
  readonly disk: FetchedDisk;
  /** Files of the source as they were recorded; checked again. Empty for what FETCH made itself. */
  readonly recorded: readonly ChainFile[];
  /** Private, empty folder of the stage; the disk's files carry its id. */
  readonly work: string;
  readonly settings: {
    readonly mode: 'auto' | 'overlay' | 'copy';
    readonly verify: 'none' | 'full';
    readonly ignoreCid: boolean;
  };
  readonly signal?: AbortSignal;
  readonly progress: (progress: Progress) => void;
}

export interface FlattenedWithFiles {
  readonly disk: FlattenedDisk;
  /** Absolute paths of what must stay as long as the image is used. */
  readonly outputs: readonly string[];
  readonly notes: readonly string[];
}

const NETWORK_FILESYSTEMS: ReadonlySet<string> = new Set([
  'nfs',
  'cifs',
  'smb2',
  'ceph',
  '9p',
  'fuse',
  '0x517b', // smb
  '0xbd00bd0', // lustre
  '0x47504653', // gpfs
  '0x5346414f', // afs
]);

/** Admits the disk again: between FETCH and now anything may have happened to its files. */
async function admitAgain(host: Host, request: FlattenRequest): Promise<Pick<AdmittedDisk, 'layers' | 'notes'>> {
  const { disk, recorded } = request;
  for (const file of recorded) await checkUnchanged(host.files, file);
  if (disk.window !== undefined) {
    const label = `${disk.path} (${disk.id})`;
    const { layer } = await admitMember(host.files, disk.path, disk.window, label, disk.format);
    return { layers: [layer], notes: [] };
  }
  const parentHint = recorded.find((file) => file.role === 'parent')?.path;
  const admitted = await admitImage(host.files, {
    path: disk.path,
    format: disk.format,
    policy: { allowDirs: disk.chain },
    ignoreCid: request.settings.ignoreCid,
    ...(parentHint === undefined ? {} : { parentHint }),
  });
  const stranger = admitted.chain.find((file) => !disk.chain.includes(file.path));
  if (stranger !== undefined) {
    throw new DroverError({
      code: 'source.changed',
      message: `${disk.path} now refers to ${stranger.path}, which it did not when it was fetched`,
      details: { path: disk.path, stranger: stranger.path },
    });
  }
  return admitted;
}

/** Why the disk must be copied; undefined when an overlay will do. */
async function whyCopy(
  host: Host,
  request: FlattenRequest,
  layers: readonly Layer[],
  view: View,
): Promise<string | undefined> {
  const { mode } = request.settings;
  if (mode === 'copy') return 'it was asked for';
  let reason: string | undefined;
  if (!readableInPlace(layers)) reason = 'QEMU cannot read a differencing VHD';
  else if (Buffer.byteLength(view.name) > MAX_BACKING_NAME)
    reason = 'the names of its files do not fit into an overlay';
  if (reason !== undefined && mode === 'overlay') {
    throw new DroverError({
      code: 'flatten.no-overlay',
      message: `${request.disk.path} cannot be used in place: ${reason}`,
      details: { path: request.disk.path },
    });
  }
  if (reason !== undefined || mode === 'overlay') return reason;
  for (const path of request.disk.chain) {
    const { fsType } = await host.files.space(path);
    if (NETWORK_FILESYSTEMS.has(fsType)) return `${path} lies on a network filesystem (${fsType})`;
  }
  return undefined;
}

async function makeOverlay(host: Host, request: FlattenRequest, view: View): Promise<FlattenedDisk> {
  const { disk, work } = request;
  const path = join(work, `${disk.id}.qcow2`);
  await createOverlay(host, view, path);
  const seen = await toolSize(host, { ...view, name: path, formatArgs: ['-f', 'qcow2'] });
  if (seen !== disk.virtualSizeBytes) {
    throw new DroverError({
      code: 'flatten.size-mismatch',
      message: `the overlay of ${disk.id} has ${seen} bytes, its source ${disk.virtualSizeBytes}`,
      details: { overlay: seen, source: disk.virtualSizeBytes },
    });
  }
  const { id, index, virtualSizeBytes } = disk;
  const backing = { path: disk.path, format: disk.format };
  return { id, index, path, format: 'qcow2', virtualSizeBytes, mode: 'overlay', backing };
}

async function makeCopy(
  host: Host,
  request: FlattenRequest,
  layers: readonly Layer[],
  view: View,
): Promise<FlattenedDisk> {
  const { disk, work, settings } = request;
  const { id, index, virtualSizeBytes } = disk;
  const report = (doneBytes: number): void =>
    request.progress({ phase: 'copy', disk: id, doneBytes, totalBytes: virtualSizeBytes, totalKind: 'exact' });
  report(0);
  const format = readableInPlace(layers) ? 'qcow2' : 'raw';
  const path = join(work, `${id}.${format}`);
  if (format === 'raw') await collapseVhd(host.files, layers, path, report, request.signal);
  else await copyImage(host, view, path, (part) => report(Math.round(part * virtualSizeBytes)));
  const copy: View = { ...view, name: path, driver: format, formatArgs: ['-f', format] };
  const seen = await toolSize(host, copy);
  if (seen !== virtualSizeBytes) {
    throw new DroverError({
      code: 'flatten.size-mismatch',
      message: `the copy of ${id} has ${seen} bytes, its source ${virtualSizeBytes}`,
      details: { copy: seen, source: virtualSizeBytes },
    });
  }
  if (settings.verify === 'full' && format === 'qcow2') await compareCopy(host, view, { path, format });
  return { id, index, path, format, virtualSizeBytes, mode: 'copy' };
}

/** Makes the writable image of one disk. The source is only read. */
export async function flattenDisk(host: Host, request: FlattenRequest): Promise<FlattenedWithFiles> {
  const { disk, work } = request;
  const { layers, notes } = await admitAgain(host, request);
  const dir = join(work, `${disk.id}.view`);
  await host.files.makeDir(dir);
  const view = await buildView(host.files, dir, layers);
  await crossCheck(host, view, disk.virtualSizeBytes, disk.path);
  const reason = await whyCopy(host, request, layers, view);
  const said = notes.filter((text) => text.includes('content ids'));
  if (reason === undefined) {
    const flat = await makeOverlay(host, request, view);
    return { disk: flat, outputs: [flat.path, dir], notes: said };
  }
  const flat = await makeCopy(host, request, layers, view);
  await host.files.removeTree(dir);
  const isWorthSaying = request.settings.mode !== 'copy';
  if (flat.format === 'raw' && request.settings.verify === 'full') {
    said.push(`${disk.id} could not be compared with its source: no tool reads a differencing VHD`);
  }
  return {
    disk: flat,
    outputs: [flat.path],
    notes: isWorthSaying ? [...said, `${disk.id} was copied, because ${reason}`] : said,
  };
}
