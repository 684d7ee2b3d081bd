import { createHash } from 'node:crypto';
import { DroverError } from '../lib/error.js';
import type { Files } from '../host/index.js';
import type { ChainFile } from '../model/index.js';

const SAMPLE = 1024 ** 2;

/** Facts that tell whether a file is still the one that was looked at. @param path a real path */
export async function recordFile(files: Files, path: string, role: ChainFile['role']): Promise<ChainFile> {
  const facts = await files.stat(path);
  if (facts === undefined) throw new DroverError({ code: 'source.missing', message: `${path} is not there` });
  await using file = await files.open(path);
  const hash = createHash('sha256');
  hash.update(await file.read(0, SAMPLE));
  const tail = Math.max(SAMPLE, file.sizeBytes - SAMPLE);
  if (tail < file.sizeBytes) hash.update(await file.read(tail, SAMPLE));
  return {
    path,
    role,
    sizeBytes: facts.sizeBytes,
    mtimeNs: facts.mtimeNs,
    inode: facts.inode,
    sampleSha256: hash.digest('hex'),
  };
}

/** Throws `source.changed` when a file is not as it was recorded, `source.missing` when it is gone. */
export async function checkUnchanged(files: Files, recorded: ChainFile): Promise<void> {
  const now = await recordFile(files, recorded.path, recorded.role);
  // The inode may differ: a file that was copied back with its time and bytes is the same for us.
  const differs = (['sizeBytes', 'sampleSha256', 'mtimeNs'] as const).filter((key) => now[key] !== recorded[key]);
  if (differs.length > 0) {
    const changes = differs.map((key) => `${key} ${recorded[key]} -> ${now[key]}`).join(', ');
    throw new DroverError({
      code: 'source.changed',
      message: `${recorded.path} changed since the plan was made (${changes})`,
      details: { path: recorded.path, changed: differs },
    });
  }
}
