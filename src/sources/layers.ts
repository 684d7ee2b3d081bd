import type { DiskFormat } from '../model/index.js';

/** A run of sectors of a VMDK with the real path of the file that holds it. */
export interface LayerExtent {
  readonly kind: 'flat' | 'sparse' | 'cowd' | 'sesparse' | 'zero';
  readonly sectors: number;
  readonly path?: string;
  readonly offsetSectors: number;
}

/** One image of a chain. */
export interface Layer {
  /** Real path of the image, or of the archive that holds it. */
  readonly path: string;
  readonly format: DiskFormat;
  readonly subformat: string;
  readonly virtualSizeBytes: number;
  readonly contentId?: string;
  /** Where in the archive it stands. */
  readonly window?: { readonly offset: number; readonly sizeBytes: number };
  /** VMDK only. */
  readonly extents?: readonly LayerExtent[];
}
