/** Did you mean: the declared names that are closest to what was written. */

/**
 * Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours, where no part of the
 * text is edited twice. Symmetric; 0 for equal texts. Counts UTF-16 units.
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous: number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row: number[] = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      row[j] = best;
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/** How far a candidate may be from a word of this length. */
export function tolerance(length: number): number {
  return Math.min(3, Math.max(1, Math.floor(length / 3)));
}

/** Case and the way words are joined say nothing: `max_failures`, `Max-Failures` and `maxFailures` are one word. */
function fold(text: string): string {
  return text.toLowerCase().replace(/[_ -]/g, '');
}

const MOST = 3;

/**
 * The candidates close to a word, best first, at most three: a prefix match goes before others, then the smaller
 * distance, then the alphabet. Empty when nothing is close.
 */
export function suggest(word: string, candidates: Iterable<string>): string[] {
  // No name is that long; comparing one would only cost time.
  if (word.length > 256) return [];
  const typed = fold(word);
  const limit = tolerance(typed.length);
  const close: { name: string; isPrefix: boolean; distance: number }[] = [];
  for (const name of new Set(candidates)) {
    const folded = fold(name);
    if (Math.abs(folded.length - typed.length) > limit) continue;
    const distance = editDistance(typed, folded);
    // Where nothing is shared there is no slip of the pen, however short the words.
    if (distance > limit || distance >= typed.length || name === word) continue;
    close.push({ name, isPrefix: folded.startsWith(typed) || typed.startsWith(folded), distance });
  }
  close.sort(
    (a, b) =>
      Number(b.isPrefix) - Number(a.isPrefix) ||
      a.distance - b.distance ||
      (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
  return close.slice(0, MOST).map((entry) => entry.name);
}
