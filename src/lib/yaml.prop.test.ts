import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseYaml } from './yaml.js';

/** Texts that look like playbooks: indented pieces of everything that YAML has, in any order. */
const piece = fc.constantFrom(
  ...['a', 'b', 'name', '"q"', "'s'", '"0"', 'x.y', '- ', '- - ', ': ', ':', ' ', '  ', '\n', '\n  ', '\n    ', '\n- '],
  ...['1', '0755', '-1', 'true', '~', 'null', '1.5', '.5', '"a # b"', 'a # c', '[', ']', '{', '}', ', ', '#', ' # c\n'],
  ...['a: b\n', '  a: 1\n', '  - b: 2\n', '    c: 3\n', 'a:\n', '[1, 2]', '{ a: 1 }', '{}', '[]', '00:50:56', '10%'],
  ...['---\n', '...\n', '&x ', '*x', '!t ', '|\n', '>\n', '"\\n"', "'it''s'", '\t', '\r\n', '"', "'", '?', '$', '${v}'],
);
const text = fc.array(piece, { maxLength: 24 }).map((parts) => parts.join(''));

/** Texts that are valid or nearly so: a random tree written in a random style, then a piece thrown in at random. */
const scalar = fc.constantFrom(
  ...['x', '1', 'true', '~', '"q # r"', "'s: t'", '[]', '{}', '[a, 1, "b"]', '{ k: v, "0": [x] }', '', '00:50:56:3a'],
  ...[
    '10%',
    'a # c',
    '- a',
    './d/e.f',
    '2GiB',
    '0',
    'null',
    'x: y',
    '-1',
    '{a: {b: [c, {d: 1}]}}',
    'a b  c',
    'http://h/p',
  ],
);
const keys = ['a', 'b.c', '"d"', "'e'", 'f-g', 'h1'];
interface Tree {
  list: boolean;
  shift: number;
  entries: readonly { text: string; sub: Tree | null; comment: boolean; gap: number }[];
}
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    list: fc.boolean(),
    shift: fc.integer({ min: 0, max: 3 }),
    entries: fc.array(
      fc.record({
        text: scalar,
        sub: fc.option(tie('tree'), { maxDepth: 3, nil: null }),
        comment: fc.boolean(),
        gap: fc.integer({ min: 1, max: 2 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
}));
function write({ list, entries }: Tree, indent: number): string {
  let out = '';
  entries.forEach(({ text: own, sub, comment, gap }, i) => {
    const end = comment ? ' # note\n' : '\n';
    const head = list ? '-' : `${keys[i]}:`;
    const deeper = indent + (sub?.shift ?? 0) + (list || sub?.list === false ? 1 : 0);
    if (sub === null) out += `${' '.repeat(indent)}${head}${' '.repeat(gap)}${own}${end}`;
    else if (list && comment)
      out += `${' '.repeat(indent)}-${' '.repeat(gap)}${write(sub, indent + 1 + gap).trimStart()}`;
    else out += `${' '.repeat(indent)}${head}${end}${gap === 2 ? '\n  # note\n' : ''}${write(sub, deeper)}`;
  });
  return out;
}
const likely = fc.tuple(tree, fc.option(fc.tuple(piece, fc.nat()), { freq: 2 })).map(([root, mutation]) => {
  const whole = write({ ...root, list: false }, 0);
  if (mutation === null) return whole;
  const at = mutation[1] % (whole.length + 1);
  return whole.slice(0, at) + mutation[0] + whole.slice(at);
});

describe('YAML', () => {
  it('never throws on any text', () => {
    fc.assert(
      fc.property(fc.oneof(likely, text, fc.string({ unit: 'binary', maxLength: 60 })), (input) => {
        const { value, diagnostics } = parseYaml(input, 'a.yaml');
        expect(value === undefined).toBe(diagnostics.length > 0);
        for (const d of diagnostics) expect(d.location?.line).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { value, diagnostics } = parseYaml(bytes, 'a.yaml');
        expect(value === undefined).toBe(diagnostics.length > 0);
      }),
      { numRuns: 1000 },
    );
  });

  it('reads back every JSON value below a map', () => {
    const json = fc.dictionary(
      fc.string({ minLength: 1 }).filter((k) => !['__proto__', 'constructor', 'prototype'].includes(k)),
      fc
        .jsonValue({ maxDepth: 4, noUnicodeString: false })
        .filter((v) => !/__proto__|"constructor"|"prototype"/.test(JSON.stringify(v))),
    );
    fc.assert(
      fc.property(json, (input) => {
        const written = JSON.stringify(input);
        const { value, diagnostics } = parseYaml(written, 'a.yaml');
        // Numbers that YAML would round are refused rather than changed.
        if (diagnostics.some((d) => d.code === 'playbook.out-of-range')) return;
        expect(diagnostics).toEqual([]);
        expect(value?.value).toEqual(JSON.parse(written));
      }),
      { numRuns: 300 },
    );
  });
});
