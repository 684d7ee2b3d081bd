import { isAllZero } from '../../lib/bytes.js';
import type { AppendFile, Files } from '../../host/index.js';

const BLOCK = 64 * 1024;

export interface SparseResult {
  readonly sizeBytes: number;
  /** Bytes really written; the rest are holes. */
  readonly dataBytes: number;
}

/** Writes a file front to back, leaving holes where at least one whole block is zero. */
export interface SparseWriter {
  write(chunk: Buffer): Promise<void>;
  /** Completes the file and makes it durable. */
  finish(): Promise<SparseResult>;
  /** Gives up: closes and removes the file. */
  abandon(): Promise<void>;
}

/** Creates the file, which must not exist. */
export async function openSparse(files: Files, path: string): Promise<SparseWriter> {
  const created = await files.createExclusive(path);
  await new Promise<void>((resolve, reject) => created.once('error', reject).end(resolve));
  const file: AppendFile = await files.openAppend(path);
  let written = 0;
  let size = 0;
  let dataBytes = 0;
  let rest: Buffer = Buffer.alloc(0);

  const put = async (data: Buffer): Promise<void> => {
    // What was passed over becomes a hole: the file is made longer, and appending goes on behind it.
    if (written < size) await files.truncate(path, size);
    await file.append(data);
    size += data.length;
    written = size;
    dataBytes += data.length;
  };
  const take = async (data: Buffer): Promise<void> => {
    let start = 0;
    for (let at = 0; at <= data.length; at += BLOCK) {
      const block = data.subarray(at, at + BLOCK);
      if (block.length > 0 && !isAllZero(block)) continue;
      if (at > start) await put(data.subarray(start, at));
      size += block.length;
      start = at + block.length;
      if (block.length < BLOCK) break;
    }
    if (start < data.length) await put(data.subarray(start));
  };
  return {
    async write(chunk) {
      const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const whole = all.length - (all.length % BLOCK);
      rest = Buffer.from(all.subarray(whole));
      if (whole > 0) await take(all.subarray(0, whole));
    },
    async finish() {
      if (rest.length > 0) await take(rest);
      rest = Buffer.alloc(0);
      if (written < size) await files.truncate(path, size);
      await file.sync();
      await file.close();
      return { sizeBytes: size, dataBytes };
    },
    async abandon() {
      await file.close();
      await files.remove(path);
    },
  };
}
