import { isBinaryText, splitLines } from './diff-lines.js';
import { changedLines } from './diff-myers.js';

export interface DiffOptions {
  /** Unchanged lines shown around each change. @default 3 */
  readonly context?: number;
  /** Upper bound of the result in bytes of UTF-8; what does not fit is replaced by a note. @default 65536 */
  readonly maxBytes?: number;
  /** The file did not exist before, or does not exist after; the header then says `/dev/null`. */
  readonly kind?: 'modified' | 'created' | 'removed';
}

const DEFAULT_MAX_BYTES = 64 * 1024;

/**
 * Unified diff of two texts, as `diff -u` and `git diff` write it: `patch -p1` applies it unless it was cut.
 * Empty when nothing changed. A text that holds a NUL byte is binary and gets a one-line note with both sizes instead.
 */
export function unifiedDiff(path: string, before: string, after: string, options: DiffOptions = {}): string {
  if (before === after) return '';
  const name = quotedName(path);
  if (isBinaryText(before) || isBinaryText(after)) {
    return `Binary file ${name} differs (${Buffer.byteLength(before)} -> ${Buffer.byteLength(after)} bytes)\n`;
  }
  const oldLines = splitLines(before);
  const newLines = splitLines(after);
  const { removed, added } = changedLines(oldLines, newLines);
  const head = [
    `--- ${options.kind === 'created' ? '/dev/null' : prefixed('a', name)}`,
    `+++ ${options.kind === 'removed' ? '/dev/null' : prefixed('b', name)}`,
  ];
  const writer = boundedWriter(options.maxBytes ?? DEFAULT_MAX_BYTES);
  for (const line of head) writer.push(`${line}\n`);
  for (const hunk of hunksOf(removed, added, oldLines.length, newLines.length, options.context ?? 3)) {
    writer.push(`@@ -${range(hunk.oldStart, hunk.oldCount)} +${range(hunk.newStart, hunk.newCount)} @@\n`);
    let i = hunk.oldStart;
    let j = hunk.newStart;
    while (i < hunk.oldStart + hunk.oldCount || j < hunk.newStart + hunk.newCount) {
      if (removed[i] === 1) writer.push(patchLine('-', oldLines[i++] ?? ''));
      else if (added[j] === 1) writer.push(patchLine('+', newLines[j++] ?? ''));
      else {
        writer.push(patchLine(' ', oldLines[i++] ?? ''));
        j += 1;
      }
    }
  }
  return writer.text();
}

interface Hunk {
  readonly oldStart: number;
  readonly oldCount: number;
  readonly newStart: number;
  readonly newCount: number;
}

/** Groups changed lines that lie at most twice the context apart. Starts count from 0. */
function hunksOf(removed: Uint8Array, added: Uint8Array, oldCount: number, newCount: number, context: number): Hunk[] {
  const hunks: Hunk[] = [];
  let open: { oldStart: number; newStart: number } | undefined;
  let quiet = 0;
  let i = 0;
  let j = 0;
  const close = (tail: number): void => {
    if (open === undefined) return;
    const surplus = quiet - tail;
    hunks.push({ ...open, oldCount: i - surplus - open.oldStart, newCount: j - surplus - open.newStart });
    open = undefined;
  };
  while (i < oldCount || j < newCount) {
    if (removed[i] === 1 || added[j] === 1) {
      open ??= { oldStart: i - Math.min(quiet, context), newStart: j - Math.min(quiet, context) };
      quiet = 0;
      if (removed[i] === 1) i += 1;
      else j += 1;
      continue;
    }
    if (open !== undefined && quiet === 2 * context) close(context);
    quiet += 1;
    i += 1;
    j += 1;
  }
  close(Math.min(quiet, context));
  return hunks;
}

/** `start,count` with lines counted from 1; an empty range names the line before it, as the format demands. */
function range(start: number, count: number): string {
  if (count === 0) return `${start},0`;
  return count === 1 ? `${start + 1}` : `${start + 1},${count}`;
}

function patchLine(sign: string, line: string): string {
  return line.endsWith('\n') ? sign + line : `${sign}${line}\n\\ No newline at end of file\n`;
}

/** Names with control characters, quotes or backslashes are quoted, so that a file name cannot forge diff lines. */
function quotedName(path: string): string {
  const name = path.replace(/^\/+/, '');
  return /[\u0000-\u001f\u007f"\\]/.test(name) ? JSON.stringify(name).replaceAll('\u007f', '\\177') : name;
}

function prefixed(side: 'a' | 'b', name: string): string {
  return name.startsWith('"') ? `"${side}/${name.slice(1)}` : `${side}/${name}`;
}

/** Collects text up to a bound in bytes and then only counts, so that a huge diff costs no memory. */
function boundedWriter(maxBytes: number): { push(line: string): void; text(): string } {
  const reserve = 64;
  const parts: string[] = [];
  let bytes = 0;
  let dropped = 0;
  return {
    push(line) {
      const size = Buffer.byteLength(line);
      if (dropped > 0 || bytes + size > maxBytes - reserve) {
        dropped += 1;
        return;
      }
      bytes += size;
      parts.push(line);
    },
    text() {
      if (dropped > 0) parts.push(`... diff cut: ${dropped} more lines\n`);
      return parts.join('');
    },
  };
}
