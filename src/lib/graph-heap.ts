/** A priority queue: `pop` gives the item that comes first by `before`. Insertion and removal cost O(log n). */
export interface Heap<T> {
  readonly size: number;
  peek(): T | undefined;
  push(item: T): void;
  pop(): T | undefined;
}

/** @param before whether the first item must leave before the second; a strict order makes the queue deterministic */
export function binaryHeap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];
  const swap = (i: number, j: number): void => {
    const kept = items[i] as T;
    items[i] = items[j] as T;
    items[j] = kept;
  };
  return {
    get size() {
      return items.length;
    },
    peek: () => items[0],
    push(item) {
      items.push(item);
      for (let at = items.length - 1; at > 0;) {
        const parent = (at - 1) >> 1;
        if (!before(items[at] as T, items[parent] as T)) break;
        swap(at, parent);
        at = parent;
      }
    },
    pop() {
      const top = items[0];
      const last = items.pop();
      if (items.length === 0) return top;
      items[0] = last as T;
      for (let at = 0; ;) {
        let first = at;
        for (const child of [2 * at + 1, 2 * at + 2]) {
          if (child < items.length && before(items[child] as T, items[first] as T)) first = child;
        }
        if (first === at) return top;
        swap(at, first);
        at = first;
      }
    },
  };
}
