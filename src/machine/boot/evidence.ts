import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Host } from '../../host/index.js';

/** SHA-256 of a file, hex, read as a stream. */
export async function fileSha256(
  host: Host,
  path: string,
  options: { readonly signal?: AbortSignal; readonly onBytes?: (done: number) => void } = {},
): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  for await (const chunk of host.files.stream(path)) {
    options.signal?.throwIfAborted();
    hash.update(chunk as Buffer);
    done += (chunk as Buffer).length;
    options.onBytes?.(done);
  }
  return hash.digest('hex');
}

/** Writes `sha256sums` over every file of the folder, in the form that `sha256sum -c` reads. */
export async function sealEvidence(host: Host, dir: string): Promise<void> {
  const lines: string[] = [];
  for (const name of await host.files.list(dir)) {
    const path = posix.join(dir, name);
    if (name === 'sha256sums' || (await host.files.lstat(path))?.kind !== 'file') continue;
    lines.push(`${await fileSha256(host, path)}  ${name}\n`);
  }
  await host.files.writeAtomic(posix.join(dir, 'sha256sums'), lines.join(''));
}

/** One JSON document per line. */
export function jsonLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}
