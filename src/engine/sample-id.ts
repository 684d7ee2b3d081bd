/** A digest of a file that costs 4 MiB of reading however large the file is. */
import { createHash } from 'node:crypto';
import type { Host } from '../host/index.js';
import { seededFraction } from './retry.js';

const BLOCK_BYTES = 64 * 1024;
const BLOCKS = 64;
/** Up to this size the whole file is read: sampling would read as much. */
const WHOLE_BYTES = BLOCK_BYTES * (BLOCKS + 2);

/** The sampled blocks of a file of a size: the first, the last and 64 between, the same for the same size. */
function sampleOffsets(sizeBytes: number): readonly number[] {
  if (sizeBytes <= WHOLE_BYTES) {
    return Array.from({ length: Math.ceil(sizeBytes / BLOCK_BYTES) }, (_, block) => block * BLOCK_BYTES);
  }
  const blocks = Math.floor(sizeBytes / BLOCK_BYTES);
  const chosen = new Set([0, sizeBytes - BLOCK_BYTES]);
  for (let turn = 0; chosen.size < BLOCKS + 2; turn += 1) {
    chosen.add(Math.floor(seededFraction('sample', sizeBytes, turn) * blocks) * BLOCK_BYTES);
  }
  return [...chosen].sort((a, b) => a - b);
}

/** `sampled:<sha256>` over size and samples. It finds any change of size and most changes of content; it proves nothing. */
export async function sampleId(host: Host, path: string): Promise<string> {
  await using file = await host.files.open(path);
  const hash = createHash('sha256').update(`${file.sizeBytes}\n`);
  for (const offset of sampleOffsets(file.sizeBytes)) hash.update(await file.read(offset, BLOCK_BYTES));
  return `sampled:${hash.digest('hex')}`;
}

/** SHA-256 of a whole file, hex. */
export async function fileSha256(host: Host, path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of host.files.stream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
