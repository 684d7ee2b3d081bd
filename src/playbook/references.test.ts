import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillLate, holdsLate, lateMark, parseReferences } from './references.js';

describe('parseReferences', () => {
  const check = (text: string, expected: unknown): void => {
    it(JSON.stringify(text), () => expect(parseReferences(text)).toEqual(expected));
  };
  check('plain $ text', [{ kind: 'text', text: 'plain $ text' }]);
  check('${var:pool}', [{ kind: 'var', name: 'pool' }]);
  check('a-${env:SITE:-x:-y}-b', [
    { kind: 'text', text: 'a-' },
    { kind: 'env', name: 'SITE', fallback: 'x:-y' },
    { kind: 'text', text: '-b' },
  ]);
  check('${env:SITE:-}', [{ kind: 'env', name: 'SITE', fallback: '' }]);
  check('${vm:name}', [{ kind: 'vm', name: 'name' }]);
  check('$${var:pool}', [
    { kind: 'text', text: '${' },
    { kind: 'text', text: 'var:pool}' },
  ]);
  check('${pool}', [{ kind: 'bad', text: '${pool}' }]);
  check('${vm:memory}', [{ kind: 'bad', text: '${vm:memory}' }]);
  check('${var:pool', [{ kind: 'bad', text: '${var:pool' }]);
});

it('a text without references is one literal, and doubling every ${ keeps any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', ':') }), (text) => {
      const escaped = text.replaceAll('${', () => '$${');
      const back = parseReferences(escaped).map((part) => (part.kind === 'text' ? part.text : '?'));
      expect(back.join('')).toBe(text);
    }),
  );
});

it('late references are filled in everywhere', () => {
  const value = { a: `x-${lateMark('name')}`, b: [{ c: lateMark('wave') }], d: 1, e: null };
  expect(holdsLate(value)).toBe(true);
  expect(fillLate(value, (name) => `<${name}>`)).toEqual({ a: 'x-<name>', b: [{ c: '<wave>' }], d: 1, e: null });
});
