import type { FetchedDisk, Progress, VmDescription } from '../../model/index.js';
import type { AdmittedDisk } from '../admission.js';
import type { ArchiveLimits } from '../archive/limits.js';
import type { Layer } from '../layers.js';
import type { PackagePieces } from './package-pieces.js';

export interface FetchRequest {
  readonly description: VmDescription;
  readonly settings: { readonly copy: boolean; readonly verifyManifest: boolean; readonly nested: number };
  readonly ignoreCid: boolean;
  /** Private, empty folder. */
  readonly work: string;
  readonly signal?: AbortSignal | undefined;
  readonly progress: (progress: Progress) => void;
}

/** Gathers the bytes of all that happens. */
export interface Meter {
  readonly total: (bytes: number) => void;
  readonly add: (bytes: number, phase: string, disk?: string) => void;
}

export interface OpenContext {
  readonly pieces: PackagePieces | undefined;
  /** Unpacked files of a bundle by member name. */
  readonly bundled: ReadonlyMap<string, string>;
  readonly limits: ArchiveLimits;
  readonly meter: Meter;
  /** Names of pieces that were read, and so checked. */
  readonly alreadyRead: Set<string>;
}

/** A disk that tools can open now. */
export interface Opened {
  readonly disk: FetchedDisk;
  readonly layers: readonly Layer[];
  readonly allocatedBytes?: number;
  /** Absolute paths of files that were made for it. */
  readonly made: readonly string[];
  readonly notes: readonly string[];
}

/** A disk that stands in files, as admitted. */
export function openedFiles(
  disk: { readonly id: string; readonly index: number },
  admitted: AdmittedDisk,
  how: FetchedDisk['how'],
  more: { readonly bytes: number; readonly made: readonly string[]; readonly notes?: readonly string[] },
): Opened {
  const leaf = admitted.layers[0];
  return {
    disk: {
      id: disk.id,
      index: disk.index,
      path: leaf?.path ?? '',
      format: leaf?.format ?? 'raw',
      virtualSizeBytes: admitted.virtualSizeBytes,
      how,
      chain: admitted.chain.map((file) => file.path),
      bytes: more.bytes,
    },
    layers: admitted.layers,
    allocatedBytes: admitted.allocatedBytes,
    made: more.made,
    notes: more.notes ?? [],
  };
}
