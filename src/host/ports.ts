/** The doors to the outside, as interfaces; `real-host.ts` opens them, `fake-host.ts` plays them in tests. */
import type { Readable, Writable } from 'node:stream';
import type { Secret, Redactor } from '../lib/secret.js';
import type { ToolName } from './tools.js';

export interface ExecSpec {
  readonly tool: ToolName;
  readonly args: readonly string[];
  /** Why, in a few words; goes into logs and errors. */
  readonly purpose: string;
  /** Whether it changes anything outside the task's own scratch folder. */
  readonly mutates: boolean;
  readonly timeoutMs: number;
  /** Time between SIGTERM and SIGKILL on timeout and cancel. @default 10 000 */
  readonly graceMs?: number;
  readonly signal?: AbortSignal;
  /** Text or bytes for standard input; closed at once without it. */
  readonly stdin?: string | Uint8Array | Secret | AsyncIterable<Uint8Array>;
  readonly cwd?: string;
  /** Added to the allow-listed environment. Secrets are revealed here only. */
  readonly env?: Readonly<Record<string, string | Secret>>;
  readonly okExitCodes?: readonly number[];
  /** Called for every line (ended by LF or CR) of standard output as it comes. */
  readonly onStdoutLine?: (line: string) => void;
  readonly onStderrLine?: (line: string) => void;
  /** Keep the whole standard output up to this many bytes (default 64 KiB tail; set it for JSON output). */
  readonly captureBytes?: number;
  /** Let the child die with Drover where the system can do that. Default true. */
  readonly dieWithParent?: boolean;
  /** Address-space and CPU limits for reading untrusted files. */
  readonly limits?: { readonly addressSpaceBytes?: number; readonly cpuSeconds?: number };
}

export interface ExecResult {
  readonly exitCode: number;
  /** The captured output: whole up to `captureBytes`, else a bounded tail. */
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Uint8Array;
  readonly truncated: boolean;
  readonly durationMs: number;
}

