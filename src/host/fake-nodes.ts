/** What files in memory are made of. */
import type { FileFacts } from './ports.js';

export interface FileNode {
  readonly kind: 'file';
  readonly inode: number;
  data: Buffer;
  size: number;
  /** How much of the file survives a power failure for sure. */
  durable: number;
  mode: number;
  mtimeMs: number;
  uid: number;
}
interface DirNode {
  readonly kind: 'directory';
  readonly inode: number;
  mode: number;
  mtimeMs: number;
  uid: number;
}
interface LinkNode {
  readonly kind: 'symlink';
  readonly inode: number;
  readonly target: string;
}
export type Node = FileNode | DirNode | LinkNode;

/** What a file holds; a view, not a copy. */
export function content(node: FileNode): Buffer {
  return node.data.subarray(0, node.size);
}

/** Appends to a file. */
export function grow(node: FileNode, chunk: Uint8Array, nowMs: number): void {
  const size = node.size + chunk.length;
  if (node.data.length < size) {
    const bigger = Buffer.alloc(Math.max(size, node.data.length * 2, 256));
    node.data.copy(bigger, 0, 0, node.size);
    node.data = bigger;
  }
  node.data.set(chunk, node.size);
  node.size = size;
  node.mtimeMs = nowMs;
}

/** What `stat` says of a node. */
export function nodeFacts(path: string, node: Node): FileFacts {
  return {
    path,
    kind: node.kind,
    sizeBytes: node.kind === 'file' ? node.size : 0,
    allocatedBytes: node.kind === 'file' ? Math.ceil(node.size / 4096) * 4096 : 0,
    mtimeNs: node.kind === 'symlink' ? '0' : (BigInt(Math.floor(node.mtimeMs)) * 1_000_000n).toString(),
    inode: String(node.inode),
    device: '1',
    mode: node.kind === 'symlink' ? 0o777 : node.mode,
    uid: node.kind === 'symlink' ? 0 : node.uid,
  };
}
