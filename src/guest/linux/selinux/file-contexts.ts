/**
 * SELinux labels from the guest's own file_contexts, for the few files that Drover creates. The format: a pattern, maybe a
 * file type (`--`, `-d`, `-l`), a label or `<<none>>`. The last pattern that fits wins; one without special characters
 * wins over all others.
 */
import type { GuestTree } from '../../common/ports.js';

interface Spec {
  readonly pattern: string;
  /** Literal text at its beginning, to pass over most patterns without compiling them. */
  readonly stem: string;
  readonly isLiteral: boolean;
  readonly kind?: FileKind;
  readonly label?: string;
}

export type FileKind = 'file' | 'directory' | 'symlink';

/** Finds labels of paths; undefined when nothing fits or the guest says that the path has none. */
export type Labeler = (path: string, kind: FileKind) => string | undefined;

const kinds: Readonly<Record<string, FileKind | 'other'>> = {
  '--': 'file',
  '-d': 'directory',
  '-l': 'symlink',
  '-b': 'other',
  '-c': 'other',
  '-s': 'other',
  '-p': 'other',
};

const meta = /[.^$?*+|[({\\]/;

/** The labeler of a guest, or undefined when it has no file_contexts. */
export function readLabeler(tree: GuestTree): Labeler | undefined {
  const type =
    /^\s*SELINUXTYPE\s*=\s*([A-Za-z0-9_-]+)/m.exec(tree.text('/etc/selinux/config') ?? '')?.[1] ?? 'targeted';
  const base = `/etc/selinux/${type}/contexts/files/file_contexts`;
  const main = tree.text(base);
  if (main === undefined) return undefined;
  const specs = [main, tree.text(`${base}.homedirs`), tree.text(`${base}.local`)].flatMap((text) =>
    parseSpecs(text ?? ''),
  );
  const aliases = [tree.text(`${base}.subs_dist`), tree.text(`${base}.subs`)].flatMap((text) =>
    parseAliases(text ?? ''),
  );
  return (path, kind) => lookUp(specs, substitute(path, aliases), kind);
}

/** Reads the lines of a file_contexts; damaged ones are passed over. */
function parseSpecs(text: string): Spec[] {
  return text.split('\n').flatMap((line): Spec[] => {
    const words = line.trim().split(/\s+/);
    const [pattern = '', second = '', third] = words;
    if (pattern === '' || pattern.startsWith('#')) return [];
    const kind = third === undefined ? undefined : kinds[second];
    const label = third ?? second;
    if (label === '' || kind === 'other') return [];
    const at = pattern.search(meta);
    const literal = pattern.replace(/\\(.)/g, '$1');
    const isLiteral = !meta.test(pattern.replace(/\\./g, ''));
    return [
      {
        pattern: isLiteral ? literal : pattern,
        stem: isLiteral ? literal : stemOf(pattern, at),
        isLiteral,
        ...(kind === undefined ? {} : { kind }),
        ...(label === '<<none>>' ? {} : { label }),
      },
    ];
  });
}

/** What comes before the first special character; a quantifier makes the character before it optional. */
function stemOf(pattern: string, at: number): string {
  return '?*{'.includes(pattern[at] ?? '') ? pattern.slice(0, Math.max(0, at - 1)) : pattern.slice(0, Math.max(0, at));
}

function parseAliases(text: string): (readonly [string, string])[] {
  return text.split('\n').flatMap((line) => {
    const [from, to] = line.trim().split(/\s+/);
    return from?.startsWith('/') === true && to?.startsWith('/') === true ? [[from, to] as const] : [];
  });
}

/** `/run /var/run`: what is below the first is labelled as if it were below the second. */
function substitute(path: string, aliases: readonly (readonly [string, string])[]): string {
  for (const [from, to] of aliases) {
    if (path === from || path.startsWith(`${from}/`)) return to + path.slice(from.length);
  }
  return path;
}

function lookUp(specs: readonly Spec[], path: string, kind: FileKind): string | undefined {
  const fits = (spec: Spec): boolean => spec.kind === undefined || spec.kind === kind;
  const literal = specs.findLast((spec) => spec.isLiteral && spec.pattern === path && fits(spec));
  if (literal !== undefined) return literal.label;
  return specs.findLast(
    (spec) => !spec.isLiteral && fits(spec) && path.startsWith(spec.stem) && matches(spec.pattern, path),
  )?.label;
}

function matches(pattern: string, path: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`).test(path);
  } catch {
    // A construct that only PCRE knows.
    return false;
  }
}
