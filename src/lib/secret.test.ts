import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.js';
import { Redactor, Secret } from './secret.js';

describe('Secret', () => {
  const secret = new Secret('hunter22', 'luks key');
  it('prints as nothing but its mark, whatever prints it', () => {
    const forms = [String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ a: [secret] })];
    for (const form of forms) {
      expect(form).not.toContain('hunter22');
      expect(form).toContain('[secret');
    }
    expect(canonicalJson({ ...secret })).not.toContain('hunter22');
    expect(Object.keys(secret)).toEqual(['label']);
  });
  it('reveals its value to doors', () => expect(secret.reveal()).toBe('hunter22'));
});

describe('Redactor', () => {
  const check = (name: string, values: string[], text: string, expected: string): void => {
    it(name, () => {
      const redactor = new Redactor();
      for (const value of values) redactor.add(value);
      expect(redactor.redact(text)).toBe(expected);
    });
  };
  check('leaves other text alone', ['hunter22'], 'nothing here', 'nothing here');
  check('hides every occurrence', ['hunter22'], 'a hunter22 b hunter22', 'a [secret] b [secret]');
  check('hides base64', ['hunter22'], 'Basic aHVudGVyMjI=', 'Basic [secret]');
  check('hides base64 without padding', ['hunter22'], 'x aHVudGVyMjI y', 'x [secret] y');
  check('hides URL-encoded forms', ['p@ss/word'], '?k=p%40ss%2Fword&x', '?k=[secret]&x');
  check('hides JSON-escaped forms', ['pa"ss\nword'], '{"k":"pa\\"ss\\nword"}', '{"k":"[secret]"}');
  check('hides values that hold each other', ['abcd', 'abcdef'], 'xabcdefx abcdx', 'x[secret]x [secret]x');
  check('hides values that overlap, whole', ['abcd', 'cdef'], 'xabcdefx', 'x[secret]x');
  check('hides a value that overlaps itself', ['abab'], 'xababab.', 'x[secret].');
  check(
    'hides the lines of a value of many lines',
    ['-----BEGIN-----\nMIIBVgIBADAN\nx\n'],
    'log: MIIBVgIBADAN',
    'log: [secret]',
  );
  check('keeps short lines of such a value readable', ['first line\nx'], 'x marks', 'x marks');

  it('refuses what would blot out everything', () => {
    expect(() => new Redactor().add('abc')).toThrow(RangeError);
  });
  it('accepts halves of surrogate pairs', () => {
    const redactor = new Redactor();
    redactor.add('abc\ud800d');
    expect(redactor.redact('abc\ud800d')).toBe('[secret]');
  });
});
