/** The two views of a guest: the open appliance, and the files read out of it in bulk. */
import type { Inspection } from '../../model/inspection.js';
import type { DiskImage } from '../../model/results.js';

/** Result of one appliance call that is allowed to fail. */
export interface CallResult {
  readonly ok: boolean;
  readonly output: string;
  readonly error: string;
}

/**
 * One running appliance with all disks of a VM attached in bus order. A call costs 0.15 to 0.3 s without KVM whatever it
 * does, so facts and edits move in bulk as tar archives.
 */
export interface GuestSession extends AsyncDisposable {
  readonly launchMs: number;
  /** Appliance calls so far. */
  readonly rpcs: number;
  /** What the appliance works on, in bus order: throw-away overlays over the images it was opened with. */
  readonly disks: readonly DiskImage[];
  /** One guestfish command as separate words. Throws `guest.call` when it fails. */
  call(words: readonly string[]): Promise<string>;
  tryCall(words: readonly string[]): Promise<CallResult>;
  /** Several commands sent together; the answers come in order. */
  batch(commands: readonly (readonly string[])[]): Promise<readonly CallResult[]>;
  /** Packs a folder of the mounted guest into a tar file on the host, with modes, owners and extended attributes. */
  tarOut(guestDir: string, hostTar: string, excludes?: readonly string[]): Promise<void>;
  /** Unpacks a tar file of the host over a folder of the mounted guest, with modes, owners and extended attributes. */
  tarIn(hostTar: string, guestDir: string): Promise<void>;
  download(guestPath: string, hostPath: string): Promise<void>;
  upload(hostPath: string, guestPath: string): Promise<void>;
  /**
   * Runs a shell script with the appliance's own programs, outside the guest's root: many small questions for the price of
   * one call. The guest's tree stands below `/sysroot`; symlinks in it are not confined there. The script is written by
   * Drover; only words that passed `plainWord` may be put into it. At most 3 MiB come back; standard error is dropped.
   */
  script(text: string, options?: { readonly timeoutMs?: number }): Promise<Buffer>;
  /**
   * Runs a program of the guest in a chroot inside the appliance, without network. FIX only. `exitCode` 127 and
   * `available: false` when the appliance cannot run programs of this guest.
   */
  guestCommand(
    argv: readonly string[],
    options: { readonly timeoutMs: number },
  ): Promise<{
    readonly available: boolean;
    readonly exitCode: number;
    readonly output: string;
    readonly seconds: number;
  }>;
  /** Unmounts, shuts the appliance down cleanly and moves the overlays into `dir`. Nothing can be called afterwards. */
  finish(dir: string): Promise<readonly DiskImage[]>;
}

/**
 * A guest that is mounted in its appliance, as INSPECT leaves it for FIX. Disposing of it throws the appliance and its
 * overlays away; `session.finish` keeps them.
 */
export interface OpenGuest extends AsyncDisposable {
  readonly session: GuestSession;
  readonly inspection: Inspection;
  /** Empty when no Linux root was found. */
  readonly tree: GuestTree;
  /** Copies on this machine of files too big for the tree (initramfs images), by real path in the guest. */
  readonly copies: ReadonlyMap<string, string>;
  readonly mounted: 'ro' | 'rw' | 'no';
  /** Mounts everything that INSPECT mounted again, for writing or for reading. */
  remount(mode: 'ro' | 'rw'): Promise<void>;
}

export interface GuestNode {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeS: number;
  readonly sizeBytes: number;
  readonly linkTarget?: string;
  /** Extended attributes as the archive holds them (`security.selinux`, …). */
  readonly xattrs: Readonly<Record<string, string>>;
}

export interface TreeChange {
  readonly path: string;
  readonly kind: 'modified' | 'created' | 'removed' | 'symlink';
  /** Content before, absent when the file did not exist. */
  readonly before?: Buffer;
  /** Content after, absent when it is removed. */
  readonly after?: Buffer;
  readonly node?: GuestNode;
}

/**
 * The guest's files as far as they were read, with edits laid over them. All paths are absolute in the guest; symlinks
 * are followed inside the guest's own root and can never leave it. Nothing reaches the guest before the changes are applied.
 */
export interface GuestTree {
  /** Follows symlinks. Undefined when there is nothing, or when it was not read. */
  stat(path: string): GuestNode | undefined;
  lstat(path: string): GuestNode | undefined;
  /** Content of a file, symlinks followed. Undefined for what is absent, no regular file, or over the size cap. */
  read(path: string): Buffer | undefined;
  /** `read` as latin1 text, so that every byte survives an edit. */
  text(path: string): string | undefined;
  /** Names in a folder, sorted; empty when it is absent. */
  list(dir: string): readonly string[];
  /** Real path inside the guest, symlinks resolved. */
  resolve(path: string): string | undefined;
  /** Writes through symlinks to the resolved file; owner, mode and attributes of an existing file stay unless a mode is given. */
  write(path: string, content: Buffer | string, mode?: number): void;
  remove(path: string): void;
  symlink(target: string, path: string): void;
  /** Changes since the tree was read or `settle` was called; equal content is no change. Sorted by path. */
  changes(): readonly TreeChange[];
  /** Makes the present content the new starting point. */
  settle(): void;
}
