import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseCsv } from './csv.js';

const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', '\r', '#', 'ü'), maxLength: 6 });
const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;

it('CSV reads back what was quoted, and every field stands where it says', () => {
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { minLength: 1 }), (table) => {
      const text = table.map((row) => row.map(quote).join(',')).join('\n');
      const { records, problems } = parseCsv(text);
      expect(problems).toEqual([]);
      const kept = table.filter((row) => row.length > 1 || row[0] !== '');
      expect(records.map((r) => r.map((f) => f.text))).toEqual(kept);
      for (const field of records.flat()) expect(text.slice(field.start, field.end)).toBe(quote(field.text));
    }),
  );
});

it('CSV never throws and never loops', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseCsv(text).records.length >= 0));
});
