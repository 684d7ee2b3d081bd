import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLocatedJson, parseLocatedNdjson } from './json-located.js';

const noPrototypes = (value: unknown): boolean => !/"__proto__"|"constructor"|"prototype"/.test(JSON.stringify(value));

describe('located JSON', () => {
  it('reads what JSON.parse reads, in any layout', () => {
    fc.assert(
      fc.property(fc.jsonValue().filter(noPrototypes), fc.constantFrom(0, 2, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        const { value: document, diagnostics } = parseLocatedJson(text, 'a.json');
        if (diagnostics[0]?.code === 'playbook.out-of-range') return;
        expect(document?.value).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses what JSON.parse refuses', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '1', '-', 'tru', 'true', ' ', '"', '\\', '01'), {
          maxLength: 8,
        }),
        (parts) => {
          const text = parts.join('');
          let valid = true;
          try {
            JSON.parse(text);
          } catch {
            valid = false;
          }
          const { value, diagnostics } = parseLocatedJson(text, 'a.json');
          // A key given twice is valid JSON and refused here.
          if (diagnostics[0]?.code === 'playbook.duplicate-key') return;
          expect(value !== undefined).toBe(valid);
          expect(diagnostics.length > 0).toBe(!valid);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('says where keys and values stand', () => {
    const document = parseLocatedJson('[\n  { "name": "web01",\n    "n": [1, 22] }\n]', 'a.json').value;
    expect(document?.locate([0, 'name'])).toEqual({ file: 'a.json', line: 2, column: 13, endColumn: 20 });
    expect(document?.locate([0, 'n'], 'key')).toEqual({ file: 'a.json', line: 3, column: 5, endColumn: 8 });
    expect(document?.locate([0, 'n', 1])).toMatchObject({ line: 3, column: 14 });
  });

  const refuse = (name: string, text: string, at: string, message: RegExp): void => {
    it(`refuses ${name}`, () => {
      const [first] = parseLocatedJson(text, 'a.json').diagnostics;
      expect(`${first?.location?.line}:${first?.location?.column}`).toBe(at);
      expect(first?.message).toMatch(message);
    });
  };
  refuse('a key given twice', '{"a":1,"a":2}', '1:8', /given already/);
  refuse('keys of prototypes', '{"__proto__":1}', '1:2', /not allowed/);
  refuse('a comma too many', '[1,]', '1:4', /comma before/);
  refuse('text behind the value', '1 2', '1:3', /follows/);
  refuse('numbers that would be rounded', '[12345678901234567890]', '1:2', /too large/);
  refuse('nesting without end', '['.repeat(200), '1:102', /nested/);
});

describe('located NDJSON', () => {
  it('reads one value per line', () => {
    const document = parseLocatedNdjson('{"name":"a"}\n\n{"name":"b"}\r\n', 'l.ndjson').value;
    expect(document?.value).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(document?.locate([1, 'name'])).toMatchObject({ line: 3, column: 9 });
  });

  it('reports every broken line', () => {
    const lines = parseLocatedNdjson('{"a":1\n{"a":2}\n{"a"}\n', 'l.ndjson').diagnostics.map((d) => d.location?.line);
    expect(lines).toEqual([1, 3]);
  });
});
