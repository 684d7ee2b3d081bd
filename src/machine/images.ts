/** qemu-img on images whose format is always said. What it prints for people is never parsed, save its progress. */
import { DroverError } from '../lib/error.js';
import type { ExecSpec, Host } from '../host/index.js';
import { qemuFormat } from '../model/index.js';
import type { DiskFormat } from '../model/index.js';

const ASK_MS = 120_000;
/** Passing over all bytes of a disk has no natural limit; the stage has one, and its signal ends the child. */
const PASS_MS = 7 * 24 * 3600 * 1000;
/** Looking at an image needs little; one that wants more is not let. */
const LIMITS = { addressSpaceBytes: 4 * 1024 ** 3, cpuSeconds: 120 };

export interface ImageFile {
  readonly path: string;
  readonly format: DiskFormat;
}

export interface ImageInfo {
  readonly virtualSizeBytes: number;
  readonly backing?: string;
  readonly isDirty: boolean;
}

function imgJson(host: Host, args: readonly string[], purpose: string, more: Partial<ExecSpec> = {}): Promise<unknown> {
  return host
    .exec({
      ...{ tool: 'qemu-img', args, purpose, mutates: false, timeoutMs: ASK_MS, limits: LIMITS },
      captureBytes: 16 * 1024 ** 2,
      ...more,
    })
    .then((result) => JSON.parse(result.stdout) as unknown);
}

/** What the header of an image says. */
export async function imageInfo(host: Host, image: ImageFile): Promise<ImageInfo> {
  const args = ['info', '--output=json', '-U', '-f', qemuFormat(image.format), image.path];
  const info = (await imgJson(host, args, 'look at an image')) as Readonly<Record<string, unknown>>;
  const backing = info['backing-filename'];
  return {
    virtualSizeBytes: Number(info['virtual-size']),
    ...(typeof backing === 'string' ? { backing } : {}),
    isDirty: info['dirty-flag'] === true,
  };
}

/** Bytes that the image will need in another format: as it is, and when all of it were filled. */
export async function measureImage(
  host: Host,
  image: ImageFile,
  format: 'qcow2' | 'raw',
): Promise<{ readonly requiredBytes: number; readonly fullBytes: number }> {
  const args = ['measure', '--output=json', '-f', qemuFormat(image.format), '-O', format, image.path];
  const answer = (await imgJson(host, args, 'measure an image')) as Readonly<Record<string, unknown>>;
  return { requiredBytes: Number(answer['required']), fullBytes: Number(answer['fully-allocated']) };
}

export type ImageCheck =
  { readonly result: 'clean' | 'unsupported' } | { readonly result: 'leaks' | 'corrupt'; readonly note: string };

/** Checks the structure of an image, never repairing anything. Throws `exec.failed` when the check could not run. */
export async function checkImage(host: Host, image: ImageFile, signal?: AbortSignal): Promise<ImageCheck> {
  const result = await host.exec({
    tool: 'qemu-img',
    args: ['check', '--output=json', '-f', qemuFormat(image.format), image.path],
    purpose: 'check the structure of an image',
    mutates: false,
    timeoutMs: PASS_MS,
    captureBytes: 1024 ** 2,
    // 2: corrupt, 3: leaks only, 63: nothing to check in this format
    okExitCodes: [0, 2, 3, 63],
    ...(signal === undefined ? {} : { signal }),
  });
  switch (result.exitCode) {
    case 0:
      return { result: 'clean' };
    case 63:
      return { result: 'unsupported' };
    default: {
      const counts = JSON.parse(result.stdout) as Readonly<Record<string, unknown>>;
      const note = `${Number(counts['corruptions'] ?? 0)} corruptions, ${Number(counts['leaks'] ?? 0)} leaked clusters`;
      return { result: result.exitCode === 2 ? 'corrupt' : 'leaks', note };
    }
  }
}

/** qemu-img says how far it is as `(12.34/100%)`. */
function reportPart(line: string, onProgress: ((part: number) => void) | undefined): void {
  const percent = /\((\d{1,3}(?:\.\d+)?)\/100%\)/.exec(line)?.[1];
  if (percent !== undefined) onProgress?.(Number(percent) / 100);
}

/** Whether two images hold the same bytes for the guest. */
export async function imagesAreEqual(
  host: Host,
  a: ImageFile,
  b: ImageFile,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (part: number) => void } = {},
): Promise<boolean> {
  const { signal, onProgress } = options;
  const result = await host.exec({
    tool: 'qemu-img',
    args: ['compare', '-p', '-f', qemuFormat(a.format), '-F', qemuFormat(b.format), a.path, b.path],
    purpose: 'compare the product with the fixed image',
    mutates: false,
    timeoutMs: PASS_MS,
    okExitCodes: [0, 1],
    onStdoutLine: (line) => reportPart(line, onProgress),
    ...(signal === undefined ? {} : { signal }),
  });
  return result.exitCode === 0;
}

