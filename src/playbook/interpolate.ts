import type { Location } from '../lib/diagnostic.js';
import { formatPointer } from '../lib/json-pointer.js';
import { childSpot } from '../lib/located.js';
import type { LocatedDocument, Spot } from '../lib/located.js';
import { suggest } from '../lib/suggest.js';
import type { LoadOptions } from './ports.js';
import type { Problems } from './problems.js';
import { hasReference, lateMark, parseReferences } from './references.js';
import type { Part } from './references.js';
import { isMap } from './source-file.js';
import type { SourceFile } from './source-file.js';

type Scalar = string | number | boolean;

/** Variables may use each other, so a few lines could otherwise grow without bound. In characters. */
const LONGEST_TEXT = 1024 ** 2;
const MOST_GROWN = 64 * 1024 ** 2;
const MOST_LEVELS = 100;

/** A variable as it was written, before its own references are resolved. */
interface Variable {
  readonly raw: unknown;
  readonly at: Location;
  readonly overrides: boolean;
}

/** Sections whose texts are read as they stand. */
const VERBATIM: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'include', 'envAllow', 'vars']);

/**
 * Replaces `${var:...}` and `${env:...}` in the values of all files, in place; `${vm:...}` becomes a mark that is filled
 * in per machine. A plain text that is nothing but one reference takes the type of what it refers to.
 *
 * @returns the same for lists of machines, which are read later: takes a list's document and the path of its wave
 */
export function interpolateFiles(
  files: readonly SourceFile[],
  options: LoadOptions,
  problems: Problems,
): (list: LocatedDocument, wave: number, problems: Problems) => void {
  const lists = files.map((file) => file.value['envAllow']);
  const allowed = new Set<unknown>(lists.flatMap((list): unknown[] => (Array.isArray(list) ? list : [])));
  const resolver = new Resolver(collectVariables(files, problems), allowed, options, problems);
  for (const file of files) {
    const walk = new Walk(file.document, resolver, problems);
    for (const key of Object.keys(file.value)) {
      const spot = childSpot(file.document.root, key);
      if (VERBATIM.has(key) || spot === undefined) continue;
      file.value[key] = walk.value(file.value[key], spot, [key]);
    }
  }
  resolver.resolveAll();
  return (list, wave, found) => {
    if (!hasReference(list.text)) return;
    const walk = new Walk(list, new Resolver(resolver.variables, allowed, options, found), found);
    walk.value(list.value, list.root, ['waves', wave, 'vms']);
  };
}

function collectVariables(files: readonly SourceFile[], problems: Problems): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const file of files) {
    const { vars } = file.value;
    if (!isMap(vars)) continue;
    const overrides = file.value['override'] === true;
    for (const [name, raw] of Object.entries(vars)) {
      const at = file.document.locate(['vars', name], 'key');
      const earlier = variables.get(name);
      if (earlier !== undefined && !overrides && !earlier.overrides) {
        problems.error('playbook.duplicate-name', `the variable "${name}" is defined in two files`, at, {
          pointer: formatPointer(['vars', name]),
          origins: [{ ...earlier.at, note: 'the other definition' }],
        });
      }
      if (earlier === undefined || overrides || !earlier.overrides) variables.set(name, { raw, at, overrides });
    }
  }
  return variables;
}

/** What a reference stands for, or why there is nothing. */
class Resolver {
  readonly #values = new Map<string, Scalar | undefined>();
  readonly #open: string[] = [];
  #grown = 0;
  #gaveUp = false;

  constructor(
    readonly variables: ReadonlyMap<string, Variable>,
    readonly envAllow: ReadonlySet<unknown>,
    readonly options: LoadOptions,
    readonly problems: Problems,
  ) {}

  /** Resolves variables that nothing refers to, so that their mistakes show as well. */
  resolveAll(): void {
    for (const [name, variable] of this.variables) if (!isMap(variable.raw)) this.variable(name, variable.at);
  }

  /** Undefined when it cannot be resolved; that was reported then. */
  part(part: Exclude<Part, { kind: 'text' | 'vm' }>, at: Location): Scalar | undefined {
    if (part.kind === 'var') return this.variable(part.name, at);
    if (part.kind === 'env') return this.#environment(part.name, part.fallback, at);
    const hint = 'known are ${var:name}, ${env:NAME}, ${env:NAME:-default} and ${vm:name}; $${ is a literal ${';
    const message = part.text.endsWith('}')
      ? `${part.text} is not a known reference`
      : `${part.text.slice(0, 40)} lacks its closing brace`;
    this.problems.error('playbook.bad-reference', message, at, { hint });
    return undefined;
  }

