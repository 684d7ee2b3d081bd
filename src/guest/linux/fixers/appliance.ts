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
  /** Reads the guest's files again. */
  reread(): Promise<GuestTree>;
  /** Mounts everything again, for writing. */
  remount(): Promise<void>;
}
