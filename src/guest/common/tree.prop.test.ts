import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GuestNode } from './ports.js';
import { createGuestTree } from './tree.js';
import type { TreeEntry } from './tree.js';

function node(path: string, kind: GuestNode['kind'], linkTarget?: string): GuestNode {
  return {
    path,
    kind,
    mode: kind === 'directory' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtimeS: 0,
    sizeBytes: 0,
    ...(linkTarget === undefined ? {} : { linkTarget }),
    xattrs: {},
  };
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`);
/** What a hostile guest writes: ways up, absolute targets, loops, nonsense. */
const target = fc.oneof(
  fc.array(fc.oneof(name, fc.constantFrom('..', '.', '')), { maxLength: 6 }).map((names) => names.join('/')),
  path,
  fc.constantFrom('/', '..', '../../../../../../etc/passwd', '/../../etc/passwd', '', '//', '/proc/self/root'),
);
const file: fc.Arbitrary<TreeEntry> = fc
  .tuple(path, fc.uint8Array({ maxLength: 8 }))
  .map(([at, bytes]) => ({ node: node(at, 'file'), content: Buffer.from(bytes) }));
const link: fc.Arbitrary<TreeEntry> = fc.tuple(path, target).map(([at, to]) => ({ node: node(at, 'symlink', to) }));
const folder: fc.Arbitrary<TreeEntry> = path.map((at) => ({ node: node(at, 'directory') }));
const entries = fc.array(fc.oneof(file, link, folder), { maxLength: 14 });
/** Anything a guest's own files could ask for. */
const asked = fc.oneof(path, target, fc.string({ unit: 'binary', maxLength: 12 }));

test('whatever the links say, a path resolves to a real place of the tree, or to nothing', () => {
  fc.assert(
    fc.property(entries, asked, (given, wanted) => {
      const tree = createGuestTree(given);
      const real = tree.resolve(wanted);
      if (real === undefined) return;
      expect(real.startsWith('/')).toBe(true);
      const names = real.split('/').slice(1);
      if (real !== '/') for (const each of names) expect(['', '.', '..']).not.toContain(each);
      // No part of a real path is a link, and it is its own real path.
      for (let length = 1; real !== '/' && length <= names.length; length += 1) {
        expect(tree.lstat(`/${names.slice(0, length).join('/')}`)?.kind).not.toBe('symlink');
      }
      expect(tree.resolve(real)).toBe(real);
    }),
    { numRuns: 500 },
  );
});

test('reading gives only what an entry of the tree holds', () => {
  fc.assert(
    fc.property(entries, asked, (given, wanted) => {
      const content = createGuestTree(given).read(wanted);
      if (content !== undefined) expect(given.some((entry) => entry.content === content)).toBe(true);
    }),
  );
});

test('no sequence of edits reaches outside or leaves a change that is none', () => {
  const edit = fc.oneof(
    fc.record({ act: fc.constant('write' as const), path: asked, content: fc.string({ maxLength: 4 }) }),
    fc.record({ act: fc.constant('remove' as const), path: asked, content: fc.constant('') }),
    fc.record({ act: fc.constant('symlink' as const), path: asked, content: target }),
  );
  fc.assert(
    fc.property(entries, fc.array(edit, { maxLength: 8 }), (given, edits) => {
      const tree = createGuestTree(given);
      for (const each of edits) {
        try {
          if (each.act === 'write') tree.write(each.path, each.content);
          else if (each.act === 'remove') tree.remove(each.path);
          else tree.symlink(each.content, each.path);
        } catch {
          // Links that lead nowhere and folders cannot be written; that is refused, not done elsewhere.
        }
      }
      const changes = tree.changes();
      expect(changes.map((change) => change.path)).toEqual(changes.map((change) => change.path).sort());
      for (const change of changes) {
        expect(change.path).toMatch(/^\/[^/]/);
        expect(change.path.split('/')).not.toContain('..');
        if (change.kind === 'removed') expect(tree.lstat(change.path)).toBeUndefined();
        else expect(change.node).toEqual(tree.lstat(change.path));
        if (change.kind === 'modified' && change.before !== undefined && change.after !== undefined) {
          expect(change.before.equals(change.after) && change.node?.mode === tree.lstat(change.path)?.mode).toBe(false);
        }
      }
      tree.settle();
      expect(tree.changes()).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('writing back what is there is no change', () => {
  fc.assert(
    fc.property(entries, (given) => {
      const tree = createGuestTree(given);
      for (const { node: each } of given) {
        const content = tree.read(each.path);
        if (content !== undefined) tree.write(each.path, content);
      }
      expect(tree.changes()).toEqual([]);
    }),
  );
});
