/** Names that come from descriptors and archives are written by whoever made the file. They are judged here. */

const LONGEST = 4096;

/** A name for messages: quoted, control characters escaped, cut when it is long. */
export function showName(name: string): string {
  const cut = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return JSON.stringify(cut).replaceAll(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

export interface NameProblem {
  readonly kind: 'empty' | 'too-long' | 'control' | 'scheme' | 'backslash' | 'drive' | 'absolute' | 'parent';
  /** What is wrong, to be read after "the name … ". */
  readonly text: string;
}

/**
 * Why a relative name must not be followed, or undefined when it may be. `absolute` and `parent` are the two kinds
 * that a caller may still allow when the place they lead to was allowed by a person.
 */
export function nameProblem(name: string): NameProblem | undefined {
  if (name === '') return { kind: 'empty', text: 'is empty' };
  if (name.length > LONGEST) return { kind: 'too-long', text: `has more than ${LONGEST} characters` };

  if (/[\u0000-\u001f\u007f]/.test(name)) return { kind: 'control', text: 'holds control characters' };
  if (/^[A-Za-z]:/.test(name)) return { kind: 'drive', text: 'begins with a drive letter' };
  // What a tool reads as a protocol: `json:`, `nbd:`, `https:`. A colon behind a slash is an ordinary character.
  if (/^[^/\\]*:/.test(name)) return { kind: 'scheme', text: 'would be read as a protocol' };
  if (name.includes('\\')) return { kind: 'backslash', text: 'holds a backslash' };
  if (name.startsWith('/')) return { kind: 'absolute', text: 'is an absolute path' };
  if (name.split('/').includes('..')) return { kind: 'parent', text: 'leads out of its folder with ".."' };
  return undefined;
}

/** Whether an absolute, resolved path is a folder or lies below it; compares whole segments. */
export function isInside(folder: string, path: string): boolean {
  const base = folder.endsWith('/') ? folder : `${folder}/`;
  return path === folder || path.startsWith(base);
}
