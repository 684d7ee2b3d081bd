import type { ErrorObject } from 'ajv';
import { parsePointer, pathText } from './json-pointer.js';
import type { Token } from './located.js';
import { FORMATS } from './schema-formats.js';
import type { JsonSchema } from './schema-prepare.js';
import { suggest } from './suggest.js';

type ProblemKind =
  'unknown-key' | 'missing-key' | 'wrong-type' | 'not-one-of' | 'bad-format' | 'out-of-range' | 'bad-name';

/** One mistake in a value, in words. */
export interface SchemaProblem {
  readonly kind: ProblemKind;
  /** Path of the value; of the key for `unknown-key` and `bad-name`; of the map that lacks it for `missing-key`. */
  readonly path: readonly string[];
  readonly token: Token;
  readonly message: string;
  readonly hint?: string;
  readonly suggestions?: readonly string[];
  readonly allowed?: readonly string[];
  /** The name of the missing property. */
  readonly missing?: string;
  /** The value that is wrong. */
  readonly value?: unknown;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
};

/** The mistake behind an error of the validator. Undefined for errors that only repeat others. */
export function problemOf(error: ErrorObject): SchemaProblem | undefined {
  const path = parsePointer(error.instancePath) ?? [];
  const schema = (error.parentSchema ?? {}) as JsonSchema;
  // Errors inside `propertyNames` speak of a key; the keyword itself then says the same again.
  if (error.propertyName !== undefined) return aboutKey(error, [...path, error.propertyName], schema);
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey([...path, String(params['additionalProperty'])], Object.keys(propertiesOf(schema)));
    case 'required': {
      const missing = String(params['missingProperty']);
      const message = `missing property ${JSON.stringify(missing)}`;
      return { kind: 'missing-key', path, token: 'key', message, missing };
    }
    case 'type':
      return wrongType(path, error.data, [schema['type']].flat() as string[], schema);
    case 'enum':
    case 'const':
      return notOneOf(path, error.data, [error.schema].flat());
    case 'format':
    case 'pattern':
      return badFormat(path, String(error.data), schema);
    case 'minimum':
    case 'maximum':
    case 'minItems':
    case 'maxItems':
    case 'minLength':
    case 'maxLength':
      return outOfRange(path, error.keyword, Number(params['limit']), error.data);
    // These hold errors of their parts, or repeat what the tag's own enum says.
    case 'if':
    case 'allOf':
    case 'oneOf':
    case 'propertyNames':
    case 'discriminator':
      return undefined;
    default: {
      const message = `${subject(path)} ${error.message ?? 'is not valid'}`;
      return { kind: 'bad-format', path, token: 'value', message, value: error.data };
    }
  }
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, unknown>> {
  return (schema['properties'] ?? {}) as Readonly<Record<string, unknown>>;
}

/** What a message calls the value at a path. */
function subject(path: readonly string[]): string {
  const last = path.at(-1);
  if (last === undefined) return 'the document';
  return /^\d+$/.test(last) && path.length > 1 ? `"${pathText(path.slice(-2))}"` : JSON.stringify(last);
}

