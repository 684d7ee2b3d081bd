/** Bounds on what an archive may unpack to, enforced on the bytes that really come out. */
import { isAllZero } from '../../lib/bytes.js';
import { archiveLimit } from './archive-errors.js';

export interface ArchiveLimits {
  readonly maxMemberBytes: number;
  readonly maxTotalBytes: number;
  /** Bytes out per byte in, over every window; runs of zeros are not counted, since they take no space. */
  readonly maxRatio: number;
  readonly windowBytes: number;
  /** Levels of archives in archives. */
  readonly maxDepth: number;
}

const TIB = 1024 ** 4;

/** @param declaredBytes sizes of the disks that a descriptor announces, 0 without one */
export function archiveLimits(declaredBytes: number, maxDepth = 3): ArchiveLimits {
  return {
    maxMemberBytes: 16 * TIB,
    maxTotalBytes: Math.max(2 * declaredBytes, 2 * TIB),
    maxRatio: 1000,
    windowBytes: 64 * 1024 ** 2,
    maxDepth,
  };
}

export interface ArchiveGuard {
  readonly limits: ArchiveLimits;
  /** Watches one decompressor: tell it what goes in and what comes out. */
  watch(): { input(bytes: number): void; output(chunk: Uint8Array): void };
  /** Watches the bytes of one member. @param name for messages */
  member(name: string): (bytes: number) => void;
}

const BLOCK = 64 * 1024;

function countData(chunk: Uint8Array): number {
  let data = 0;
  for (let at = 0; at < chunk.length; at += BLOCK) {
    const block = chunk.subarray(at, at + BLOCK);
    if (!isAllZero(block)) data += block.length;
  }
  return data;
}

/** One guard watches a whole archive with everything in it. Its watchers throw `source.archive-limit`. */
export function createGuard(archive: string, limits: ArchiveLimits): ArchiveGuard {
  let total = 0;
  const addTotal = (bytes: number): void => {
    total += bytes;
    if (total > limits.maxTotalBytes) throw archiveLimit(archive, `unpacks to more than ${limits.maxTotalBytes} bytes`);
  };
  return {
    limits,
    watch() {
      let input = 0;
      let output = 0;
      let data = 0;
      let inputAtStart = 0;
      return {
        input(bytes) {
          input += bytes;
        },
        output(chunk) {
          addTotal(chunk.length);
          output += chunk.length;
          data += countData(chunk);
          if (output < limits.windowBytes) return;
          const used = Math.max(1, input - inputAtStart);
          if (data > used * limits.maxRatio) {
            throw archiveLimit(
              archive,
              `${data} bytes came out of ${used} packed ones, more than ${limits.maxRatio} to 1; this looks like a bomb`,
            );
          }
          output = 0;
          data = 0;
          inputAtStart = input;
        },
      };
    },
    member(name) {
      let bytes = 0;
      return (more) => {
        bytes += more;
        if (bytes > limits.maxMemberBytes) {
          throw archiveLimit(archive, `${name} has more than ${limits.maxMemberBytes} bytes`);
        }
      };
    },
  };
}
