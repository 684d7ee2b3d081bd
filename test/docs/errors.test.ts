import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { catalog } from '../../src/lib/catalog/index.js';
import { docsAnchor } from '../../src/lib/diagnostic-format.js';

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const headings = [...text.matchAll(/^### (.*)$/gm)].map((match) => match[1] ?? '');

describe('docs/errors.md', () => {
  it('explains exactly the codes of the catalogue', () => {
    expect([...headings].sort()).toEqual(Object.keys(catalog).sort());
  });

  it('has an anchor where diagnostics point', () => {
    // GitHub makes anchors of headings: lower case, everything but letters, digits, dashes and blanks dropped.
    const anchors = new Set(
      headings.map((heading) =>
        heading
          .toLowerCase()
          .replace(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      ),
    );
    for (const code of Object.keys(catalog)) expect(anchors).toContain(docsAnchor(code).split('#')[1]);
  });

  it('says cause, check and cure of each', () => {
    for (const entry of Object.values(catalog)) {
      for (const part of [entry.cause, entry.check, entry.cure]) expect(text).toContain(part);
    }
  });
});
