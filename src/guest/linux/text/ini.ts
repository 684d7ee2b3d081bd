/** INI files of systemd and NetworkManager, read so that an edit touches one line and nothing else. */
import { splitLines } from './lines.js';
import type { TextLine } from './lines.js';

export interface IniLine extends TextLine {
  readonly kind: 'section' | 'pair' | 'other';
  /** Name of the section the line stands in; empty before the first. */
  readonly section: string;
  /** Tells sections of the same name apart. */
  readonly sectionIndex: number;
  readonly key: string;
  /** Trimmed; empty on lines that are no pair. Values continued on the next line hold their first line only. */
  readonly value: string;
  /** Column where the value begins. */
  readonly valueStart: number;
  readonly isContinued: boolean;
}

/** Reads the lines of an INI file. Never throws; joining the lines gives the file back. */
export function parseIni(content: string): IniLine[] {
  let section = '';
  let sectionIndex = 0;
  let continued = false;
  return splitLines(content).map((line) => {
    const base = { ...line, section, sectionIndex, key: '', value: '', valueStart: 0, isContinued: false };
    const trimmed = line.text.trim();
    if (trimmed.startsWith('#') || trimmed.startsWith(';') || trimmed === '') return { ...base, kind: 'other' };
    if (continued) {
      continued = trimmed.endsWith('\\');
      return { ...base, kind: 'other' };
    }
    const header = /^\[([^\]]*)\]$/.exec(trimmed);
    if (header?.[1] !== undefined) {
      section = header[1];
      sectionIndex += 1;
      return { ...base, kind: 'section', section, sectionIndex };
    }
    const equals = line.text.indexOf('=');
    if (equals === -1) return { ...base, kind: 'other' };
    continued = trimmed.endsWith('\\');
    const after = line.text.slice(equals + 1);
    return {
      ...base,
      kind: 'pair',
      key: line.text.slice(0, equals).trim(),
      value: after.trim(),
      valueStart: equals + 1 + (after.length - after.trimStart().length),
      isContinued: continued,
    };
  });
}

/** All values of a key in sections of a name, in file order. */
export function iniValues(lines: readonly IniLine[], section: string, key: string): string[] {
  return lines.flatMap((line) =>
    line.kind === 'pair' && line.section === section && line.key === key ? [line.value] : [],
  );
}

/** The value that counts: the last one. */
export function iniValue(lines: readonly IniLine[], section: string, key: string): string | undefined {
  return iniValues(lines, section, key).at(-1);
}

/** The line's text with another value; blanks before it stay. */
export function withIniValue(line: IniLine, value: string): string {
  const end = line.valueStart + line.value.length;
  return line.text.slice(0, line.valueStart) + value + line.text.slice(end);
}
