/** JSON pointers (RFC 6901) and their form for people. */

/** The pointer of a path: `/waves/0/name`; the empty path is the whole document. */
export function formatPointer(path: readonly (string | number)[]): string {
  let out = '';
  for (const part of path) out += `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return out;
}

/** The path of a pointer. Undefined when the text is no pointer. */
export function parsePointer(pointer: string): string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** A path as people write it: `waves[0].vms[3].overrides.memory`. */
export function pathText(path: readonly (string | number)[]): string {
  let out = '';
  for (const part of path) {
    const text = String(part);
    if (/^\d+$/.test(text)) out += `[${text}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(text)) out += out === '' ? text : `.${text}`;
    else out += `[${JSON.stringify(text)}]`;
  }
  return out;
}
