/** The one grammar of `${...}` in scalar values. */

/** Stands in a text for `${vm:...}` until a machine is known. NUL cannot come from a file name, so no path is mistaken. */
const LATE = /\0vm:(name|uid|source|wave)\0/g;

export type LateName = 'name' | 'uid' | 'source' | 'wave';

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'var'; readonly name: string }
  | { readonly kind: 'env'; readonly name: string; readonly fallback?: string }
  | { readonly kind: 'vm'; readonly name: LateName }
  | { readonly kind: 'bad'; readonly text: string };

const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g;
const VARIABLE = /^var:([A-Za-z_][A-Za-z0-9_.-]*)$/;
const ENVIRONMENT = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const MACHINE = /^vm:(name|uid|source|wave)$/;

export function hasReference(text: string): boolean {
  return text.includes('${');
}

/** Splits a text into literal parts and references. `$${` is a literal `${`. */
export function parseReferences(text: string): readonly Part[] {
  const parts: Part[] = [];
  let from = 0;
  const literal = (end: number, more = ''): void => {
    const piece = text.slice(from, end) + more;
    if (piece !== '') parts.push({ kind: 'text', text: piece });
  };
  for (const match of text.matchAll(REFERENCE)) {
    const [whole, inner] = match;
    if (whole === '$${') literal(match.index, '${');
    else {
      literal(match.index);
      parts.push(whole.endsWith('}') ? reference(inner ?? '', whole) : { kind: 'bad', text: whole });
    }
    from = match.index + whole.length;
  }
  literal(text.length);
  return parts;
}

function reference(inner: string, whole: string): Part {
  const variable = VARIABLE.exec(inner);
  if (variable !== null) return { kind: 'var', name: variable[1] ?? '' };
  const environment = ENVIRONMENT.exec(inner);
  if (environment !== null) {
    const [, name = '', fallback] = environment;
    return { kind: 'env', name, ...(fallback === undefined ? {} : { fallback }) };
  }
  const machine = MACHINE.exec(inner);
  if (machine !== null) return { kind: 'vm', name: machine[1] as LateName };
  return { kind: 'bad', text: whole };
}

/** What stands in a text for a value of the machine that is not known yet. */
export function lateMark(name: LateName): string {
  return `\0vm:${name}\0`;
}

export function isLate(value: unknown): value is string {
  return typeof value === 'string' && value.includes('\0vm:');
}

/** Whether any text in a value waits for its machine. */
export function holdsLate(value: unknown): boolean {
  if (typeof value === 'string') return isLate(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(holdsLate);
}

/** The value with every `${vm:...}` filled in. `values` is asked once per reference. */
export function fillLate(value: unknown, values: (name: LateName) => string): unknown {
  if (typeof value === 'string') {
    return isLate(value) ? value.replace(LATE, (_mark, name: LateName) => values(name)) : value;
  }
  if (Array.isArray(value)) return value.map((item) => fillLate(item, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillLate(item, values)]));
}
