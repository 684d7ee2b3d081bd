import { DroverError } from '../../lib/error.js';
import type { Host, RunningProcess } from '../../host/index.js';
import { openQmp } from '../qmp/client.js';
import type { QmpClient, QmpOptions } from '../qmp/client.js';
import { BoundedText } from './tail.js';

/** Everything the boot proof may tell QEMU to do. */
export const BOOT_GRANT = ['query-status', 'query-uuid', 'cont', 'screendump', 'query-blockstats', 'quit'] as const;

/** What QEMU says when it cannot start, and what helps. */
const START_HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/Could not access KVM kernel module: Permission denied/, 'Add the user to the group kvm, then log in again.'],
  [
    /failed to initialize kvm|kvm_buf_set_msrs/i,
    'KVM is broken here; remove the remembered probe with `drover doctor --fresh`.',
  ],
  [/Failed to get "?\w+"? lock/, 'Another process has the image open; end it and try again.'],
  [/Cannot allocate memory/, 'Free memory, or lower `validate.memory`.'],
  [/No such file or directory/, 'A file that QEMU names is gone; look at the last line.'],
  [
    /is not a valid device model name|Unknown (?:driver|device)/,
    'This build of QEMU lacks a device; install the full package.',
  ],
];

/** The error for a QEMU that ended before the guest started. */
function startError(said: string, how: string): DroverError {
  const last = said.trim().split('\n').slice(-20).join('\n').slice(-2000);
  const hint = START_HINTS.find(([pattern]) => pattern.test(said))?.[1];
  const line = last.split('\n').at(-1) ?? '';
  return new DroverError({
    code: 'vm.start-failed',
    message: `QEMU ended before the guest started (${how})${line === '' ? '' : `: ${line}`}`,
    ...(hint === undefined ? {} : { hint }),
    details: { tail: last },
  });
}

export interface StartedQemu {
  readonly process: RunningProcess;
  readonly qmp: QmpClient;
  /** What it said on its standard output and error. */
  readonly said: BoundedText;
}

/**
 * Starts QEMU paused and connects to its monitor. Throws `vm.start-failed` when it ends first, and what the monitor throws.
 * The caller owns the process from the moment it is started, also when this fails: `onStarted` gets it.
 */
export async function startQemu(
  host: Host,
  request: {
    readonly argv: readonly string[];
    readonly qmpSocket: string;
    readonly uuid: string;
    readonly cwd: string;
    readonly limitMs: number;
    readonly signal?: AbortSignal;
    readonly onStarted: (process: RunningProcess, said: BoundedText) => void;
  },
  options: QmpOptions,
): Promise<StartedQemu> {
  const process = await host.spawn({
    tool: 'qemu-system-x86_64',
    args: request.argv,
    purpose: 'boot the product from throw-away overlays',
    cwd: request.cwd,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    mergeStderr: true,
  });
  const said = new BoundedText(512 * 1024);
  process.stdout.on('data', (chunk: Buffer) => said.add(chunk.toString('utf8')));
  request.onStarted(process, said);
  let ended: string | undefined;
  void process.exited.then(({ code, signal }) => {
    ended = code === null ? `ended by ${signal ?? 'a signal'}` : `exit code ${code}`;
  });
  const began = host.clock.monotonic();
  while (!(await host.files.exists(request.qmpSocket))) {
    request.signal?.throwIfAborted();
    if (ended !== undefined) throw startError(said.text, ended);
    if (host.clock.monotonic() - began > request.limitMs) throw startError(said.text, 'no monitor socket in time');
    await host.clock.sleep(20, request.signal);
  }
  try {
    const qmp = await openQmp(host, request.qmpSocket, { ...options, greetingTimeoutMs: request.limitMs });
    // Whoever answers must be this machine and no other before it is told anything.
    const answer = (await qmp.execute('query-uuid')) as { readonly UUID?: unknown };
    if (answer.UUID !== request.uuid) {
      throw new DroverError({
        code: 'vm.qmp.protocol',
        message: `the monitor belongs to the machine ${String(answer.UUID)}, not to ${request.uuid}`,
      });
    }
    return { process, qmp, said };
  } catch (thrown) {
    request.signal?.throwIfAborted();
    // A QEMU that dies while it builds the machine closes the socket a moment before it can be seen to have ended.
    await Promise.race([process.exited, host.clock.sleep(1000)]);
    if (ended !== undefined) throw startError(said.text, ended);
    throw thrown;
  }
}
