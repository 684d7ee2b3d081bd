/** The disks of CONVERT: what each needs, and the one pass that writes, checks and places it. */
import { posix } from 'node:path';
import pLimit from 'p-limit';
import { digestOf } from '../lib/canonical-json.js';
import { DroverError } from '../lib/error.js';
import { formatSize } from '../lib/units.js';
import type { Host } from '../host/index.js';
import { checkImage, convertImage, fileSha256, imageInfo, imagesAreEqual, measureImage } from '../machine/index.js';
import { diskSettings } from '../model/index.js';
import type { ConvertedDisk, DiskImage, StageContext, StageTask } from '../model/index.js';
import { entryOf, placeProduct, productName } from './products.js';
import type { ProductRecord } from './products.js';

/** Disks of one machine that are written at the same time. */
const DISKS_AT_ONCE = 2;
/** A product that needs more than this part of the free memory is written past the page cache. */
const CACHE_SHARE = 0.25;
/** Room for the file system's own books. */
const SPACE_MARGIN = 1.02;

interface ConvertWarning {
  readonly code:
    | 'convert.cache-downgraded'
    | 'convert.option-dropped'
    | 'convert.leaks'
    | 'convert.checksum-failed'
    | 'convert.xml-unchecked';
  readonly message: string;
}

/** One disk to be written. */
export interface Job {
  readonly disk: DiskImage;
  readonly name: string;
  readonly format: 'qcow2' | 'raw';
  readonly compress: 'none' | 'zstd' | 'zlib';
  readonly preallocation: 'off' | 'metadata' | 'falloc' | 'full';
  readonly madeFrom: string;
  readonly requiredBytes: number;
  /** An earlier attempt wrote it from the same input. */
  readonly isDone: boolean;
}

export interface Work {
  readonly host: Host;
  readonly task: StageTask;
  readonly context: StageContext;
  readonly warnings: ConvertWarning[];
}

/** What the product of a disk will be and need. */
export async function planJob(work: Work, record: ProductRecord, disk: DiskImage): Promise<Job> {
  const { host, task } = work;
  const settings = diskSettings(task.vm.settings, disk.index);
  const facts = await host.files.stat(disk.path);
  const name = `${productName(task.vm.name)}-disk${disk.index}.${settings.format}`;
  const { compress, preallocation } = settings;
  const isCompressed = settings.format === 'qcow2' && compress !== 'none';
  // The image itself is part of this, not only its fingerprint: a FIX that was forced to run again left another one.
  const madeFrom = digestOf({
    fingerprint: task.fingerprint,
    source: { path: disk.path, sizeBytes: facts?.sizeBytes ?? 0, mtimeNs: facts?.mtimeNs ?? '' },
  });
  const known = await entryOf(host, task.paths.out, record, name);
  const measured = await measureImage(host, disk, settings.format);
  const isFull = preallocation === 'full' || preallocation === 'falloc';
  if (settings.format === 'raw' && compress !== 'none') {
    work.warnings.push({
      code: 'convert.option-dropped',
      message: `disk ${disk.index}: raw images have no compression`,
    });
  }
  return {
    disk,
    name,
    format: settings.format,
    compress: isCompressed ? compress : 'none',
    preallocation,
    madeFrom,
    requiredBytes: isFull ? measured.fullBytes : measured.requiredBytes,
    isDone: known?.madeFrom === madeFrom,
  };
}

/** Refuses before the first byte when the products cannot fit. A compressed product may be smaller than measured, so it is tried. */
export async function checkSpace(host: Host, out: string, jobs: readonly Job[]): Promise<void> {
  const open = jobs.filter((job) => !job.isDone && job.compress === 'none');
  const needed = Math.ceil(open.reduce((sum, job) => sum + job.requiredBytes, 0) * SPACE_MARGIN);
  const { freeBytes } = await host.files.space(out);
  if (needed > freeBytes) throw noSpace(out, needed, freeBytes);
}