  variable(name: string, at: Location): Scalar | undefined {
    if (this.#values.has(name)) return this.#values.get(name);
    const variable = this.variables.get(name);
    if (variable === undefined) {
      const suggestions = suggest(name, this.variables.keys());
      const extra = suggestions.length > 0 ? { suggestions } : {};
      this.problems.error('playbook.undefined-reference', `the variable "${name}" is not defined`, at, extra);
      return undefined;
    }
    if (isMap(variable.raw)) {
      const message = `the variable "${name}" is a secret and cannot become part of a text`;
      const origins = [{ ...variable.at, note: 'defined here' }];
      this.problems.error('playbook.secret-in-text', message, at, { origins });
      return undefined;
    }
    if (this.#open.includes(name)) {
      const circle = [...this.#open.slice(this.#open.indexOf(name)), name].join(' -> ');
      const message = `variables refer to each other: ${circle}`;
      this.problems.error('playbook.reference-cycle', message, variable.at);
      return undefined;
    }
    if (this.#open.length >= MOST_LEVELS) {
      return this.#giveUp(`variables refer to each other over ${MOST_LEVELS} levels`, at);
    }
    this.#open.push(name);
    const value = this.#resolveRaw(variable);
    this.#open.pop();
    this.#values.set(name, value);
    return value;
  }

  /** Whether a text may still grow to this length; reported when not. */
  mayGrow(length: number, at: Location): boolean {
    if (this.#gaveUp) return false;
    if (length > LONGEST_TEXT) {
      this.#giveUp(`with its references replaced this text has over ${LONGEST_TEXT} characters`, at);
      return false;
    }
    this.#grown += length;
    if (this.#grown <= MOST_GROWN) return true;
    this.#giveUp(`with all references replaced the texts have over ${MOST_GROWN} characters`, at);
    return false;
  }

  #giveUp(message: string, at: Location): undefined {
    if (!this.#gaveUp) this.problems.error('playbook.too-large', message, at);
    this.#gaveUp = true;
    return undefined;
  }

  #resolveRaw({ raw, at }: Variable): Scalar | undefined {
    if (typeof raw === 'number' || typeof raw === 'boolean') return raw;
    if (typeof raw !== 'string') return undefined;
    if (!hasReference(raw)) return raw;
    let text = '';
    for (const part of parseReferences(raw)) {
      if (part.kind === 'vm') {
        const message = 'a variable cannot use ${vm:...}; it has one value for all machines';
        this.problems.error('playbook.late-reference', message, at);
        return undefined;
      }
      const value = part.kind === 'text' ? part.text : this.part(part, at);
      if (value === undefined) return undefined;
      text += String(value);
      if (text.length > LONGEST_TEXT) break;
    }
    return this.mayGrow(text.length, at) ? text : undefined;
  }

  #environment(name: string, fallback: string | undefined, at: Location): Scalar | undefined {
    if (this.options.strict === true && !this.envAllow.has(name)) {
      this.problems.error('playbook.env-not-allowed', `the environment variable ${name} is not in envAllow`, at);
      return undefined;
    }
    const value = this.options.env(name);
    // As in shells, `:-` also stands for what is set and empty.
    const isMissing = value === undefined || (fallback !== undefined && value === '');
    if (!isMissing) return value;
    if (fallback === undefined) {
      const hint = `set it, or give a default: \${env:${name}:-default}`;
      this.problems.error('playbook.undefined-reference', `the environment variable ${name} is not set`, at, { hint });
    }
    return fallback;
  }
}

class Walk {
  constructor(
    readonly document: LocatedDocument,
    readonly resolver: Resolver,
    readonly problems: Problems,
  ) {}

  value(value: unknown, spot: Spot, path: (string | number)[]): unknown {
    if (typeof value === 'string') return hasReference(value) ? this.#text(value, spot, path) : value;
    if (typeof value !== 'object' || value === null) return value;
    // The data is fresh from the parser and belongs to nobody else, so it is changed in place.
    const container = value as Record<string | number, unknown>;
    const keys = Array.isArray(value) ? value.keys() : Object.keys(container);
    for (const key of keys) {
      const item = container[key];
      const child = childSpot(spot, key);
      if (child === undefined || item === null || typeof item === 'number' || typeof item === 'boolean') continue;
      if (typeof item === 'string' && !hasReference(item)) continue;
      path.push(key);
      container[key] = this.value(item, child, path);
      path.pop();
    }
    return value;
  }

  #text(text: string, spot: Spot, path: readonly (string | number)[]): unknown {
    const at = this.document.place(spot.start, spot.end);
    const parts = parseReferences(text);
    let out = '';
    let last: Scalar | undefined;
    for (const part of parts) {
      if (part.kind === 'text') out += part.text;
      else if (part.kind === 'vm') {
        if (!mayBeLate(path)) {
          const message = `\${vm:${part.name}} cannot stand here: no machine is known`;
          this.problems.error('playbook.late-reference', message, at, { pointer: formatPointer(path) });
        }
        out += lateMark(part.name);
      } else {
        last = this.resolver.part(part, at);
        // The mistake was reported; the text stays what it was.
        if (last === undefined) return text;
        out += String(last);
        if (out.length > LONGEST_TEXT) break;
      }
    }
    if (!this.resolver.mayGrow(out.length, at)) return text;
    const isWhole = parts.length === 1 && spot.plain && last !== undefined;
    return isWhole && last !== undefined ? typed(last) : out;
  }
}

/** What YAML would read from the text if it stood there without quotes. */
function typed(value: Scalar): Scalar {
  if (typeof value !== 'string') return value;
  if (/^(?:0|-?[1-9][0-9]{0,14})$/.test(value)) return Number(value);
  if (/^(?:true|True|TRUE)$/.test(value)) return true;
  return /^(?:false|False|FALSE)$/.test(value) ? false : value;
}

/** Settings, and what a machine says about itself except who it is. */
function mayBeLate(path: readonly (string | number)[]): boolean {
  const [section, , part, , key] = path;
  if (section === 'defaults' || section === 'profiles') return true;
  if (section !== 'waves') return false;
  if (part === 'overrides') return true;
  return part === 'vms' && key !== undefined && !['name', 'source', 'profiles', 'dependsOn'].includes(String(key));
}
