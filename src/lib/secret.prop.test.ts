import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Redactor } from './secret.js';

const value = fc
  .string({ minLength: 4, maxLength: 12, unit: 'grapheme' })
  .filter((text) => text.length >= 4 && !'[secret]'.includes(text));
/** Values over few letters, so that they hold and overlap each other. */
const crowded = fc.string({ minLength: 4, maxLength: 6, unit: fc.constantFrom('a', 'b', 'c') });
const text = fc.string({ maxLength: 20, unit: 'grapheme' });

function redactorOf(values: readonly string[]): Redactor {
  const redactor = new Redactor();
  for (const one of values) redactor.add(one);
  return redactor;
}

describe('redacted text', () => {
  it('holds no registered value in any of its forms', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), text, text, (values, before, after) => {
        const redactor = redactorOf(values);
        for (const one of values) {
          const forms = [
            one,
            Buffer.from(one).toString('base64'),
            Buffer.from(one).toString('base64url'),
            encodeURIComponent(one),
            JSON.stringify(one).slice(1, -1),
          ];
          for (const form of forms) {
            const out = redactor.redact(before + form + after).replaceAll('[secret]', '\n');
            for (const other of forms) expect(out).not.toContain(other);
          }
        }
      }),
    );
  });

  it('holds none of values that overlap, and no letter of them', () => {
    fc.assert(
      fc.property(
        fc.array(crowded, { minLength: 1, maxLength: 4 }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-') }),
        (values, input) => {
          const redactor = redactorOf(values);
          const out = redactor.redact(input);
          for (const one of values) expect(out.replaceAll('[secret]', '\n')).not.toContain(one);
          // What is left is the input without the covered parts, in order.
          const covered = Array.from(input, () => false);
          for (const one of values) {
            for (let at = input.indexOf(one); at !== -1; at = input.indexOf(one, at + 1))
              covered.fill(true, at, at + one.length);
          }
          expect(out.replaceAll('[secret]', '')).toBe(
            Array.from(input)
              .filter((_c, i) => covered[i] !== true)
              .join(''),
          );
        },
      ),
    );
  });

  it('is the text itself when nothing was registered or nothing matches, and redacting twice changes nothing', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 3 }), text, (values, input) => {
        expect(new Redactor().redact(input)).toBe(input);
        const redactor = redactorOf(values);
        const once = redactor.redact(input);
        expect(redactor.redact(once)).toBe(once);
      }),
    );
  });
});
