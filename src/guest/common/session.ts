/** The one appliance of a VM: started on throw-away overlays, kept open from INSPECT to FIX, ended in every case. */
import type { Host } from '../../host/index.js';
import { DroverError } from '../../lib/error.js';
import type { DiskImage } from '../../model/results.js';
import { guestCommandScript, readGuestCommand } from './guest-command.js';
import { startGuestfish } from './guestfish.js';
import type { Guestfish, RawResult } from './guestfish.js';
import { createOverlays, moveOverlays, removeOverlays } from './overlays.js';
import type { CallResult, GuestSession } from './ports.js';
import { commandLine, quoteScript } from './words.js';

/** Whether the appliance may use KVM; `tcg` where KVM was seen to fail. */
type ApplianceAccelerator = 'kvm' | 'tcg';

export interface OpenGuestOptions {
  /** In bus order; none of them is written to. */
  readonly disks: readonly DiskImage[];
  /** Existing folder for the overlays. */
  readonly workDir: string;
  readonly accelerator: ApplianceAccelerator;
  /** Memory of the appliance. Default 1024. */
  readonly memoryMiB?: number;
  /** Longest time for one call. Default 10 minutes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const LAUNCH_TIMEOUT_MS = 180_000;
const CALL_TIMEOUT_MS = 600_000;
const CLOSE_GRACE_MS = 60_000;
/** A little over what a guest command may take, so that its own deadline strikes first. */
const COMMAND_SLACK_MS = 60_000;
const APPLIANCE_GONE = /appliance closed the connection|call launch before using this function|killed by signal/;

/** Starts the appliance on overlays over all disks of a VM. Throws `guest.appliance` when it does not come up. */
export async function openGuest(host: Host, options: OpenGuestOptions): Promise<GuestSession> {
  const overlays = await createOverlays(host, options.disks, options.workDir);
  // Sockets and scratch files of libguestfs: a folder of our own, because a killed guestfish leaves them behind.
  const temp = await host.files.makeTempDir('drover-gf-');
  let fish: Guestfish | undefined;
  const discard = async (): Promise<void> => {
    await fish?.stop();
    await host.files.removeTree(temp);
  };
  try {
    const began = host.clock.monotonic();
    fish = await startGuestfish(host, {
      env: applianceEnv(host, options.accelerator, temp),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    await launch(fish, overlays, options);
    return session(host, fish, overlays, discard, options, host.clock.monotonic() - began);
  } catch (error) {
    await discard();
    await removeOverlays(host, overlays);
    throw error;
  }
}

function applianceEnv(host: Host, accelerator: ApplianceAccelerator, temp: string): Record<string, string> {
  return {
    LIBGUESTFS_BACKEND: 'direct',
    LIBGUESTFS_BACKEND_SETTINGS: accelerator === 'tcg' ? 'force_tcg' : '',
    LIBGUESTFS_TMPDIR: temp,
    // Without it the library keeps the appliance that it builds below TMPDIR, so that every launch built and wrote 700 MB anew.
    LIBGUESTFS_CACHEDIR: host.env('LIBGUESTFS_CACHEDIR') ?? host.env('TMPDIR') ?? '/var/tmp',
    TMPDIR: temp,
    XDG_RUNTIME_DIR: temp,
    LIBGUESTFS_TRACE: '0',
    LIBGUESTFS_DEBUG: '0',
  };
}

async function launch(fish: Guestfish, overlays: readonly DiskImage[], options: OpenGuestOptions): Promise<void> {
  const setUp: string[][] = [
    ['set-memsize', String(options.memoryMiB ?? 1024)],
    ...overlays.map((disk) => ['add-drive', disk.path, 'format:qcow2', 'cachemode:unsafe', 'discard:besteffort']),
  ];
  const results = await Promise.all(setUp.map((words) => fish.send(commandLine(words), CALL_TIMEOUT_MS)));
  const timeoutMs = LAUNCH_TIMEOUT_MS * (options.accelerator === 'tcg' ? 4 : 1);
  const failed = [...results, await fish.send('run', timeoutMs)].find((result) => !result.ok);
  if (failed === undefined) return;
  throw new DroverError({
    code: 'guest.appliance',
    message: `the appliance did not start: ${failed.error.split('\n').at(-1) ?? ''}`,
    details: { error: failed.error, accelerator: options.accelerator },
  });
}

function session(
  host: Host,
  fish: Guestfish,
  overlays: readonly DiskImage[],
  discard: () => Promise<void>,
  options: OpenGuestOptions,
  launchMs: number,
): GuestSession {
  const callTimeoutMs = options.timeoutMs ?? CALL_TIMEOUT_MS;
  let rpcs = 0;
  let over = false;

  const send = async (line: string, timeoutMs = callTimeoutMs): Promise<RawResult> => {
    rpcs += 1;
    const result = await fish.send(line, timeoutMs);
    // guestfish outlives its machine; what it says then is no answer to the question.
    if (!result.ok && APPLIANCE_GONE.test(result.error)) {
      throw new DroverError({
        code: 'guest.appliance-lost',
        message: 'the appliance ended unexpectedly',
        details: { error: result.error.slice(0, 4000) },
      });
    }
    return result;
  };
  const tryCall = async (words: readonly string[]): Promise<CallResult> => textResult(await send(commandLine(words)));
  const call = async (words: readonly string[]): Promise<string> => {
    const result = await send(commandLine(words));
    if (!result.ok) throw callFailed(words[0] ?? '', result.error);
    return result.output.toString('utf8');
  };
  const attributes = ['xattrs:true', 'selinux:true', 'acls:true'];

  return {
    launchMs,
    get rpcs() {
      return rpcs;
    },
    disks: overlays,
    call,
    tryCall,
    batch: async (commands) => Promise.all(commands.map(tryCall)),
    tarOut: async (guestDir, hostTar, excludes = []) => {
      const skip = excludes.length === 0 ? [] : [`excludes:${excludes.join(' ')}`];
      await call(['tar-out', guestDir, hostTar, ...attributes, ...skip]);
    },
    tarIn: async (hostTar, guestDir) => void (await call(['tar-in', hostTar, guestDir, ...attributes])),
    download: async (guestPath, hostPath) => void (await call(['download', guestPath, hostPath])),
    upload: async (hostPath, guestPath) => void (await call(['upload', hostPath, guestPath])),
    async script(text, { timeoutMs } = {}) {
      // guestfish would split the script at blanks and take its quotes away, and an answer ends at the first NUL:
      // base64 brings both through.
      const packed = Buffer.from(text, 'utf8').toString('base64');
      const line = `debug sh "eval \\"$(echo ${packed} | base64 -d)\\" 2>/dev/null | base64"`;
      const result = await send(line, timeoutMs);
      if (!result.ok) throw callFailed('debug', result.error);
      return Buffer.from(result.output.toString('latin1'), 'base64');
    },
    async guestCommand(argv, { timeoutMs }) {
      const marker = `drover-exit-${host.random.base32(12)}:`;
      const began = host.clock.monotonic();
      const script = guestCommandScript(argv, Math.ceil(timeoutMs / 1000), marker);
      const result = await send(`sh ${quoteScript(script)}`, timeoutMs + COMMAND_SLACK_MS);
      const seconds = (host.clock.monotonic() - began) / 1000;
      return { ...readGuestCommand(result.ok ? result.output.toString('utf8') : result.error, marker), seconds };
    },
    async finish(dir) {
      over = true;
      try {
        for (const words of [['umount-all'], ['shutdown']]) {
          const result = await send(commandLine(words));
          if (!result.ok) throw callFailed(words[0] ?? '', result.error);
        }
        await fish.close(CLOSE_GRACE_MS);
      } catch (error) {
        await discard();
        await removeOverlays(host, overlays);
        throw error;
      }
      await discard();
      return moveOverlays(host, overlays, dir);
    },
    async [Symbol.asyncDispose]() {
      if (over) return;
      over = true;
      await discard();
      await removeOverlays(host, overlays);
    },
  };
}

function textResult(result: RawResult): CallResult {
  return { ok: result.ok, output: result.output.toString('utf8'), error: result.error };
}

function callFailed(command: string, error: string): DroverError {
  const first = error.split('\n')[0] ?? '';
  return new DroverError({
    code: 'guest.call',
    message: `the appliance refused "${command}": ${first}`,
    details: { command, error: error.slice(0, 4000) },
  });
}
