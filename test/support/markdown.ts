/** The project's Markdown files, taken apart for tests of what they say. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Block {
  /** From 1: the line after the fence. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

export interface Page {
  /** Path below the root of the project. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** The text outside of code blocks, line by line; lines of blocks are empty. */
  readonly prose: readonly string[];
  /** Anchors of its headings as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
}

function filesBelow(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(dir, entry.name)) : entry.name.endsWith('.md') ? [join(dir, entry.name)] : [],
  );
}

/** Letters, digits, dashes, underscores and blanks stay; blanks become dashes; a second one of a kind is numbered. */
function anchorsOf(headings: readonly string[]): ReadonlySet<string> {
  const seen = new Map<string, number>();
  return new Set(
    headings.map((heading) => {
      const plain = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-');
      const count = seen.get(plain) ?? 0;
      seen.set(plain, count + 1);
      return count === 0 ? plain : `${plain}-${count}`;
    }),
  );
}

export function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { line: number; language: string; lines: string[] } | undefined;
  for (const [at, line] of text.split('\n').entries()) {
    const fence = /^\s*```(\w*)\s*$/.exec(line);
    prose.push(fence !== null || open !== undefined ? '' : line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) open = { line: at + 2, language: fence[1] ?? '', lines: [] };
    else {
      blocks.push({ line: open.line, language: open.language, text: open.lines.join('\n') });
      open = undefined;
    }
  }
  const headings = prose.flatMap((line) => /^#{1,6} (.*)$/.exec(line)?.[1] ?? []);
  return { path, text, blocks, prose, anchors: anchorsOf(headings) };
}

/** All pages that people read. */
export function allPages(): readonly Page[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  const more = ['docs', 'bench', 'playbooks', 'test-confs'].flatMap(filesBelow);
  return [...top, ...more]
    .map((path) => readPage(relative(ROOT, join(ROOT, path))))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