function noSpace(out: string, neededBytes: number, availableBytes: number, cause?: unknown): DroverError {
  return new DroverError({
    code: 'convert.no-space',
    message: `${out} has ${formatSize(availableBytes)} free; the products need ${formatSize(neededBytes)}`,
    details: { path: out, neededBytes, availableBytes },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Writes, checks and places one product. */
async function convertDisk(
  work: Work,
  job: Job,
  signal: AbortSignal,
  onBytes: (done: number) => void,
  place: (part: string) => Promise<void>,
): Promise<ConvertedDisk> {
  const { host, task, warnings } = work;
  const { out } = task.paths;
  const path = posix.join(out, job.name);
  const { convert } = task.vm.settings;
  const began = host.clock.monotonic();
  const part = `${path}.part-${host.random.base32(10)}`;
  const image = { path: part, format: job.format };
  const facts = await host.facts();
  const isLarge = job.requiredBytes > facts.availableMemoryBytes * CACHE_SHARE;
  let check: ConvertedDisk['check'] = 'skipped';
  try {
    const report = await convertImage(host, {
      source: job.disk,
      target: part,
      format: job.format,
      compress: job.compress,
      preallocation: job.preallocation,
      cache: isLarge ? 'direct' : 'cached',
      onProgress: (share) => onBytes(Math.round(share * job.requiredBytes)),
      signal,
    });
    for (const option of report.dropped) {
      const code = option === 'cache=none' ? 'convert.cache-downgraded' : 'convert.option-dropped';
      warnings.push({ code, message: `disk ${job.disk.index} was written without ${option}` });
    }
    const info = await imageInfo(host, image);
    if (info.virtualSizeBytes !== job.disk.virtualSizeBytes || info.backing !== undefined) {
      throw new DroverError({
        code: 'convert.size-mismatch',
        message: `the product of disk ${job.disk.index} has ${info.virtualSizeBytes} bytes instead of ${job.disk.virtualSizeBytes}`,
        details: { expected: job.disk.virtualSizeBytes, actual: info.virtualSizeBytes },
      });
    }
    if (convert.verify !== 'none') check = await verify(work, job, image, signal);
    await place(part);
  } catch (thrown) {
    await host.files.remove(part);
    if (thrown instanceof DroverError && thrown.code === 'convert.no-space') {
      const { freeBytes } = await host.files.space(out);
      throw noSpace(out, job.requiredBytes, freeBytes, thrown);
    }
    throw thrown;
  }
  return productOf(work, job, check, (host.clock.monotonic() - began) / 1000);
}

function report(work: Work, phase: string, job: Job, doneBytes: number, totalBytes: number): void {
  work.context.progress({ phase, disk: job.disk.id, doneBytes, totalBytes, totalKind: 'exact' });
}

async function verify(
  work: Work,
  job: Job,
  image: { readonly path: string; readonly format: 'qcow2' | 'raw' },
  signal: AbortSignal,
): Promise<ConvertedDisk['check']> {
  const found = await checkImage(work.host, image, signal);
  if (found.result === 'corrupt') {
    throw new DroverError({
      code: 'convert.corrupt',
      message: `the product of disk ${job.disk.index} is damaged: ${found.note}`,
    });
  }
  if (found.result === 'leaks') {
    work.warnings.push({ code: 'convert.leaks', message: `disk ${job.disk.index}: ${found.note}` });
  }
  if (work.task.vm.settings.convert.verify !== 'full') return found.result;
  const onProgress = (part: number): void =>
    report(work, 'verify', job, Math.round(part * job.disk.virtualSizeBytes), job.disk.virtualSizeBytes);
  if (!(await imagesAreEqual(work.host, job.disk, image, { signal, onProgress }))) {
    throw new DroverError({
      code: 'convert.differs',
      message: `the product of disk ${job.disk.index} differs from the fixed image`,
    });
  }
  return found.result;
}

/** Facts of a product at its place, with its checksum file when one is wanted. */
async function productOf(work: Work, job: Job, check: ConvertedDisk['check'], seconds: number): Promise<ConvertedDisk> {
  const { host, task, warnings } = work;
  const path = posix.join(task.paths.out, job.name);
  const facts = await host.files.stat(path);
  let sha256: string | undefined;
  if (task.vm.settings.convert.checksum) {
    try {
      const size = facts?.sizeBytes ?? 0;
      const onBytes = (bytes: number): void => report(work, 'checksum', job, bytes, size);
      sha256 = await fileSha256(host, path, { signal: work.context.signal, onBytes });
      await host.files.writeAtomic(`${path}.sha256`, `${sha256}  ${job.name}\n`, 0o644);
    } catch (thrown) {
      if (!(thrown instanceof DroverError)) throw thrown;
      warnings.push({ code: 'convert.checksum-failed', message: `disk ${job.disk.index}: ${thrown.message}` });
    }
  }
  return {
    ...job.disk,
    path,
    format: job.format,
    fileBytes: facts?.sizeBytes ?? 0,
    allocatedBytes: facts?.allocatedBytes ?? 0,
    ...(sha256 === undefined ? {} : { sha256 }),
    check,
    seconds: Math.round(seconds * 10) / 10,
  };
}

/** Runs all jobs; the first failure ends the others and is the one that is thrown. */
export async function convertAll(work: Work, jobs: readonly Job[]): Promise<readonly ConvertedDisk[]> {
  const { host, task, context } = work;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const totalBytes = jobs.reduce((sum, job) => sum + job.requiredBytes, 0);
  const done = new Map(jobs.map((job) => [job.disk.index, job.isDone ? job.requiredBytes : 0]));
  const atStart = [...done.values()].reduce((sum, bytes) => sum + bytes, 0);
  const began = host.clock.monotonic();
  const reportAll = (): void => {
    const doneBytes = [...done.values()].reduce((sum, bytes) => sum + bytes, 0);
    const seconds = (host.clock.monotonic() - began) / 1000;
    const rateBps = seconds > 0.5 ? Math.round((doneBytes - atStart) / seconds) : undefined;
    context.progress({
      phase: 'convert',
      doneBytes,
      totalBytes,
      totalKind: 'exact',
      ...(rateBps === undefined || rateBps === 0
        ? {}
        : { rateBps, etaS: Math.round((totalBytes - doneBytes) / rateBps) }),
    });
  };
  const disks = pLimit(DISKS_AT_ONCE);
  // The record of the folder is read, changed and written: one at a time.
  const placing = pLimit(1);
  let first: Error | undefined;
  const runs = jobs.map((job) =>
    disks(async () => {
      if (job.isDone) {
        context.log('info', `disk ${job.disk.index}: ${job.name} was already written from the same image`);
        return productOf(work, job, 'skipped', 0);
      }
      signal.throwIfAborted();
      const place = async (part: string): Promise<void> => {
        await placing(() => placeProduct(host, task.paths.out, part, job.name, job.madeFrom));
      };
      const onBytes = (bytes: number): void => {
        done.set(job.disk.index, bytes);
        reportAll();
      };
      return convertDisk(work, job, signal, onBytes, place);
    }).catch((thrown: unknown) => {
      first ??= thrown instanceof Error ? thrown : new Error(String(thrown));
      stop.abort(thrown);
      return undefined;
    }),
  );
  const results = await Promise.all(runs);
  if (first !== undefined) throw first;
  reportAll();
  return results.filter((result) => result !== undefined);
}
