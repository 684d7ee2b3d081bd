import { describe, expect, it } from 'vitest';
import { parseCsv } from './csv.js';

const rows = (text: string): string[][] => parseCsv(text).records.map((record) => record.map((field) => field.text));

describe('parseCsv', () => {
  const check = (name: string, text: string, expected: string[][]): void => {
    it(name, () => expect(rows(text)).toEqual(expected));
  };
  check('splits records and fields', 'a,b\n1,2\n', [
    ['a', 'b'],
    ['1', '2'],
  ]);
  check('reads CRLF and a last line without a break', 'a,b\r\n1,2', [
    ['a', 'b'],
    ['1', '2'],
  ]);
  check('keeps commas, quotes and line breaks of quoted fields', '"a,b","say ""hi""","x\ny"\n', [
    ['a,b', 'say "hi"', 'x\ny'],
  ]);
  check('drops spaces around fields', ' a , "b" ,c \n', [['a', 'b', 'c']]);
  check('keeps empty fields', ',a,\n', [['', 'a', '']]);
  check('skips blank lines, comments and a byte order mark', '\ufeffa\n\n# note, with comma\r\n\r\nb\n', [
    ['a'],
    ['b'],
  ]);
  check('reads nothing from nothing', '', []);

  it('says where a field stands', () => {
    const text = 'name,ova\nweb01, "a b.ova"\n';
    const field = parseCsv(text).records[1]?.[1];
    expect(text.slice(field?.start, field?.end)).toBe('"a b.ova"');
  });

  it('reports a quote without an end and text after a quoted field', () => {
    expect(parseCsv('a\n"b').problems).toEqual([{ message: 'a quoted field does not end', start: 2, end: 4 }]);
    expect(parseCsv('"a"b,c\n').problems[0]?.message).toMatch(/comma is missing/);
  });

  it('is linear: a hundred thousand rows in well under a second', () => {
    const text = 'name,ova\n' + 'web,web.ova\n'.repeat(100_000);
    const before = process.cpuUsage();
    expect(parseCsv(text).records.length).toBe(100_001);
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1500);
  });
});
