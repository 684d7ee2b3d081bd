import { suggest } from '../lib/suggest.js';
import type { Problems } from './problems.js';

const KEYS = ['wave', 'vm', 'label', 'host', 'source', 'stage', 'state'] as const;
type SelectorKey = (typeof KEYS)[number];

interface SelectorTerm {
  readonly key: SelectorKey;
  readonly value: string;
  /** Name of the label, for `label:NAME=VALUE`. */
  readonly label?: string;
}

/** Terms that must all hold. */
export type Selector = readonly SelectorTerm[];

/** Parses `wave:pilot,label:tier=app`: terms joined by commas. Undefined when it is malformed; that was reported then. */
export function parseSelector(text: string, problems: Problems): Selector | undefined {
  const terms: SelectorTerm[] = [];
  for (const piece of text.split(',')) {
    const term = parseTerm(piece.trim());
    if (typeof term === 'string') {
      const key = piece.split(':')[0]?.trim() ?? '';
      const near = piece.includes(':') ? suggest(key, KEYS) : [];
      problems.error('select.bad-expression', `"${text}": ${term}`, undefined, {
        allowed: KEYS.map((name) => (name === 'label' ? 'label:K=V' : `${name}:…`)),
        ...(near.length > 0
          ? { suggestions: near.map((name) => `${name}:${piece.slice(piece.indexOf(':') + 1)}`) }
          : {}),
      });
      return undefined;
    }
    terms.push(term);
  }
  return terms;
}

/** A term, or what is wrong with it. */
function parseTerm(piece: string): SelectorTerm | string {
  if (piece === '') return 'a term is empty';
  const colon = piece.indexOf(':');
  const key = piece.slice(0, colon === -1 ? undefined : colon);
  const value = colon === -1 ? '' : piece.slice(colon + 1).trim();
  if (colon === -1) return `"${piece}" is not KEY:VALUE; for a machine write vm:${piece}`;
  if (!isKey(key)) return `"${key}" is not a key of selectors`;
  if (value === '') return `"${key}:" has no value`;
  if (key === 'stage') return { key, value: value.toUpperCase() };
  if (key !== 'label') return { key, value };
  const equals = value.indexOf('=');
  if (equals <= 0) return `write label:${value.replace('=', '')}=VALUE`;
  return { key, label: value.slice(0, equals), value: value.slice(equals + 1) };
}

function isKey(text: string): text is SelectorKey {
  return (KEYS as readonly string[]).includes(text);
}
