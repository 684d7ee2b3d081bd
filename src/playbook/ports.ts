/** What loading a playbook needs from outside. `Host.files` is a `PlaybookFiles` as it stands. */
import type { Checked } from '../lib/diagnostic.js';
import type { LoadedPlaybook } from '../model/effective.js';

export interface PlaybookFiles {
  /** The whole file; throws a DroverError (`file.not-found`, `file.denied`, `file.wrong-kind`, `file.too-large`, `file.io`). */
  read(path: string, maxBytes?: number): Promise<Uint8Array>;
  /** The path with every link resolved; throws as `read` does. */
  realpath(path: string): Promise<string>;
  exists(path: string): Promise<boolean>;
}

export interface LoadOptions {
  /** Absolute folder that relative entry files start from, and that diagnostics print paths relative to. */
  readonly cwd: string;
  readonly env: (name: string) => string | undefined;
  /** Environment variables must be listed in `envAllow`. */
  readonly strict?: boolean;
  /** Includes and lists may lie outside the project root. */
  readonly allowOutsideRoot?: boolean;
  /** Arguments of `--set`: `path=value`, as `disk.format=raw`. */
  readonly set?: readonly string[];
}

/** A loaded playbook with everything that was found, in the order of the files. */
export interface LoadResult extends Checked<LoadedPlaybook> {
  /** The text of every file that was read, by the name that diagnostics print; for excerpts. */
  readonly texts: ReadonlyMap<string, string>;
}
