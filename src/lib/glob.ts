/**
 * Whether a text matches a glob: `*` any run of characters, `?` one character, `[abc]`, `[a-z]`, `[!a]` one of a set,
 * `\` takes the next character as it is. Runs in time proportional to pattern times text, whatever the pattern.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p;
      resume = t;
      p += 1;
      continue;
    }
    const length = p < pattern.length ? matchOne(pattern, p, text[t] ?? '') : 0;
    if (length > 0) {
      p += length;
      t += 1;
    } else if (star >= 0) {
      // The last star takes one character more.
      resume += 1;
      t = resume;
      p = star + 1;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

/** Length of the pattern element at `at` when it matches the character, else 0. */
function matchOne(pattern: string, at: number, char: string): number {
  const token = pattern[at];
  if (token === '?') return 1;
  if (token === '[') {
    const end = pattern.indexOf(']', at + 2);
    if (end !== -1) return matchesSet(pattern.slice(at + 1, end), char) ? end - at + 1 : 0;
  }
  if (token === '\\' && at + 1 < pattern.length) return pattern[at + 1] === char ? 2 : 0;
  return token === char ? 1 : 0;
}

function matchesSet(set: string, char: string): boolean {
  const negated = set.startsWith('!') || set.startsWith('^');
  const members = negated ? set.slice(1) : set;
  for (let i = 0; i < members.length; i += 1) {
    const low = members[i] ?? '';
    if (members[i + 1] === '-' && i + 2 < members.length) {
      if (low <= char && char <= (members[i + 2] ?? '')) return !negated;
      i += 2;
    } else if (low === char) {
      return !negated;
    }
  }
  return negated;
}
