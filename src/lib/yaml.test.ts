import { describe, expect, it } from 'vitest';
import { parseYaml } from './yaml.js';
import { YAML_LIMITS } from './yaml-limits.js';

function problems(text: string | Uint8Array): string[] {
  return parseYaml(text, 'a.yaml').diagnostics.map(
    (d) => `${d.location?.line}:${d.location?.column} ${d.code} ${d.message}`,
  );
}

function value(text: string): unknown {
  const parsed = parseYaml(text, 'a.yaml');
  expect(parsed.diagnostics).toEqual([]);
  return parsed.value?.value;
}

describe('what is read', () => {
  it('is the core schema of YAML 1.2', () => {
    expect(value('a: yes\nb: 0755\nc: 0o755\nd: ~\ne: 1.5\nf: "1"\ng: 00:50:56:3a:5b:7c\nh: on\ni: True\n')).toEqual({
      a: 'yes',
      b: 755,
      c: 0o755,
      d: null,
      e: 1.5,
      f: '1',
      g: '00:50:56:3a:5b:7c',
      h: 'on',
      i: true,
    });
  });

  it('has keys of text only', () => {
    expect(value('disks: { 0: a, "1": b }\n')).toEqual({ disks: { 0: 'a', 1: 'b' } });
  });

  it('expands aliases into copies', () => {
    const parsed = parseYaml('a: &x { k: [1] }\nb: *x\n', 'a.yaml').value;
    const { a, b } = parsed?.value as { a: object; b: object };
    expect(b).toEqual({ k: [1] });
    expect(b).not.toBe(a);
    expect(parsed?.locate(['b', 'k', 0])).toMatchObject({ line: 1, column: 13 });
    expect(parsed?.locate(['b'], 'key')).toMatchObject({ line: 2, column: 1 });
  });

  it('takes the latest of two anchors with one name', () => {
    expect(value('a: &x 1\nb: *x\nc: &x 2\nd: *x\n')).toEqual({ a: 1, b: 1, c: 2, d: 2 });
  });

  it('tolerates a byte order mark and still counts columns from the first character', () => {
    const bytes = Buffer.from('\ufeffa: [x, y]\n', 'utf8');
    expect(parseYaml(bytes, 'a.yaml').value?.locate(['a', 1])).toEqual({
      file: 'a.yaml',
      line: 1,
      column: 8,
      endColumn: 9,
    });
  });

  it('does not merge', () => {
    expect(value('base: &b { x: 1 }\nme: { "<<": *b }\n')).toEqual({ base: { x: 1 }, me: { '<<': { x: 1 } } });
  });
});

const nested = (levels: number): string => Array.from({ length: levels }, (_, i) => `${' '.repeat(i)}a:\n`).join('');

describe('what is refused', () => {
  const check = (name: string, text: string | Uint8Array, expected: string | RegExp): void => {
    it(name, () => {
      const found = problems(text);
      expect(found.length).toBeGreaterThan(0);
      if (typeof expected === 'string') expect(found[0]).toBe(expected);
      else expect(found[0]).toMatch(expected);
    });
  };
  check(
    'a key given twice',
    'a: 1\nb: 2\na: 3\n',
    '3:1 playbook.duplicate-key the key "a" was given in line 1 already',
  );
  check('a key given twice in flow style', '{a: 1, "a": 2}\n', /^1:8 playbook.duplicate-key/);
  check('a second document', 'a: 1\n---\nb: 1\n', /^2:1 playbook.several-documents/);
  check('a custom tag', 'a: !vault secret\n', /^1:4 playbook.custom-tag/);
  check('a binary tag', 'a: !!binary aGVsbG8=\n', /^1:4 playbook.custom-tag/);
  check('YAML 1.1', '%YAML 1.1\n---\na: yes\n', /^1:1 playbook.yaml-syntax YAML 1.1/);
  check('an empty file', '', '1:1 playbook.empty the file is empty');
  check('a file of comments', '# nothing\n', /playbook.empty/);
  check('a tab as indentation', 'a:\n\tb: 1\n', /^2:1 playbook.yaml-syntax/);
  check('an unknown alias', 'a: *nobody\n', /^1:4 playbook.yaml-syntax .*\*nobody/);
  check('an alias in its own anchor', 'a: &x [*x]\n', /^1:8 playbook.yaml-syntax the alias \*x refers/);
  check('keys of prototypes', 'a: { __proto__: { b: 1 } }\n', /^1:6 playbook.forbidden-key/);
  check('a constructor', 'constructor: 1\n', /^1:1 playbook.forbidden-key/);
  check('numbers that would be rounded', 'a: 12345678901234567890\n', /^1:4 playbook.out-of-range/);
  check('a map as a key', '? {a: 1}\n: 2\n', /playbook.yaml-syntax/);
  check('bytes that are not UTF-8', Buffer.from([0x61, 0x3a, 0x0a, 0x20, 0xff]), /^2:2 playbook.encoding/);
  check('UTF-16', Buffer.from('\ufeffa: 1\n', 'utf16le'), /^1:1 playbook.encoding the file is UTF-16/);
  check('deep nesting', '['.repeat(20_000), /^1:102 playbook.too-large .*100 levels/);
  check('deep nesting of maps', '{a: '.repeat(20_000), /playbook.too-large/);
  check('deep nesting of lists in one line', '- '.repeat(20_000), /^1:1 playbook.too-large/);
  check('deep nesting by indentation', nested(2000), /playbook.too-large/);
  check('nesting beyond the limit', `${'['.repeat(150)}${']'.repeat(150)}`, /playbook.too-large .*100 levels/);

  it('an explosion of aliases', () => {
    let bomb = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 9; i += 1)
      bomb += `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]\n`;
    expect(problems(bomb).join()).toMatch(/playbook.too-large the text expands over 1000 aliases/);
  });

  it('too many bytes and too many nodes', () => {
    const limits = { ...YAML_LIMITS, bytes: 10, nodes: 5 };
    expect(parseYaml(Buffer.alloc(11, 'a'), 'a', limits).diagnostics[0]?.code).toBe('playbook.too-large');
    expect(parseYaml('[1,2,3,4,5,6]', 'a', limits).diagnostics[0]?.code).toBe('playbook.too-large');
  });

  it('with a hint for the reference that ends a flow map', () => {
    const [first] = parseYaml('a: { pool: ${var:pool} }\n', 'a.yaml').diagnostics;
    expect(first?.hint).toMatch(/quote text that holds \$\{/);
  });

  it('with at most 100 problems per text', () => {
    expect(problems('a: 1\n'.repeat(500)).length).toBe(100);
  });
});

describe('places', () => {
  const text = 'a:\n  b: "x y"\n  c:\n  d: [1,  two]\ne: |\n  long\n  text\n';
  const parsed = parseYaml(text, 'a.yaml').value;
  const at = (path: (string | number)[], token?: 'key' | 'value'): string => {
    const place = parsed?.locate(path, token);
    return `${place?.line}:${place?.column}-${place?.endColumn ?? ''}`;
  };
  it('of values, keys, empty values and absent ones', () => {
    expect(at(['a', 'b'])).toBe('2:6-11');
    expect(at(['a', 'b'], 'key')).toBe('2:3-4');
    expect(at(['a', 'c'])).toBe('3:3-4');
    expect(at(['a', 'd', 1])).toBe('4:11-14');
    expect(at(['a', 'missing'])).toBe('1:1-2');
    expect(at([])).toBe('1:1-3');
  });
});
