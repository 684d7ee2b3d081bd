/** qemu-img on views: it opens exactly what was admitted, and what it says is compared with what we read ourselves. */
import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';
import type { View } from './view.js';

const ASK_MS = 60_000;
/** A pass over a disk has no natural limit; the stage's own limit and signal end it. */
const PASS_MS = 7 * 24 * 3600 * 1000;
/** Looking at a header needs little; what wants more is not let. */
const LIMITS = { addressSpaceBytes: 1024 ** 3, cpuSeconds: 30 };

/**
 * Size of the disk as the tool sees it. Not asked with `info`, which opens nothing below an image and therefore refuses
 * a description that names what lies there. As a raw image a disk takes its own size, and nothing is read to know it.
 */
export async function toolSize(host: Host, view: View): Promise<number> {
  const { stdout } = await host.exec({
    tool: 'qemu-img',
    args: ['measure', '--output=json', '-O', 'raw', '-U', ...view.formatArgs, '--', view.name],
    purpose: 'look at an image',
    mutates: false,
    timeoutMs: ASK_MS,
    captureBytes: 16 * 1024 ** 2,
    limits: LIMITS,
  });
  const measured = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  return Number(measured['fully-allocated']);
}

/**
 * Throws `source.size-mismatch` unless the tool sees the size that the header says, and `source.corrupt-image` when it
 * refuses an image whose header we accepted. @param label for messages
 */
export async function crossCheck(host: Host, view: View, expectedBytes: number, label: string): Promise<void> {
  const seen = await toolSize(host, view).catch((thrown: unknown) => {
    if (!(thrown instanceof DroverError) || thrown.code !== 'exec.failed') throw thrown;
    throw new DroverError({
      code: 'source.corrupt-image',
      message: `${label} cannot be opened: ${thrown.message}`,
      ...(thrown.details === undefined ? {} : { details: thrown.details }),
      cause: thrown,
    });
  });
  if (seen === expectedBytes) return;
  throw new DroverError({
    code: 'source.size-mismatch',
    message: `${label}: the header says ${expectedBytes} bytes, qemu-img sees ${seen}`,
    details: { header: expectedBytes, tool: seen },
  });
}

/** Creates an empty qcow2 overlay on a view, whose size it takes. */
export async function createOverlay(host: Host, view: View, path: string): Promise<void> {
  await host.exec({
    tool: 'qemu-img',
    args: ['create', '-q', '-f', 'qcow2', '-b', view.name, '-F', view.driver, '--', path],
    purpose: 'lay an overlay over the source',
    mutates: false,
    timeoutMs: ASK_MS,
  });
}

/** Creates an empty disk. */
export async function createBlank(host: Host, path: string, sizeBytes: number): Promise<void> {
  await host.exec({
    tool: 'qemu-img',
    args: ['create', '-q', '-f', 'qcow2', '--', path, String(sizeBytes)],
    purpose: 'create an empty disk',
    mutates: false,
    timeoutMs: ASK_MS,
  });
}

/** Collapses a view into one qcow2 file. Removes it again on failure. @param onPart called with what is done, 0 to 1 */
export async function copyImage(host: Host, view: View, target: string, onPart: (part: number) => void): Promise<void> {
  try {
    await host.exec({
      tool: 'qemu-img',
      args: ['convert', '-p', '-m', '8', ...view.formatArgs, '-O', 'qcow2', '--', view.name, target],
      purpose: 'copy a disk',
      mutates: false,
      timeoutMs: PASS_MS,
      onStdoutLine: (line) => {
        const percent = /\((\d{1,3}(?:\.\d+)?)\/100%\)/.exec(line)?.[1];
        if (percent !== undefined) onPart(Number(percent) / 100);
      },
    });
  } catch (thrown) {
    await host.files.remove(target);
    const said = thrown instanceof DroverError ? thrown.details?.['tail'] : undefined;
    if (typeof said === 'string' && /No space left on device|Disk quota exceeded/i.test(said)) {
      throw new DroverError({
        code: 'source.no-space',
        message: `the filesystem became full while ${target} was written`,
        cause: thrown,
      });
    }
    throw thrown;
  }
}

/** Throws `flatten.verify-failed` unless both hold the same bytes. */
export async function compareCopy(
  host: Host,
  view: View,
  copy: { readonly path: string; readonly format: 'qcow2' | 'raw' },
): Promise<void> {
  const { exitCode, stdout } = await host.exec({
    tool: 'qemu-img',
    args: ['compare', ...view.formatArgs, '-F', copy.format, '--', view.name, copy.path],
    purpose: 'compare the copy with its source',
    mutates: false,
    timeoutMs: PASS_MS,
    okExitCodes: [0, 1],
  });
  if (exitCode === 0) return;
  throw new DroverError({
    code: 'flatten.verify-failed',
    message: `${copy.path} differs from its source: ${stdout.trim().split('\n').at(-1) ?? ''}`,
    details: { path: copy.path },
  });
}

/** Replays the journal of a VHDX that was not closed. @param path a private copy */
export async function replayJournal(host: Host, path: string): Promise<void> {
  await host.exec({
    tool: 'qemu-img',
    args: ['check', '-q', '-r', 'all', '-f', 'vhdx', '--', path],
    purpose: 'replay the journal of a copy',
    mutates: false,
    timeoutMs: PASS_MS,
    // 3: only leaked space is left
    okExitCodes: [0, 3],
  });
}
