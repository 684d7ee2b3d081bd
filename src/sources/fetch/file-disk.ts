import { join } from 'node:path';
import type { Host } from '../../host/index.js';
import type { SourceDisk } from '../../model/index.js';
import { admitImage } from '../admission.js';
import { collapseVhd } from '../flatten/collapse-vhd.js';
import { copyImage, createBlank, replayJournal } from '../qemu-img.js';
import { buildView, readableInPlace } from '../view.js';
import { openedFiles } from './opened.js';
import type { FetchRequest, Meter, Opened } from './opened.js';
import { checkSpace, writeSparse } from './unpack.js';

/** A file that Drover made and that stands alone. */
async function admitMade(host: Host, path: string, format: 'raw' | 'qcow2' | 'vhdx') {
  return admitImage(host.files, { path, format, policy: { allowDirs: [] } });
}

/** An empty disk of the size that the descriptor asks for. */
export async function blankDisk(host: Host, request: FetchRequest, disk: SourceDisk): Promise<Opened> {
  const path = join(request.work, `${disk.id}.qcow2`);
  await createBlank(host, path, disk.virtualSizeBytes ?? 0);
  return openedFiles(disk, await admitMade(host, path, 'qcow2'), 'blank', { bytes: 0, made: [path] });
}

/** A VHDX whose journal is pending: only a copy may be written to. */
export async function replayedCopy(
  host: Host,
  request: FetchRequest,
  disk: SourceDisk,
  source: string,
  meter: Meter,
): Promise<Opened> {
  const path = join(request.work, `${disk.id}.vhdx`);
  const facts = await host.files.stat(source);
  await checkSpace(host.files, request.work, facts?.allocatedBytes ?? 0);
  meter.total(facts?.sizeBytes ?? 0);
  const stream = host.files.stream(source);
  const chunks = async function* (): AsyncGenerator<Buffer, void, void> {
    for await (const chunk of stream) {
      request.signal?.throwIfAborted();
      meter.add((chunk as Buffer).length, 'copy', disk.id);
      yield chunk as Buffer;
    }
  };
  const { dataBytes } = await writeSparse(host.files, path, chunks());
  await replayJournal(host, path);
  const notes = [`${source} was not closed properly; its journal was replayed in a copy`];
  return openedFiles(disk, await admitMade(host, path, 'vhdx'), 'copied', { bytes: dataBytes, made: [path], notes });
}

/** A disk in files of its own: used where it is, or collapsed into a copy when that was asked for. */
export async function fileDisk(host: Host, request: FetchRequest, disk: SourceDisk, meter: Meter): Promise<Opened> {
  if (disk.location.kind !== 'file') throw new TypeError('a disk without files');
  const { path, format, chain } = disk.location;
  const parentHint = chain.find((file) => file.role === 'parent')?.path;
  const admitted = await admitImage(host.files, {
    path,
    format,
    policy: { allowDirs: chain.map((file) => file.path) },
    ignoreCid: request.ignoreCid,
    ...(parentHint === undefined ? {} : { parentHint }),
  });
  if (admitted.needsReplay) return replayedCopy(host, request, disk, path, meter);
  if (!request.settings.copy) return openedFiles(disk, admitted, 'in-place', { bytes: 0, made: [] });
  const size = admitted.virtualSizeBytes;
  meter.total(size);
  let done = 0;
  const report = (bytes: number): void => {
    meter.add(bytes - done, 'copy', disk.id);
    done = bytes;
  };
  if (!readableInPlace(admitted.layers)) {
    const target = join(request.work, `${disk.id}.raw`);
    const bytes = await collapseVhd(host.files, admitted.layers, target, report, request.signal);
    return openedFiles(disk, await admitMade(host, target, 'raw'), 'copied', { bytes, made: [target] });
  }
  const dir = join(request.work, `${disk.id}.view`);
  await host.files.makeDir(dir);
  const target = join(request.work, `${disk.id}.qcow2`);
  try {
    const view = await buildView(host.files, dir, admitted.layers);
    await copyImage(host, view, target, (part) => report(Math.round(part * size)));
  } finally {
    await host.files.removeTree(dir);
  }
  const bytes = (await host.files.stat(target))?.allocatedBytes ?? 0;
  return openedFiles(disk, await admitMade(host, target, 'qcow2'), 'copied', { bytes, made: [target] });
}
