import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeLayer } from './merge.js';
import type { Merged } from './merge.js';
import { Problems } from './problems.js';

/** Values of one fixed shape, as a schema enforces it: what is a scalar, a list or a map is one in every scope. */
const scalar = fc.oneof(fc.integer(), fc.string(), fc.boolean());
const flat = fc.dictionary(fc.constantFrom('p', 'q', 'r'), scalar);
const settings = fc.record(
  { a: scalar, b: scalar, l: fc.array(fc.integer()), m: fc.record({ x: scalar, n: flat }, { requiredKeys: [] }) },
  { requiredKeys: [] },
);
const layers = fc.array(settings, { maxLength: 5 });
const builtin = { a: 0, m: { x: 'built' } };

function mergeAll(list: readonly object[]): Merged {
  const problems = new Problems();
  let merged: Merged = { value: builtin, chains: {} };
  list.forEach((value, i) => {
    const layer = { scope: String(i), value: value as Record<string, unknown>, locate: () => undefined };
    merged = mergeLayer(merged, layer, builtin, problems);
  });
  expect(problems.list()).toEqual([]);
  return merged;
}

/** Every leaf of a value by its path. */
function leaves(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, `${path}/${key}`));
}

describe('merging', () => {
  it('lets the last scope that sets a leaf win', () => {
    fc.assert(
      fc.property(layers, (list) => {
        const expected = new Map(leaves(builtin));
        for (const layer of list) for (const [path, value] of leaves(layer)) expected.set(path, value);
        expect(new Map(leaves(mergeAll(list).value))).toEqual(expected);
      }),
    );
  });

  it('changes nothing when the same scope is laid on twice, or an empty one', () => {
    fc.assert(
      fc.property(layers, (list) => {
        const once = mergeAll(list).value;
        expect(mergeAll([...list, {}]).value).toEqual(once);
        const last = list.at(-1);
        if (last !== undefined) expect(mergeAll([...list, last]).value).toEqual(once);
      }),
    );
  });

  it('is associative: scopes may be merged among themselves first', () => {
    fc.assert(
      fc.property(layers, layers, (left, right) => {
        const empty: Merged = { value: {}, chains: {} };
        const problems = new Problems();
        let folded = empty;
        for (const value of right) {
          folded = mergeLayer(folded, { scope: 'r', value, locate: () => undefined }, {}, problems);
        }
        expect(mergeAll([...left, folded.value]).value).toEqual(mergeAll([...left, ...right]).value);
      }),
    );
  });

  it('goes back to exactly what is built in when everything is set to null', () => {
    fc.assert(
      fc.property(layers, (list) => {
        expect(mergeAll([...list, { a: null, b: null, l: null, m: null }]).value).toEqual(builtin);
      }),
    );
  });

  it('names a winner whose value is the merged one', () => {
    fc.assert(
      fc.property(layers, (list) => {
        const { value, chains } = mergeAll(list);
        const merged = new Map(leaves(value));
        for (const [pointer, chain] of Object.entries(chains)) {
          expect(merged.get(pointer)).toEqual(chain[0]?.value);
          expect(chain.map((origin) => origin.scope).filter((scope) => scope !== 'built-in')).toEqual(
            [...chain]
              .map((origin) => origin.scope)
              .filter((scope) => scope !== 'built-in')
              .sort()
              .reverse(),
          );
        }
      }),
    );
  });
});
