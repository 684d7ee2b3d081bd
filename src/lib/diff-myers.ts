/**
 * The shortest edit script between two line lists after Myers, "An O(ND) difference algorithm and its variations" (1986),
 * in its linear-space form: find a point in the middle of an optimal path, then solve both halves.
 */

/** Edits after which the search for a middle settles for a good point instead of the best one; bounds time on texts that have nothing in common. */
const MAX_COST = 256;

export interface ChangedLines {
  /** 1 for every old line that goes. */
  readonly removed: Uint8Array;
  /** 1 for every new line that comes. */
  readonly added: Uint8Array;
}

interface Box {
  readonly aLow: number;
  readonly aHigh: number;
  readonly bLow: number;
  readonly bHigh: number;
}

/** Which lines go and which come. Memory is linear in the number of lines; time is bounded by lines times 256. */
export function changedLines(before: readonly string[], after: readonly string[]): ChangedLines {
  const ids = new Map<string, number>();
  const a = numbered(before, ids);
  const b = numbered(after, ids);
  const removed = new Uint8Array(a.length);
  const added = new Uint8Array(b.length);
  const size = 2 * Math.min(MAX_COST, a.length + b.length) + 5;
  const forward = new Int32Array(size);
  const backward = new Int32Array(size);
  const boxes: Box[] = [{ aLow: 0, aHigh: a.length, bLow: 0, bHigh: b.length }];
  for (let box = boxes.pop(); box !== undefined; box = boxes.pop()) {
    const { aLow, aHigh, bLow, bHigh } = trimmed(a, b, box);
    if (aLow === aHigh) added.fill(1, bLow, bHigh);
    else if (bLow === bHigh) removed.fill(1, aLow, aHigh);
    else {
      const [x, y] = middle(a, b, { aLow, aHigh, bLow, bHigh }, forward, backward);
      boxes.push({ aLow, aHigh: aLow + x, bLow, bHigh: bLow + y });
      boxes.push({ aLow: aLow + x, aHigh, bLow: bLow + y, bHigh });
    }
  }
  return { removed, added };
}

function numbered(lines: readonly string[], ids: Map<string, number>): Int32Array {
  const numbers = new Int32Array(lines.length);
  for (const [index, line] of lines.entries()) {
    let id = ids.get(line);
    if (id === undefined) ids.set(line, (id = ids.size));
    numbers[index] = id;
  }
  return numbers;
}

/** The box without the lines that both sides begin and end with. */
function trimmed(a: Int32Array, b: Int32Array, box: Box): Box {
  let { aLow, aHigh, bLow, bHigh } = box;
  while (aLow < aHigh && bLow < bHigh && a[aLow] === b[bLow]) {
    aLow += 1;
    bLow += 1;
  }
  while (aLow < aHigh && bLow < bHigh && a[aHigh - 1] === b[bHigh - 1]) {
    aHigh -= 1;
    bHigh -= 1;
  }
  return { aLow, aHigh, bLow, bHigh };
}

/**
 * A point inside the box, relative to its low corner, that an edit path of least cost passes; never a corner.
 * `forward[k + origin]` is the furthest x reached on diagonal k with the cost so far, `backward` the same from the high corner.
 * A diagonal that has run off the edge is left out from then on: it cannot win any more.
 */
function middle(a: Int32Array, b: Int32Array, box: Box, forward: Int32Array, backward: Int32Array): [number, number] {
  const n = box.aHigh - box.aLow;
  const m = box.bHigh - box.bLow;
  const delta = n - m;
  const isOdd = (delta & 1) !== 0;
  const origin = (forward.length - 1) >> 1;
  const lowest = (d: number): number => -d + 2 * Math.max(0, d - m);
  const highest = (d: number): number => d - 2 * Math.max(0, d - n);
  forward[origin + 1] = 0;
  backward[origin + 1] = 0;
  for (let d = 0; ; d += 1) {
    for (let k = lowest(d); k <= highest(d); k += 2) {
      let x = start(forward, origin, k, d);
      let y = x - k;
      while (x < n && y < m && a[box.aLow + x] === b[box.bLow + y]) {
        x += 1;
        y += 1;
      }
      forward[origin + k] = x;
      const opposite = delta - k;
      if (isOdd && d > 0 && opposite >= lowest(d - 1) && opposite <= highest(d - 1)) {
        if (x + (backward[origin + opposite] ?? 0) >= n) return [x, y];
      }
    }
    for (let k = lowest(d); k <= highest(d); k += 2) {
      let x = start(backward, origin, k, d);
      let y = x - k;
      while (x < n && y < m && a[box.aHigh - 1 - x] === b[box.bHigh - 1 - y]) {
        x += 1;
        y += 1;
      }
      backward[origin + k] = x;
      const opposite = delta - k;
      if (!isOdd && opposite >= lowest(d) && opposite <= highest(d)) {
        if (x + (forward[origin + opposite] ?? 0) >= n) return [n - x, m - y];
      }
    }
    if (d + 1 >= MAX_COST) return furthest(forward, origin, lowest(d), highest(d));
  }
}

function start(reached: Int32Array, origin: number, k: number, d: number): number {
  const below = reached[origin + k - 1] ?? 0;
  const above = reached[origin + k + 1] ?? 0;
  return k === -d || (k !== d && below < above) ? above : below + 1;
}

/** The point of the forward search that has consumed the most lines. */
function furthest(forward: Int32Array, origin: number, lowest: number, highest: number): [number, number] {
  let best: [number, number] = [0, 0];
  for (let k = lowest; k <= highest; k += 2) {
    const x = forward[origin + k] ?? 0;
    if (2 * x - k > best[0] + best[1]) best = [x, x - k];
  }
  return best;
}
