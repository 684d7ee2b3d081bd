import type { Host } from '../../../host/index.js';
import type { GuestSession, GuestTree } from '../../common/ports.js';

/** What fixers may do in the running appliance beyond editing the tree. */
export interface FixAppliance {
  readonly host: Host;
  readonly session: GuestSession;
  /** Copies on this machine of files too big for the tree, by real path in the guest. */
  readonly copies: ReadonlyMap<string, string>;
  /** Folder on this machine for scratch files. */
  readonly scratchDir: string;
  /** Writes pending edits into the guest. Needed before programs of the guest run. */
  flush(tree: GuestTree): Promise<void>;
  /** The tree with /etc as it is now, after programs of the guest ran. */
  rereadEtc(tree: GuestTree): Promise<GuestTree>;
  /** The tree with these files as they are now. */
  rereadFiles(tree: GuestTree, paths: readonly string[]): Promise<GuestTree>;
  /** Mounts everything again, for writing. */
  remount(): Promise<void>;
}
