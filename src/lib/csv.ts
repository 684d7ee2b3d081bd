/** Comma-separated values (RFC 4180) with the place of every field. */

export interface CsvField {
  readonly text: string;
  /** Offsets of the field in the text, quotes included. */
  readonly start: number;
  readonly end: number;
}

interface CsvProblem {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

export interface CsvTable {
  /** Records that hold at least one character; blank lines are skipped. */
  readonly records: readonly (readonly CsvField[])[];
  readonly problems: readonly CsvProblem[];
}

/**
 * Splits a text into records and fields. Lines end with LF or CRLF; a quoted field may hold commas, line breaks and
 * doubled quotes. Lines that begin with `#` are comments. Spaces around an unquoted field do not belong to it.
 */
export function parseCsv(text: string): CsvTable {
  const records: CsvField[][] = [];
  const problems: CsvProblem[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length) {
    const lineEnd = endOfLine(text, at);
    const first = text[at];
    if (first === '#' || lineEnd === at) {
      at = afterLine(text, lineEnd);
      continue;
    }
    const record: CsvField[] = [];
    at = readRecord(text, at, record, problems);
    if (record.length > 1 || record[0]?.text !== '') records.push(record);
  }
  return { records, problems };
}

/** The offset of the line break (CR of a CRLF, or LF) that ends the line, or of the end of the text. */
function endOfLine(text: string, from: number): number {
  const feed = text.indexOf('\n', from);
  if (feed === -1) return text.length;
  return text[feed - 1] === '\r' && feed > from ? feed - 1 : feed;
}

function afterLine(text: string, lineEnd: number): number {
  return text[lineEnd] === '\r' ? lineEnd + 2 : lineEnd + 1;
}

/** Reads one record; returns the offset after its line break. */
function readRecord(text: string, from: number, record: CsvField[], problems: CsvProblem[]): number {
  let at = from;
  for (;;) {
    let start = at;
    while (text[start] === ' ') start += 1;
    const field = text[start] === '"' ? quotedField(text, start, problems) : plainField(text, start);
    record.push(field);
    at = field.end;
    while (text[at] === ' ') at += 1;
    if (text[at] === ',') {
      at += 1;
      continue;
    }
    const lineEnd = endOfLine(text, at);
    if (at < lineEnd) {
      problems.push({ message: 'a comma is missing after a quoted field', start: at, end: lineEnd });
    }
    return afterLine(text, lineEnd);
  }
}

function plainField(text: string, start: number): CsvField {
  const lineEnd = endOfLine(text, start);
  const comma = text.indexOf(',', start);
  let end = comma === -1 || comma > lineEnd ? lineEnd : comma;
  while (end > start && text[end - 1] === ' ') end -= 1;
  return { text: text.slice(start, end), start, end };
}

function quotedField(text: string, start: number, problems: CsvProblem[]): CsvField {
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote === -1) {
      problems.push({ message: 'a quoted field does not end', start, end: endOfLine(text, start) });
      return { text: text.slice(start + 1).replaceAll('""', '"'), start, end: text.length };
    }
    if (text[quote + 1] !== '"') {
      return { text: text.slice(start + 1, quote).replaceAll('""', '"'), start, end: quote + 1 };
    }
    at = quote + 2;
  }
}