export interface ConvertImageOptions {
  readonly source: ImageFile;
  /** Must not exist; removed again when this fails. */
  readonly target: string;
  readonly format: 'qcow2' | 'raw';
  readonly compress: 'none' | 'zstd' | 'zlib';
  readonly preallocation: 'off' | 'metadata' | 'falloc' | 'full';
  /**
   * `direct` bypasses the page cache, which a disk larger than memory would only wash out. `cached` is about twice as fast for
   * images that fit. Either way the product is on disk when this returns.
   */
  readonly cache: 'direct' | 'cached';
  /** Called with the part that is done, 0 to 1. */
  readonly onProgress?: (part: number) => void;
  readonly signal?: AbortSignal;
}

export interface ConvertImageReport {
  /** Options that this qemu-img or this filesystem do not know and that were left out. */
  readonly dropped: readonly string[];
  readonly cache: 'direct' | 'cached';
}

interface Attempt {
  readonly cache: 'direct' | 'cached';
  readonly preallocation: ConvertImageOptions['preallocation'];
  readonly compressionType: boolean;
}

function convertArgs(options: ConvertImageOptions, attempt: Attempt): string[] {
  const creation: string[] = [];
  const isCompressed = options.format === 'qcow2' && options.compress !== 'none';
  if (options.format === 'qcow2') creation.push('compat=1.1');
  if (isCompressed && attempt.compressionType) creation.push(`compression_type=${options.compress}`);
  if (attempt.preallocation !== 'off') creation.push(`preallocation=${attempt.preallocation}`);
  // Out of order is faster where the place of a byte does not depend on the order.
  const anyOrder = options.format === 'raw' || attempt.preallocation !== 'off';
  return [
    ...['convert', '-p', '-f', qemuFormat(options.source.format), '-O', options.format],
    // The source is read through the page cache: compressed sources are read in small pieces, and without it take twice as long.
    ...['-t', attempt.cache === 'direct' ? 'none' : 'writeback', '-m', '8'],
    ...(anyOrder ? ['-W'] : []),
    ...(isCompressed ? ['-c'] : []),
    ...(creation.length === 0 ? [] : ['-o', creation.join(',')]),
    ...[options.source.path, options.target],
  ];
}

/** What to leave out after a refusal; undefined when the refusal is about something else. */
function downgrade(
  attempt: Attempt,
  said: string,
): { readonly attempt: Attempt; readonly dropped: string } | undefined {
  if (attempt.cache === 'direct' && /O_DIRECT|does not support (?:O_)?direct|cache\.direct/i.test(said)) {
    return { attempt: { ...attempt, cache: 'cached' }, dropped: 'cache=none' };
  }
  const isOption =
    /Invalid parameter|Unknown option|Unsupported|not support|Unrecognized|Option .* not recognized/i.test(said);
  if (isOption && attempt.compressionType && /compression/i.test(said)) {
    return { attempt: { ...attempt, compressionType: false }, dropped: 'compression_type' };
  }
  if (isOption && attempt.preallocation !== 'off' && /prealloc|fallocate/i.test(said)) {
    return { attempt: { ...attempt, preallocation: 'off' }, dropped: `preallocation=${attempt.preallocation}` };
  }
  return undefined;
}

function failureOf(thrown: DroverError, options: ConvertImageOptions): DroverError {
  const said = typeof thrown.details?.['tail'] === 'string' ? thrown.details['tail'] : thrown.message;
  const isFull = /No space left on device|Disk quota exceeded/i.test(said);
  return new DroverError({
    code: isFull ? 'convert.no-space' : 'convert.failed',
    message: isFull
      ? `the filesystem became full while ${options.target} was written`
      : `${options.source.path} could not be converted: ${said.trim().split('\n').at(-1) ?? ''}`,
    details: { source: options.source.path, target: options.target, tail: said.slice(-2000) },
    cause: thrown,
  });
}

/**
 * Writes an image with its whole chain into one new file. Options that are refused are left out and tried once without; failures
 * of input or output are never tried again. Throws `convert.no-space`, `convert.failed`, `exec.cancelled`; the target is gone then.
 */
export async function convertImage(host: Host, options: ConvertImageOptions): Promise<ConvertImageReport> {
  const dropped: string[] = [];
  let preallocation = options.preallocation;
  if (options.format === 'raw' && preallocation === 'metadata') {
    dropped.push('preallocation=metadata');
    preallocation = 'off';
  }
  let attempt: Attempt = { cache: options.cache, preallocation, compressionType: options.compress !== 'none' };
  for (;;) {
    try {
      await host.exec({
        tool: 'qemu-img',
        args: convertArgs(options, attempt),
        purpose: 'write the product',
        mutates: true,
        timeoutMs: PASS_MS,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        onStdoutLine: (line) => reportPart(line, options.onProgress),
      });
      await host.files.syncFile(options.target);
      return { dropped, cache: attempt.cache };
    } catch (thrown) {
      await host.files.remove(options.target);
      if (!(thrown instanceof DroverError) || thrown.code !== 'exec.failed') throw thrown;
      const said = typeof thrown.details?.['tail'] === 'string' ? thrown.details['tail'] : '';
      const next = downgrade(attempt, said);
      if (next === undefined) throw failureOf(thrown, options);
      dropped.push(next.dropped);
      attempt = next.attempt;
    }
  }
}
