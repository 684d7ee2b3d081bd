/**
 * XML from untrusted files as a plain tree. Namespaces are resolved, so that callers match by URI whatever the prefix.
 * There are no document types, no entities of a document's own, and limits on bytes, depth and number of elements.
 */
import { SaxesParser } from 'saxes';

interface XmlAttribute {
  /** Empty for an attribute without prefix. */
  readonly uri: string;
  readonly local: string;
  readonly value: string;
}

export interface XmlElement {
  readonly uri: string;
  readonly local: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlElement[];
  /** Character data directly inside, without that of children. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

export interface XmlLimits {
  /** Default 10 MiB. */
  readonly maxBytes?: number;
  /** Default 64. */
  readonly maxDepth?: number;
  /** Default 100 000. */
  readonly maxElements?: number;
}

/** Why a document was refused. Line and column count from 1. */
export class XmlError extends Error {
  override readonly name = 'XmlError';
  readonly kind: 'syntax' | 'doctype' | 'limit' | 'encoding';
  readonly line: number;
  readonly column: number;

  constructor(kind: XmlError['kind'], message: string, line = 1, column = 1) {
    super(message);
    this.kind = kind;
    this.line = line;
    this.column = column;
  }
}

interface Building extends XmlElement {
  readonly children: XmlElement[];
  text: string;
}

/** Text of an XML document by its byte order mark or declaration; UTF-8 without either. */
function decode(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  let label = /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(head)?.[1] ?? 'utf-8';
  if (head.startsWith('\xff\xfe')) label = 'utf-16le';
  if (head.startsWith('\xfe\xff')) label = 'utf-16be';
  if (head.startsWith('\xef\xbb\xbf')) label = 'utf-8';
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch (cause) {
    const why = cause instanceof RangeError ? 'is not known' : 'does not fit its bytes';
    throw new XmlError('encoding', `the encoding ${label} of the document ${why}`);
  }
}

/** The root element of a document. Throws XmlError. */
export function parseXml(document: Uint8Array | string, limits: XmlLimits = {}): XmlElement {
  const { maxBytes = 10 * 1024 ** 2, maxDepth = 64, maxElements = 100_000 } = limits;
  if (document.length > maxBytes) {
    throw new XmlError('limit', `the document has ${document.length} bytes; at most ${maxBytes} are read`);
  }
  const text = typeof document === 'string' ? document : decode(document);
  const parser = new SaxesParser({ xmlns: true, position: true });
  const open: Building[] = [];
  let root: Building | undefined;
  let count = 0;
  // The index of a column is known at once; counting its characters would walk the line each time.
  let at = { line: 1, column: 1 };
  const fail = (kind: XmlError['kind'], message: string): never => {
    throw new XmlError(kind, message, parser.line, parser.columnIndex + 1);
  };
  parser.on('doctype', () => fail('doctype', 'the document declares a document type (DOCTYPE)'));
  // The parser puts its own "line:column: " in front of what it says.
  parser.on('error', (error) => fail('syntax', error.message.replace(/^\d+:\d+: /, '')));
  parser.on('opentagstart', () => {
    at = { line: parser.line, column: parser.columnIndex + 1 };
  });
  parser.on('opentag', (tag) => {
    count += 1;
    if (count > maxElements) fail('limit', `the document has more than ${maxElements} elements`);
    if (open.length >= maxDepth) fail('limit', `elements are nested more than ${maxDepth} deep`);
    const element: Building = {
      uri: tag.uri,
      local: tag.local,
      attributes: Object.values(tag.attributes)
        .filter((a) => a.prefix !== 'xmlns' && a.name !== 'xmlns')
        .map((a) => ({ uri: a.uri, local: a.local, value: a.value })),
      children: [],
      text: '',
      ...at,
    };
    const parent = open.at(-1);
    if (parent === undefined) root ??= element;
    else parent.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => void open.pop());
  const addText = (data: string): void => {
    const element = open.at(-1);
    if (element !== undefined) element.text += data;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.write(text).close();
  return root ?? fail('syntax', 'the document holds no element');
}

/** Children with a local name; in one of the namespaces when any is given. */
export function childrenOf(element: XmlElement, local: string, uris?: readonly string[]): readonly XmlElement[] {
  return element.children.filter((c) => c.local === local && (uris === undefined || uris.includes(c.uri)));
}

/** Text of the first child with a local name, trimmed; undefined without such a child. */
export function childText(element: XmlElement, local: string): string | undefined {
  return element.children.find((c) => c.local === local)?.text.trim();
}

/** Value of an attribute by local name, with or without prefix (writers differ); one without prefix wins. */
export function attributeOf(element: XmlElement, local: string): string | undefined {
  const named = element.attributes.filter((a) => a.local === local);
  return (named.find((a) => a.uri === '') ?? named[0])?.value;
}
