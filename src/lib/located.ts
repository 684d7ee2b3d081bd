import type { Location } from './diagnostic.js';

/** Where a value of a parsed text stands. Offsets count UTF-16 units from the start of the text. */
export interface Spot {
  /** -1 when the value has no key (list entries, the document itself). */
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly start: number;
  readonly end: number;
  /** Whether it was written without quotes, so that its text decides its type. */
  readonly plain: boolean;
  readonly children: ReadonlyMap<string, Spot> | readonly Spot[] | undefined;
}

/** Whether a place means a value's key or the value itself. */
export type Token = 'key' | 'value';

/** A parsed text: plain data, and the place of every key and value in it. */
export interface LocatedDocument {
  /** The name that diagnostics print. */
  readonly file: string;
  /** The text without a byte order mark. */
  readonly text: string;
  readonly value: unknown;
  readonly root: Spot;
  /** The place of the key or value at a path; that of the closest ancestor which exists when it does not. */
  locate(path: readonly (string | number)[], token?: Token): Location;
  /** The place of a range of offsets. */
  place(start: number, end?: number): Location;
}

/** Offsets at which lines start. */
function lineStartsOf(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Turns offsets of a text into places. Lines and columns count from 1; columns count UTF-16 units, as editors do. */
export function placesIn(file: string, text: string): (start: number, end?: number) => Location {
  let starts: readonly number[] | undefined;
  return (start, end) => {
    starts ??= lineStartsOf(text);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= start) low = middle;
      else high = middle - 1;
    }
    const lineStart = starts[low] ?? 0;
    const column = start - lineStart + 1;
    if (end === undefined || end <= start) return { file, line: low + 1, column };
    let lineEnd = (starts[low + 1] ?? text.length + 1) - 1;
    if (text[lineEnd - 1] === '\r') lineEnd -= 1;
    // A value of many lines is shown by its first one.
    return { file, line: low + 1, column, endColumn: Math.max(column + 1, Math.min(end, lineEnd) - lineStart + 1) };
  };
}

/** The child of a spot under a key or an index. */
export function childSpot(spot: Spot, part: string | number): Spot | undefined {
  const { children } = spot;
  if (children === undefined) return undefined;
  return children instanceof Map
    ? (children as ReadonlyMap<string, Spot>).get(String(part))
    : (children as readonly Spot[])[Number(part)];
}

export function locatedDocument(file: string, text: string, value: unknown, root: Spot): LocatedDocument {
  const place = placesIn(file, text);
  return {
    file,
    text,
    value,
    root,
    place,
    locate(path, token = 'value') {
      let spot = root;
      let found = 0;
      for (const part of path) {
        const child = childSpot(spot, part);
        if (child === undefined) break;
        spot = child;
        found += 1;
      }
      // An absent value is shown by the key of what should hold it; so is an empty one.
      const byKey = token === 'key' || found < path.length || spot.end <= spot.start;
      if (byKey && spot.keyStart >= 0) return place(spot.keyStart, spot.keyEnd);
      // Of a list entry that lacks something, only the beginning: the entry itself is not what is wrong.
      return byKey && spot.children !== undefined ? place(spot.start) : place(spot.start, spot.end);
    },
  };
}