/** A value as a message shows it. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function withSuggestions(problem: SchemaProblem, suggestions: readonly string[]): SchemaProblem {
  return suggestions.length === 0 ? problem : { ...problem, suggestions };
}

function unknownKey(path: readonly string[], names: readonly string[]): SchemaProblem {
  const key = path.at(-1) ?? '';
  const allowed = [...names].sort();
  const message = `unknown property ${JSON.stringify(key)}`;
  const problem: SchemaProblem = { kind: 'unknown-key', path, token: 'key', message, allowed };
  return withSuggestions(problem, suggest(key, allowed));
}

function aboutKey(error: ErrorObject, path: readonly string[], schema: JsonSchema): SchemaProblem | undefined {
  const key = path.at(-1) ?? '';
  if (error.keyword === 'enum') return unknownKey(path, error.schema as string[]);
  if (error.keyword !== 'pattern') return undefined;
  const message = `${JSON.stringify(key)} is not allowed as a name here`;
  const problem: SchemaProblem = { kind: 'bad-name', path, token: 'key', message, hint: formOf(schema) };
  return withSuggestions(problem, repaired(key, schema));
}

function wrongType(
  path: readonly string[],
  value: unknown,
  expected: readonly string[],
  schema: JsonSchema,
): SchemaProblem {
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  const format = FORMATS[String(schema['format'])];
  const words = format === undefined ? expected.map((type) => TYPE_WORDS[type] ?? type) : [`a ${format.noun} in text`];
  const isShort = actual === 'number' || actual === 'string' || actual === 'boolean';
  const found = actual === 'null' ? 'but is empty' : `not ${isShort ? shown(value) : TYPE_WORDS[actual]}`;
  const message = `${subject(path)} must be ${words.join(' or ')}, ${found}`;
  const problem: SchemaProblem = { kind: 'wrong-type', path, token: 'value', message, value };
  if (format !== undefined) return { ...problem, hint: format.how };
  if (expected.includes('string') && (actual === 'number' || actual === 'boolean')) {
    return { ...problem, hint: `put it in quotes: "${String(value)}"` };
  }
  if (expected.includes('boolean') && typeof value === 'string') {
    if (/^(?:yes|on|true|1)$/i.test(value)) return { ...problem, suggestions: ['true'] };
    if (/^(?:no|off|false|0)$/i.test(value)) return { ...problem, suggestions: ['false'] };
  }
  if (expected.includes('integer') && typeof value === 'string' && /^\d{1,15}$/.test(value)) {
    return { ...problem, hint: `write it without quotes: ${Number(value)}` };
  }
  if (expected.includes('array') && actual === 'string')
    return { ...problem, hint: `write a list: [${String(value)}]` };
  return problem;
}

function notOneOf(path: readonly string[], value: unknown, options: readonly unknown[]): SchemaProblem {
  const allowed = options.map(String);
  const message = `${shown(value)} is not a valid value for ${subject(path)}`;
  const problem: SchemaProblem = { kind: 'not-one-of', path, token: 'value', message, allowed, value };
  if (value === false) {
    return withSuggestions(
      problem,
      allowed.filter((option) => /^(?:none|off|never)$/.test(option)),
    );
  }
  return withSuggestions(problem, typeof value === 'string' ? suggest(value, allowed) : []);
}

function badFormat(path: readonly string[], value: string, schema: JsonSchema): SchemaProblem {
  const format = FORMATS[String(schema['format'])];
  if (format !== undefined) {
    const message = `${shown(value)} is not a ${format.noun} above zero`;
    const problem: SchemaProblem = { kind: 'bad-format', path, token: 'value', message, hint: format.how, value };
    const repair = format.repair(value);
    return withSuggestions(problem, repair !== undefined && format.isValid(repair) ? [repair] : []);
  }
  const message = `${shown(value)} is not a valid value for ${subject(path)}`;
  const problem: SchemaProblem = { kind: 'bad-format', path, token: 'value', message, hint: formOf(schema), value };
  return withSuggestions(problem, repaired(value, schema));
}

/** What the schema says about the form, in words. */
function formOf(schema: JsonSchema): string {
  const { description, examples, pattern, format } = schema as {
    description?: string;
    examples?: readonly unknown[];
    pattern?: string;
    format?: string;
  };
  const example = examples === undefined || examples.length === 0 ? '' : ` Example: ${shown(examples[0])}.`;
  if (description !== undefined) return `${description.replace(/\.$/, '')}.${example}`;
  return format === undefined ? `It must match ${pattern}.` : `It must be a ${format}.`;
}

/** The spelling that would have been right, for the usual slips: case, spaces, dashes in place of colons. */
function repaired(value: string, schema: JsonSchema): string[] {
  const pattern = schema['pattern'];
  if (typeof pattern !== 'string' || value.length > 200) return [];
  const right = new RegExp(pattern);
  const slug = value
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const tries = [value.trim(), value.replaceAll('-', ':'), value.replaceAll(' ', ''), slug];
  const found = tries.find((text) => text !== value && right.test(text));
  return found === undefined ? [] : [found];
}

function outOfRange(path: readonly string[], keyword: string, limit: number, value: unknown): SchemaProblem {
  const name = subject(path);
  const words: Readonly<Record<string, string>> = {
    minimum: `${name} must be at least ${limit}, not ${shown(value)}`,
    maximum: `${name} must be at most ${limit}, not ${shown(value)}`,
    minItems: `${name} needs at least ${limit} ${limit === 1 ? 'entry' : 'entries'}`,
    maxItems: `${name} may have at most ${limit} entries`,
    minLength: limit === 1 ? `${name} must not be empty` : `${name} needs at least ${limit} characters`,
    maxLength: `${name} may have at most ${limit} characters`,
  };
  return { kind: 'out-of-range', path, token: 'value', message: words[keyword] ?? name, value };
}
