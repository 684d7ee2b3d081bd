/** udev rules, taken apart so that one condition can be removed without touching the others. */

export interface UdevToken {
  readonly key: string;
  /** What stands in braces, as in `ATTR{address}`. */
  readonly attribute?: string;
  readonly operator: string;
  readonly value: string;
  /** Place in the rule's text. */
  readonly start: number;
  readonly end: number;
}

export interface UdevRule {
  /** Raw text of the rule with its continuation lines, without the final line ending. */
  readonly text: string;
  readonly eol: string;
  /** Empty for comments and blank lines. */
  readonly tokens: readonly UdevToken[];
}

/** Splits a rules file; joining `text + eol` of all rules gives the file back. */
export function parseUdevRules(content: string): UdevRule[] {
  const rules: UdevRule[] = [];
  // A rule goes on while its line ends with a backslash; comments do not continue.
  const pattern = /((?:[^\n\\]|\\(?!\r?\n))*(?:\\\r?\n(?:[^\n\\]|\\(?!\r?\n))*)*?)(\r?\n|$)/y;
  while (pattern.lastIndex < content.length) {
    const match = pattern.exec(content);
    if (match === null) break;
    const text = match[1] ?? '';
    rules.push({ text, eol: match[2] ?? '', tokens: text.trimStart().startsWith('#') ? [] : tokens(text) });
  }
  return rules;
}

function tokens(text: string): UdevToken[] {
  const found: UdevToken[] = [];
  const pattern = /([A-Z_]+)(?:\{([^}\n]*)\})?\s*(==|!=|\+=|-=|:=|=)\s*[ei]?"((?:[^"\\\n]|\\.)*)"/g;
  for (const match of text.matchAll(pattern)) {
    found.push({
      key: match[1] ?? '',
      ...(match[2] === undefined ? {} : { attribute: match[2] }),
      operator: match[3] ?? '',
      value: match[4] ?? '',
      start: match.index,
      end: match.index + match[0].length,
    });
  }
  return found;
}

/** The value of the first token with this key, attribute and an operator of comparison (`==`) or assignment. */
export function ruleValue(rule: UdevRule, key: string, attribute?: string): string | undefined {
  return rule.tokens.find(
    (token) => token.key === key && token.attribute === attribute && /^(==|=|:=)$/.test(token.operator),
  )?.value;
}

/** The rule's text without one of its tokens and the comma that belonged to it. */
export function withoutToken(rule: UdevRule, token: UdevToken): string {
  const before = rule.text.slice(0, token.start);
  const after = rule.text.slice(token.end);
  const comma = /^\s*,[ \t]*/.exec(after);
  if (comma !== null) return before + after.slice(comma[0].length);
  return before.replace(/,\s*$/, '') + after;
}
