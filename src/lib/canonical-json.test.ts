import { describe, expect, it } from 'vitest';
import { canonicalJson, digestOf, sha256 } from './canonical-json.js';

describe('canonicalJson', () => {
  const check = (name: string, value: unknown, expected: string): void => {
    it(name, () => expect(canonicalJson(value)).toBe(expected));
  };
  check(
    'sorts keys by code units',
    { b: 1, a: 2, B: 3, é: 4, '\ud83d\ude00': 5, '\ufb33': 6 },
    '{"B":3,"a":2,"b":1,"é":4,"\ud83d\ude00":5,"\ufb33":6}',
  );
  check('writes numbers the shortest way', [1.0, -0, 1e21, 0.1, 1e-7], '[1,0,1e+21,0.1,1e-7]');
  check(
    'drops undefined members and keeps undefined entries as null',
    { a: undefined, b: [undefined, 1] },
    '{"b":[null,1]}',
  );
  check('keeps null, nested', { a: { c: null, b: [] } }, '{"a":{"b":[],"c":null}}');
  check('escapes as JSON does', 'a"\n\u0007', '"a\\"\\n\\u0007"');

  it.each([NaN, Infinity, 10n, () => 1, Symbol('x')])('refuses %s', (value) => {
    expect(() => canonicalJson({ a: value })).toThrow(TypeError);
  });
});

describe('digests', () => {
  it('are SHA-256 in hex, of bytes and of text', () => {
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    expect(sha256('')).toBe(empty);
    expect(sha256(new Uint8Array())).toBe(empty);
    expect(digestOf({ b: 1, a: [] })).toBe(sha256('{"a":[],"b":1}'));
  });
});
