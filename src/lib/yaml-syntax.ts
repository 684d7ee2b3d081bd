/** What the parser found wrong with a text, in words and at the place where the mistake is. */
import { isCollection, isScalar, visit } from 'yaml';
import type { Document, Node } from 'yaml';
import type { ErrorCode } from './catalog/index.js';

export interface SyntaxProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly start: number;
  readonly end?: number;
}

const LONGEST_MESSAGE = 160;
/** As much of a line as is looked at for a hint. */
const LONGEST_LINE = 500;

interface ParserProblem {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

/** The problems of a document, at most so many. What only follows from an earlier one is left out. */
export function explainSyntax(text: string, document: Document.Parsed, most: number): readonly SyntaxProblem[] {
  const problems: SyntaxProblem[] = [];
  let isBroken = false;
  for (const problem of [...document.errors, ...document.warnings] as readonly ParserProblem[]) {
    // After the first break the parser no longer knows where it is and finds every further token unexpected.
    if (isBroken && (problem.code === 'UNEXPECTED_TOKEN' || isUnclosed(problem))) continue;
    const explained = explain(problem, text, document);
    isBroken ||= explained.code === 'playbook.yaml-syntax';
    problems.push(explained);
    if (problems.length >= most) break;
  }
  return problems;
}

function isUnclosed({ message }: Pick<ParserProblem, 'message'>): boolean {
  return /^Missing closing|must be sufficiently indented and end with/.test(message);
}

function explain({ code, message, pos }: ParserProblem, text: string, document: Document.Parsed): SyntaxProblem {
  const start = Math.max(0, Math.min(pos[0], text.length));
  const end = pos[1];
  // The parser quotes what it did not expect, however long that is.
  const said = message.slice(0, LONGEST_MESSAGE).replace(/\s+/g, ' ').trim();
  if (code === 'TAG_RESOLVE_FAILED') return { code: 'playbook.custom-tag', message: said, start, end };
  if (code === 'MULTIPLE_DOCS') {
    return { code: 'playbook.several-documents', message: 'the file holds more than one document', start, end };
  }
  const opener = isUnclosed({ message }) ? openerBefore(document, start) : undefined;
  if (opener !== undefined) {
    const message = `this ${text[opener]} is never closed`;
    return { code: 'playbook.yaml-syntax', message, start: opener, end: opener + 1 };
  }
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = text.indexOf('\n', start);
  const line = text.slice(lineStart, lineEnd === -1 ? undefined : lineEnd).slice(0, LONGEST_LINE);
  const hint = hintFor(code, said, line);
  // A mistake of indentation is found at the start of its line; its first character is easier to see.
  const indent = start === lineStart ? (/^ */.exec(line)?.[0].length ?? 0) : 0;
  return {
    code: 'playbook.yaml-syntax',
    message: said,
    start: start + indent,
    ...(indent === 0 ? { end } : {}),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Where the innermost quoted text or flow collection around an offset begins. */
function openerBefore(document: Document.Parsed, offset: number): number | undefined {
  let opener: number | undefined;
  const consider = (node: Node): void => {
    const [start, , end] = node.range ?? [0, 0, 0];
    if (start < offset && end >= offset && (opener === undefined || start > opener)) opener = start;
  };
  visit(document, (_key, node) => {
    if (isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE')) consider(node);
    else if (isCollection(node) && node.flow === true) consider(node);
  });
  return opener;
}

function hintFor(code: string, message: string, line: string): string | undefined {
  if (/^ *\t/.test(line)) return 'indent with spaces; YAML does not allow tabs there';
  if (/[{[].*\$\{/.test(line)) return 'quote text that holds ${...} inside { } or [ ]';
  if (code === 'BAD_SCALAR_START') return 'quote text that begins with a special character';
  if (code === 'BLOCK_AS_IMPLICIT_KEY' || code === 'MULTILINE_IMPLICIT_KEY') {
    return 'quote text that holds ": ", and check that the lines below are indented alike';
  }
  const isIndentation = code.startsWith('BAD_') || /indicator|indent/i.test(message);
  return isIndentation ? 'check the indentation of this line and of the ones before it' : undefined;
}
