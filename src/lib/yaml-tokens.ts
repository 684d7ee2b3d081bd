import { Parser } from 'yaml';
import type { CST } from 'yaml';

/** Indicators that each open a level on one and the same line: `- - - `. The lexer recurses over them. */
const INDICATORS = /(?:[-?:] +){100}/;

/**
 * The token tree of a text, or the offset at which it is nested too deeply. Everything that follows recurses over the
 * tree, and a stack that overflows while a regular expression is compiled ends the process instead of throwing.
 */
export function readTokens(text: string, depth: number): readonly CST.Token[] | number {
  const indicators = INDICATORS.exec(text);
  if (indicators !== null) return indicators.index;
  const tokens = [...new Parser().parse(text)];
  let level: CST.Token[] = tokens;
  // One more than the limit: a document is a level of its own.
  for (let reached = 0; level.length > 0; reached += 1) {
    if (reached > depth + 1) return level[0]?.offset ?? 0;
    level = level.flatMap(inside);
  }
  return tokens;
}

function inside(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value];
  if (token.type !== 'block-map' && token.type !== 'block-seq' && token.type !== 'flow-collection') return [];
  const found: CST.Token[] = [];
  for (const item of token.items) {
    if (item.key !== undefined && item.key !== null) found.push(item.key);
    if (item.value !== undefined) found.push(item.value);
  }
  return found;
}
