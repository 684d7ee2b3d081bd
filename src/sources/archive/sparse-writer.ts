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
  // What does not fill a block yet.
  const rest = Buffer.alloc(BLOCK);
  let held = 0;

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
      let data = chunk;
      if (held > 0) {
        const moved = data.copy(rest, held);
        held += moved;
        data = data.subarray(moved);
        if (held < BLOCK) return;
        await take(rest);
        held = 0;
      }
      const whole = data.length - (data.length % BLOCK);
      if (whole > 0) await take(data.subarray(0, whole));
      held = data.copy(rest, 0, whole);
    },
    async finish() {
      if (held > 0) await take(rest.subarray(0, held));
      held = 0;
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