/** A child that runs beside the caller until it is stopped. */
export interface RunningProcess extends AsyncDisposable {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** What nobody reads of it is thrown away beyond a megabyte. */
  readonly stderr: Readable;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** SIGTERM to the group, a grace period, SIGKILL to the group. Idempotent. */
  stop(graceMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface SpawnSpec {
  readonly tool: ToolName;
  readonly args: readonly string[];
  readonly purpose: string;
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | Secret>>;
  readonly dieWithParent?: boolean;
  /** Writes standard error into the same pipe as standard output. */
  readonly mergeStderr?: boolean;
}

export interface FileFacts {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'block' | 'other';
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  readonly mtimeNs: string;
  readonly inode: string;
  readonly device: string;
  readonly mode: number;
  readonly uid: number;
}

/** A file open for reading at any place. */
export interface RandomAccessFile extends AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
  /** Up to `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** A file open for appending whose records can be made durable. */
export interface AppendFile extends AsyncDisposable {
  append(data: string | Uint8Array): Promise<void>;
  /** fdatasync */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Files of this machine. Every failure is a DroverError (`file.not-found`, `file.denied`, `file.no-space`,
 * `file.wrong-kind`, `file.too-large`, `file.io`). Only files and block devices are opened: nothing here waits for a pipe.
 */
export interface Files {
  read(path: string, maxBytes?: number): Promise<Buffer>;
  readText(path: string, maxBytes?: number): Promise<string>;
  exists(path: string): Promise<boolean>;
  /** Follows symlinks. Undefined when there is nothing. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** Does not follow symlinks. */
  lstat(path: string): Promise<FileFacts | undefined>;
  realpath(path: string): Promise<string>;
  /** Names in a folder, sorted. */
  list(dir: string): Promise<readonly string[]>;
  makeDir(dir: string, mode?: number): Promise<void>;
  /** Why this process could not create something in a folder (read-only filesystem, no permission); undefined when it could. */
  whyNotWritable(dir: string): Promise<string | undefined>;
  /** Temp name in the same folder, fsync, rename, fsync of the folder. Default mode 0600. */
  writeAtomic(path: string, data: string | Uint8Array, mode?: number): Promise<void>;
  /** Creates a file with this content unless the name is taken; says whether it did. Not synced: meant for locks. */
  createNew(path: string, data: string | Uint8Array, mode?: number): Promise<boolean>;
  /** Makes a hard link unless the name is taken; `impossible` where the file system does not give one. For locks. */
  linkNew(existing: string, path: string): Promise<'made' | 'taken' | 'impossible'>;
  /** Creates a file that must not exist yet (O_EXCL, O_NOFOLLOW); the stream reports errors as `error` events. */
  createExclusive(path: string, mode?: number): Promise<Writable>;
  open(path: string): Promise<RandomAccessFile>;
  stream(path: string, range?: { readonly start: number; readonly end: number }): Readable;
  openAppend(path: string, mode?: number): Promise<AppendFile>;
  truncate(path: string, sizeBytes: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Removes a folder with all it holds; no error when it is gone already. */
  removeTree(dir: string): Promise<void>;
  /** Removes a folder that holds nothing; says whether it did. */
  removeEmptyDir(dir: string): Promise<boolean>;
  syncDir(dir: string): Promise<void>;
  syncFile(path: string): Promise<void>;
  /** Free and total bytes for an ordinary user, and the filesystem type where known. */
  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number; readonly fsType: string }>;
  /** A fresh private folder (0700) below `parent`, or below the system's temporary folder. */
  makeTempDir(prefix: string, parent?: string): Promise<string>;
  symlink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string>;
  touch(path: string): Promise<void>;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. For display and windows only. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  setTimer(ms: number, run: () => void): { cancel(): void };
}

export interface Random {
  bytes(count: number): Buffer;
  /** Random characters of Crockford's base32 in lower case. */
  base32(count: number): string;
}

/** A byte stream to a local server, such as a QMP monitor. */
export interface Connection extends AsyncDisposable {
  readonly input: Readable;
  readonly output: Writable;
  close(): void;
}

export interface MachineFacts {
  readonly hostname: string;
  readonly user: string;
  readonly uid: number;
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
  readonly cpus: number;
  readonly totalMemoryBytes: number;
  readonly availableMemoryBytes: number;
}

/** What a task adds to everything that is done in its name. */
export interface HostScope {
  readonly signal?: AbortSignal;
  readonly log?: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;
  readonly spawned?: (group: {
    readonly pgid: number;
    readonly startTicks: string;
    readonly bootId: string;
    readonly tool: string;
  }) => Promise<void>;
  readonly where?: { readonly vm?: string; readonly stage?: string };
}

export interface Host {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly redactor: Redactor;
  readonly cwd: string;
  env(name: string): string | undefined;
  facts(): Promise<MachineFacts>;
  exec(spec: ExecSpec): Promise<ExecResult>;
  spawn(spec: SpawnSpec): Promise<RunningProcess>;
  /** Absolute path of a program; throws `exec.missing-tool` with the package to install. */
  resolveTool(tool: ToolName): Promise<string>;
  /** First line of the program's version output; undefined when it is not installed. Probed once. */
  toolVersion(tool: ToolName): Promise<string | undefined>;
  connectUnix(path: string, timeoutMs: number): Promise<Connection>;
  /** Whether the process or group with exactly this identity is alive. */
  isAlive(identity: { readonly pid: number; readonly startTicks: string; readonly bootId: string }): Promise<boolean>;
  /** Whether anything of a process group is alive, even when its leader is gone. */
  isGroupAlive(identity: {
    readonly pgid: number;
    readonly startTicks: string;
    readonly bootId: string;
  }): Promise<boolean>;
  /** Signals a process group after checking its identity; false when it is gone. */
  signalGroup(
    identity: { readonly pgid: number; readonly startTicks: string; readonly bootId: string },
    signal: NodeJS.Signals,
  ): Promise<boolean>;
  /** The same host acting for a task: its signal, log and process registry apply to everything. */
  within(scope: HostScope): Host;
}
