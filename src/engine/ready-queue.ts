/** Tasks that could start, in buckets of equal demand; only the head of each bucket is ever looked at. */
import { Heap } from '../lib/heap.js';
import type { Need } from './pools.js';

interface Entry {
  readonly node: number;
  readonly key: number;
}

export interface Bucket {
  readonly signature: string;
  readonly isFetch: boolean;
  /** Sources, targets and hosts that its tasks use, for circuits. */
  readonly resources: readonly string[];
  readonly heap: Heap<Entry>;
}

/** A task at the head of its bucket. */
export interface Head {
  readonly bucket: Bucket;
  readonly node: number;
  readonly key: number;
  readonly needs: readonly Need[];
}

export interface Placement {
  readonly signature: string;
  readonly isFetch: boolean;
  readonly resources: readonly string[];
  readonly needs: readonly Need[];
  /** Lower leaves first. */
  readonly key: number;
}

export class ReadyQueue {
  readonly #buckets = new Map<string, Bucket>();
  readonly #placed = new Map<
    number,
    { readonly bucket: Bucket; readonly key: number; readonly needs: readonly Need[] }
  >();

  get size(): number {
    return this.#placed.size;
  }

  has(node: number): boolean {
    return this.#placed.has(node);
  }

  nodes(): IterableIterator<number> {
    return this.#placed.keys();
  }

  needs(node: number): readonly Need[] {
    return this.#placed.get(node)?.needs ?? [];
  }

  resources(node: number): readonly string[] {
    return this.#placed.get(node)?.bucket.resources ?? [];
  }

  /** Puts a task in, or moves it when it is in already. */
  add(node: number, place: Placement): void {
    let bucket = this.#buckets.get(place.signature);
    if (bucket === undefined) {
      const { signature, isFetch, resources } = place;
      bucket = { signature, isFetch, resources, heap: new Heap<Entry>((a, b) => a.key < b.key) };
      this.#buckets.set(signature, bucket);
    }
    this.#placed.set(node, { bucket, key: place.key, needs: place.needs });
    bucket.heap.push({ node, key: place.key });
  }

  /** Takes a task out; its entry in the heap is dropped when it comes up. */
  remove(node: number): void {
    this.#placed.delete(node);
  }

  /** The first task of every bucket. */
  *heads(): IterableIterator<Head> {
    for (const bucket of this.#buckets.values()) {
      for (;;) {
        const entry = bucket.heap.peek();
        if (entry === undefined) {
          this.#buckets.delete(bucket.signature);
          break;
        }
        const placed = this.#placed.get(entry.node);
        if (placed?.bucket === bucket && placed.key === entry.key) {
          yield { bucket, node: entry.node, key: entry.key, needs: placed.needs };
          break;
        }
        bucket.heap.pop();
      }
    }
  }
}

/**
 * The name of a bucket. Units of large pools (bytes) are rounded up to a 64th of the pool, so that machines of slightly
 * different size share a bucket instead of each getting one of its own.
 */
export function signatureOf(
  needs: readonly Need[],
  capacity: (pool: number) => number,
  isFetch: boolean,
  resources: readonly string[],
): string {
  let text = isFetch ? 'F' : '';
  for (const { pool, units } of needs) {
    const total = capacity(pool);
    const step = total > 100_000 ? Math.ceil(total / 64) : 1;
    text += `|${pool}:${Math.ceil(units / step)}`;
  }
  return resources.length === 0 ? text : `${text}|${resources.join('|')}`;
}
