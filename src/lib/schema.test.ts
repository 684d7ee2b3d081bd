import { describe, expect, it } from 'vitest';
import { createSchemas } from './schema.js';
import type { SchemaProblem } from './schema.js';

const schema = {
  type: 'object',
  additionalProperties: false,
  patternProperties: { '^x-': {} },
  required: ['name'],
  properties: {
    name: { type: 'string', pattern: '^[a-z0-9-]+$', description: 'Lower-case letters.', examples: ['web'] },
    memory: { anyOf: [{ $ref: '#/definitions/size' }, { type: 'null' }], description: 'Memory.' },
    rate: { type: 'string', format: 'drover-rate' },
    wait: { type: 'string', format: 'drover-duration' },
    day: { type: 'string', format: 'date' },
    mac: { type: 'string', pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$', description: 'A MAC address.' },
    level: { enum: ['none', 'boot', 'network', null] },
    cpus: { type: ['integer', 'null'], minimum: 1, maximum: 8 },
    flag: { type: 'boolean' },
    items: {
      type: 'array',
      minItems: 1,
      items: { anyOf: [{ type: 'string', minLength: 1 }, { $ref: '#/definitions/item' }] },
    },
    at: {
      type: 'object',
      required: ['type'],
      properties: { type: { enum: ['a', 'b'] } },
      discriminator: { propertyName: 'type' },
      oneOf: [
        {
          additionalProperties: false,
          required: ['type', 'x'],
          properties: { type: { const: 'a' }, x: { type: 'string' } },
        },
        { additionalProperties: false, required: ['type'], properties: { type: { const: 'b' } } },
      ],
    },
    stages: {
      type: 'object',
      propertyNames: { enum: ['FETCH', 'FIX'] },
      patternProperties: { '^[A-Z]+$': { type: 'integer' } },
      additionalProperties: false,
    },
    named: {
      type: 'object',
      propertyNames: { pattern: '^[a-z-]+$' },
      additionalProperties: { type: 'string' },
    },
  },
  definitions: {
    size: { type: 'string', format: 'drover-size' },
    item: { type: 'object', additionalProperties: false, required: ['file'], properties: { file: { type: 'string' } } },
  },
};
const checker = createSchemas({ 't.json': schema })('t.json');

/** One line per problem: kind, path, message, suggestions. */
function lines(value: unknown): string[] {
  return checker(value).map((p: SchemaProblem) => {
    const meant = p.suggestions === undefined ? '' : ` [${p.suggestions.join(',')}]`;
    return `${p.kind} ${p.path.join('.')} (${p.token}): ${p.message}${meant}`;
  });
}

describe('problems', () => {
  const check = (name: string, value: unknown, expected: string[]): void => {
    it(name, () => expect(lines(value)).toEqual(expected));
  };
  check(
    'none',
    { name: 'a', memory: '1GiB', level: 'boot', items: ['x', { file: 'y' }], at: { type: 'b' }, 'x-y': 1 },
    [],
  );
  check('an unknown key', { name: 'a', memroy: '1GiB' }, [
    'unknown-key memroy (key): unknown property "memroy" [memory]',
  ]);
  check('a required key that was misspelled', { nmae: 'a' }, [
    'unknown-key nmae (key): unknown property "nmae" [name]',
  ]);
  check('a missing key', {}, ['missing-key  (key): missing property "name"']);
  check('a number that should be text', { name: 5 }, ['wrong-type name (value): "name" must be text, not 5']);
  check('yes for true', { name: 'a', flag: 'yes' }, [
    'wrong-type flag (value): "flag" must be true or false, not "yes" [true]',
  ]);
  check('an enum', { name: 'a', level: 'netwrok' }, [
    'not-one-of level (value): "netwrok" is not a valid value for "level" [network]',
  ]);
  check('false where none is meant', { name: 'a', level: false }, [
    'not-one-of level (value): false is not a valid value for "level" [none]',
  ]);
  check('null, which is taken out before', { name: 'a', level: null, cpus: null }, [
    'not-one-of level (value): null is not a valid value for "level"',
    'wrong-type cpus (value): "cpus" must be a whole number, but is empty',
  ]);
  check('a size without its unit', { name: 'a', memory: '4' }, [
    'bad-format memory (value): "4" is not a size above zero',
  ]);
  check('a size of another dialect', { name: 'a', memory: '4G' }, [
    'bad-format memory (value): "4G" is not a size above zero [4GiB]',
  ]);
  check('a size of nothing', { name: 'a', memory: '0B' }, ['bad-format memory (value): "0B" is not a size above zero']);
  check('a number as a size', { name: 'a', memory: 4096 }, [
    'wrong-type memory (value): "memory" must be a size in text, not 4096',
  ]);
  check('a rate', { name: 'a', rate: '100MiB' }, [
    'bad-format rate (value): "100MiB" is not a rate above zero [100MiB/s]',
  ]);
  check('a duration', { name: 'a', wait: '5 minutes' }, [
    'bad-format wait (value): "5 minutes" is not a duration above zero [5m]',
  ]);
  check('a date', { name: 'a', day: '2026-02-30' }, [
    'bad-format day (value): "2026-02-30" is not a valid value for "day"',
  ]);
  check('a MAC with dashes', { name: 'a', mac: '00-50-56-3a-5b-7c' }, [
    'bad-format mac (value): "00-50-56-3a-5b-7c" is not a valid value for "mac" [00:50:56:3a:5b:7c]',
  ]);
  check('a name with capitals', { name: 'Web 01' }, [
    'bad-format name (value): "Web 01" is not a valid value for "name" [web-01]',
  ]);
  check('bounds', { name: 'a', cpus: 0, items: [] }, [
    'out-of-range cpus (value): "cpus" must be at least 1, not 0',
    'out-of-range items (value): "items" needs at least 1 entry',
  ]);
  check('the branch of a union that was meant, and no other', { name: 'a', items: [{ fiel: 'x' }, '', 7] }, [
    'unknown-key items.0.fiel (key): unknown property "fiel" [file]',
    'out-of-range items.1 (value): "items[1]" must not be empty',
    'wrong-type items.2 (value): "items[2]" must be text or a map, not 7',
  ]);
  check('the branch that the tag chose, and no other', { name: 'a', at: { type: 'a', y: 1 } }, [
    'missing-key at (key): missing property "x"',
    'unknown-key at.y (key): unknown property "y"',
  ]);
  check('a tag without a branch', { name: 'a', at: { type: 'c', y: 1 } }, [
    'not-one-of at.type (value): "c" is not a valid value for "type"',
  ]);
  check('a missing tag', { name: 'a', at: { y: 1 } }, ['missing-key at (key): missing property "type"']);
  check('keys of a closed set', { name: 'a', stages: { FIXX: 1, FETCH: 2 } }, [
    'unknown-key stages.FIXX (key): unknown property "FIXX" [FIX]',
  ]);
  check('keys of a form', { name: 'a', named: { VC_1: 'x', 'A b': 'y' } }, [
    'bad-name named.VC_1 (key): "VC_1" is not allowed as a name here',
    'bad-name named.A b (key): "A b" is not allowed as a name here [a-b]',
  ]);

  it('lists what is allowed, sorted', () => {
    expect(checker({ name: 'a', nope: 1 })[0]?.allowed?.slice(0, 3)).toEqual(['at', 'cpus', 'day']);
  });

  it('helps with quotes and units', () => {
    expect(checker({ name: 5 })[0]?.hint).toBe('put it in quotes: "5"');
    expect(checker({ name: 'a', memory: 4096 })[0]?.hint).toMatch(/such as "4GiB"/);
    expect(checker({ name: 'a', cpus: '4' })[0]?.hint).toBe('write it without quotes: 4');
  });

  it('ends at a thousand', () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 1]));
    expect(checker({ name: 'a', ...many }).length).toBe(1000);
  });
});

it('refuses references to schemas that do not exist', () => {
  expect(() => createSchemas({ 't.json': schema })('other.json')).toThrow(/no schema/);
});
