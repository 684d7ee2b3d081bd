import { describe, expect, it } from 'vitest';
import { mergeLayer } from './merge.js';
import type { Layer, Merged } from './merge.js';
import { Problems } from './problems.js';

const builtin = { a: 1, m: { x: 1, y: { z: 'b' } }, list: ['p'] };
const start: Merged = { value: builtin, chains: {} };

function layer(scope: string, value: Record<string, unknown>): Layer {
  return { scope, value, locate: (path) => ({ file: scope, line: path.length, column: 1 }) };
}

function merge(...values: Record<string, unknown>[]): { merged: Merged; codes: string[]; problems: Problems } {
  const problems = new Problems();
  let merged = start;
  values.forEach((value, i) => (merged = mergeLayer(merged, layer(`s${i}`, value), builtin, problems)));
  return { merged, codes: problems.list().map((d) => `${d.code}: ${d.message}`), problems };
}

describe('values', () => {
  const check = (name: string, layers: Record<string, unknown>[], expected: unknown): void => {
    it(name, () => {
      const { merged, codes } = merge(...layers);
      expect(codes).toEqual([]);
      expect(merged.value).toEqual(expected);
    });
  };
  check('merge as maps', [{ m: { x: 2 } }, { m: { y: { w: 3 } } }], { ...builtin, m: { x: 2, y: { z: 'b', w: 3 } } });
  check('replace as scalars and lists', [{ a: 2, list: ['q', 'r'] }], { ...builtin, a: 2, list: ['q', 'r'] });
  check(
    'go back with null',
    [
      { a: 5, m: { x: 9, y: { w: 1 } } },
      { a: null, m: { y: null } },
    ],
    {
      ...builtin,
      m: { x: 9, y: { z: 'b' } },
    },
  );
  check('go back as a whole with null', [{ m: { x: 9, n: 1 } }, { m: null }], builtin);
  check('vanish with null when nothing is built in', [{ extra: { k: 1 } }, { extra: { k: null } }], {
    ...builtin,
    extra: {},
  });
  check('append, prepend and remove', [{ list: { $append: ['z'], $prepend: ['o'], $remove: ['p'] } }], {
    ...builtin,
    list: ['o', 'z'],
  });
  check('edit lists that are not there yet', [{ fresh: { $append: [1] } }], { ...builtin, fresh: [1] });
  check('ignore notes', [{ 'x-note': 1 }], builtin);
  check('are not touched by an empty map', [{ m: {} }], builtin);

  it('never change what they were merged from', () => {
    const before = JSON.stringify(builtin);
    merge({ m: { y: { z: 'c' } } }, { m: null }, { list: { $append: [1] } });
    expect(JSON.stringify(builtin)).toBe(before);
  });
});

describe('origins', () => {
  it('name every scope, the winner first, down to what is built in', () => {
    const { merged } = merge({ m: { x: 2 } }, { m: { x: 3 } }, { m: { x: null } });
    expect(merged.chains['/m/x']).toEqual([
      { scope: 's2', location: { file: 's2', line: 2, column: 1 }, value: null },
      { scope: 's1', location: { file: 's1', line: 2, column: 1 }, value: 3 },
      { scope: 's0', location: { file: 's0', line: 2, column: 1 }, value: 2 },
      { scope: 'built-in', value: 1 },
    ]);
  });

  it('point at the null that sent a whole map back', () => {
    const { merged } = merge({ m: { y: { z: 'c' } } }, { m: null });
    expect(merged.chains['/m/y/z']?.[0]).toEqual({
      scope: 's1',
      location: { file: 's1', line: 1, column: 1 },
      value: null,
    });
  });

  it('do not list what nobody set', () => {
    expect(Object.keys(merge({ a: 3 }).merged.chains)).toEqual(['/a']);
  });
});

describe('mistakes', () => {
  const check = (name: string, layers: Record<string, unknown>[], expected: RegExp): void => {
    it(name, () => expect(merge(...layers).codes.join()).toMatch(expected));
  };
  check('a map over a scalar', [{ a: { b: 1 } }], /type-change: "a" is a single value .* a map/);
  check('a scalar over a map', [{ m: 3 }], /type-change: "m" is a map .* a single value/);
  check('a list over a scalar', [{ a: [1] }], /type-change/);
  check('an edit of a scalar', [{ a: { $append: [1] } }], /type-change: "a" is a single value .* a list/);
  check('an edit without a list', [{ list: { $append: 'x' } }], /bad-list-edit: "\$append" needs a list/);
  check('an unknown edit', [{ list: { $insert: ['x'] } }], /bad-list-edit: "\$insert" cannot stand/);

  it('show where the other type came from', () => {
    const { problems } = merge({ fresh: { k: 1 } }, { fresh: 2 });
    expect(problems.list()[0]?.origins).toEqual([{ file: 's0', line: 2, column: 1, note: 'a map is given here (s0)' }]);
  });
});
