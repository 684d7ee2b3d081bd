/** GRUB's environment block: exactly 1024 bytes, a header line, `name=value` lines, padded with `#`. */

const header = '# GRUB Environment Block\n';
const blockSize = 1024;

export interface GrubEnv {
  readonly entries: readonly (readonly [name: string, value: string])[];
}

/** Reads an environment block; undefined when the content is none. Values are unescaped. */
export function parseGrubenv(content: string): GrubEnv | undefined {
  if (!content.startsWith('# GRUB Environment Block')) return undefined;
  const entries: [string, string][] = [];
  let pending = '';
  for (const line of content.slice(content.indexOf('\n') + 1).split('\n')) {
    // A backslash escapes the character after it, the line break too.
    const text = pending + line;
    if (/(^|[^\\])(\\\\)*\\$/.test(line)) {
      pending = `${text}\n`;
      continue;
    }
    pending = '';
    const equals = text.indexOf('=');
    if (text.startsWith('#') || equals <= 0) continue;
    entries.push([text.slice(0, equals), unescape(text.slice(equals + 1))]);
  }
  return { entries };
}

function unescape(value: string): string {
  return value.replace(/\\([\s\S])/g, '$1');
}

function escape(value: string): string {
  return value.replace(/[\\\n]/g, '\\$&');
}

/** The value of a variable. */
export function grubenvValue(env: GrubEnv | undefined, name: string): string | undefined {
  return env?.entries.findLast(([key]) => key === name)?.[1];
}

/** Writes an environment block of the right size; undefined when it does not fit. */
export function formatGrubenv(env: GrubEnv): string | undefined {
  const text = header + env.entries.map(([name, value]) => `${name}=${escape(value)}\n`).join('');
  return text.length > blockSize ? undefined : text.padEnd(blockSize, '#');
}

/**
 * The block with one variable changed. Every other byte stays, as far as the fixed size allows: lines keep their order and
 * comments, only the padding grows or shrinks. Undefined when the result would not fit.
 */
export function withGrubenvValue(content: string, name: string, value: string): string | undefined {
  const body = content.replace(/#+$/, '');
  const line = new RegExp(`^${name.replace(/[^A-Za-z0-9_]/g, '\\$&')}=(?:\\\\[\\s\\S]|[^\\\\\\n])*$`, 'm');
  const edited = body.replace(line, () => `${name}=${escape(value)}`);
  return edited.length > blockSize ? undefined : edited.padEnd(blockSize, '#');
}
