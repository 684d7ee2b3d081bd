import type { FileChange } from '../../../model/fix.js';

/** What became of one initramfs. */
export interface ImageOutcome {
  readonly done: boolean;
  readonly why: string;
}

/** Collects changes of files that the tree does not hold. */
export type FileChanges = FileChange[];
