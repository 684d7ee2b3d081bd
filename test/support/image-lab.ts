/** A private folder with test images, and the real tools to make and judge them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ImageLab {
  readonly dir: string;
  path(name: string): string;
  put(name: string, data: Uint8Array | string): string;
  read(name: string): Buffer;
  /** Runs a program in the folder; its standard output. */
  run(program: string, ...args: readonly string[]): string;
  sha256(name: string): string;
  remove(): void;
}

export function createLab(): ImageLab {
  const dir = mkdtempSync(join(tmpdir(), 'drover-lab-'));
  const path = (name: string): string => join(dir, name);
  return {
    dir,
    path,
    put(name, data) {
      writeFileSync(path(name), data);
      return path(name);
    },
    read: (name) => readFileSync(path(name)),
    run: (program, ...args) => execFileSync(program, args, { cwd: dir, encoding: 'utf8', stdio: 'pipe' }),
    sha256: (name) =>
      createHash('sha256')
        .update(readFileSync(path(name)))
        .digest('hex'),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Content of a disk: recognisable data every `stepBytes`, zeros between, something in the very last sector. */
export function sampleDisk(sizeBytes: number, stepBytes = 300 * 1024, seed = 'disk'): Buffer {
  const disk = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += stepBytes) disk.write(`${seed} ${at} `.repeat(40), at);
  disk.write(`${seed} END`, sizeBytes - 12);
  return disk;
}
