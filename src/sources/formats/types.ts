/** What the header readers say about an image. They read a few places of a file and never follow a name. */
import type { Seekable } from '../../lib/tar-input.js';
import type { DiskFormat } from '../../model/index.js';
import { corrupt, tooLarge } from '../problems.js';

/** Bytes of an image: a file, or a range of one. */
export interface ByteSource extends Seekable {
  /** For messages. */
  readonly path: string;
}

export const SECTOR = 512;
/** Larger than any disk of any hypervisor; what claims more is damaged or hostile. */
export const MAX_VIRTUAL_BYTES = 64 * 1024 ** 4;

/** A run of sectors of a VMDK, in the order of the disk. */
export interface VmdkExtent {
  readonly kind: 'flat' | 'sparse' | 'cowd' | 'sesparse' | 'zero';
  readonly sectors: number;
  /** As written in the descriptor; absent for zeros and when the image holds its own data. */
  readonly name?: string;
  readonly offsetSectors: number;
}

/** An image that another one lies on top of. */
export interface ParentReference {
  /** Names as written, best first. */
  readonly names: readonly string[];
  /** The id that the parent must have. */
  readonly contentId?: string;
  readonly format?: DiskFormat;
  readonly sizeBytes?: number;
}

export interface ImageFacts {
  readonly format: DiskFormat;
  /** The writer's word for the kind: `streamOptimized`, `dynamic`, … */
  readonly subformat: string;
  readonly virtualSizeBytes: number;
  /** Bytes that hold data, where that is cheap to know. */
  readonly allocatedBytes?: number;
  readonly contentId?: string;
  /** What guests know the disk by, where the image says it. */
  readonly serial?: string;
  readonly parent?: ParentReference;
  /** VMDK only. */
  readonly extents?: readonly VmdkExtent[];
  /** A journal must be replayed before the image may be read (VHDX). */
  readonly needsReplay?: boolean;
  /** What an operator should know. */
  readonly notes: readonly string[];
}

/** A range of a source as a source of its own. */
export function windowOf(source: ByteSource, offset: number, sizeBytes: number, path: string): ByteSource {
  return {
    path,
    sizeBytes,
    read: (at, length) =>
      at >= sizeBytes ? Promise.resolve(Buffer.alloc(0)) : source.read(offset + at, Math.min(length, sizeBytes - at)),
  };
}

/** Exactly the bytes asked for. Throws `source.corrupt-image` when the file ends before. */
export async function readExactly(source: ByteSource, offset: number, length: number, what: string): Promise<Buffer> {
  const outside = !Number.isSafeInteger(offset) || offset < 0 || offset + length > source.sizeBytes;
  const bytes = outside ? undefined : await source.read(offset, length);
  if (bytes?.length !== length) {
    throw corrupt(source.path, `the ${what} should be at byte ${offset}, but the file has ${source.sizeBytes} bytes`);
  }
  return bytes;
}

/** The size itself when a disk may have it. Throws `source.too-large` or `source.corrupt-image`. */
export function checkedSize(path: string, sizeBytes: number): number {
  if (sizeBytes > MAX_VIRTUAL_BYTES) throw tooLarge(path, sizeBytes);
  if (!(sizeBytes > 0)) throw corrupt(path, 'the header says that the disk has no size');
  return sizeBytes;
}
