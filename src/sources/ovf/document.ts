/** The parts of an OVF envelope whatever its version: namespaces of 0.9 to 2.x, sections by name or by `xsi:type`. */
import { DroverError } from '../../lib/error.js';
import { attributeOf, parseXml, XmlError } from '../../lib/xml.js';
import type { XmlElement } from '../../lib/xml.js';

export const MAX_OVF_BYTES = 5 * 1024 ** 2;

const CURRENT = 'http://schemas.dmtf.org/ovf/envelope/1';
const OTHERS = ['http://schemas.dmtf.org/ovf/', 'http://www.vmware.com/schema/ovf/'];
/** Namespaces of the hardware classes (rasd, vssd, epasd, sasd) begin so. */
const CIM = 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_';
const VMWARE = 'http://www.vmware.com/schema/ovf';
export const VIRTUALBOX = 'http://www.virtualbox.org/ovf/machine';
const XSI = 'http://www.w3.org/2001/XMLSchema-instance';

export function descriptorError(path: string, what: string, at?: XmlElement): DroverError {
  const place = at === undefined ? '' : `:${at.line}`;
  return new DroverError({ code: 'source.descriptor', message: `${path}${place}: ${what}`, where: { file: path } });
}

export interface OvfDocument {
  readonly path: string;
  readonly envelope: XmlElement;
  readonly notes: string[];
}

/** Parses the envelope. @param path for messages. Throws `source.descriptor`. */
export function parseEnvelope(path: string, bytes: Buffer): OvfDocument {
  let envelope: XmlElement;
  try {
    envelope = parseXml(bytes, { maxBytes: MAX_OVF_BYTES });
  } catch (cause) {
    if (!(cause instanceof XmlError)) throw cause;
    throw new DroverError({
      code: 'source.descriptor',
      message: `${path}:${cause.line}:${cause.column}: ${cause.message}`,
      where: { file: path },
      cause,
    });
  }
  const notes: string[] = [];
  const isKnown = envelope.uri === CURRENT || OTHERS.some((prefix) => envelope.uri.startsWith(prefix));
  if (envelope.local !== 'Envelope' || !isKnown) {
    throw descriptorError(path, `is no OVF envelope, but <${envelope.local}> of ${JSON.stringify(envelope.uri)}`);
  }
  if (envelope.uri !== CURRENT)
    notes.push(`the envelope is of another version (${envelope.uri}); it was read like 1.x`);
  return { path, envelope, notes };
}

/** What an element is: its name, or the type that old writers put on `Section` and `Content`. */
function kindOf(element: XmlElement): string {
  if (element.local !== 'Section' && element.local !== 'Content') return element.local;
  const type = element.attributes.find((a) => a.uri === XSI && a.local === 'type')?.value ?? '';
  return (type.split(':').at(-1) ?? '').replace(/_Type$/, '');
}

/** Sections and contents of a kind directly below an element. */
export function partsOf(element: XmlElement, kind: string): readonly XmlElement[] {
  return element.children.filter((child) => kindOf(child) === kind);
}

/** The virtual systems in document order, those in collections included. */
export function findSystems(element: XmlElement): readonly XmlElement[] {
  return element.children.flatMap((child) => {
    const kind = kindOf(child);
    if (kind === 'VirtualSystem') return [child];
    return kind === 'VirtualSystemCollection' ? findSystems(child) : [];
  });
}

/** Properties of one hardware item by name in lower case; those of several values keep all of them. */
export function itemProperties(item: XmlElement): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const child of item.children) {
    if (!child.uri.startsWith(CIM)) continue;
    const key = child.local.toLowerCase();
    const values = found.get(key);
    if (values === undefined) found.set(key, [child.text.trim()]);
    else values.push(child.text.trim());
  }
  return found;
}

/** `vmw:Config` and `vmw:ExtraConfig` settings below an element, keys in lower case. */
export function vmwareSettings(element: XmlElement): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const child of element.children) {
    if (child.uri !== VMWARE || (child.local !== 'Config' && child.local !== 'ExtraConfig')) continue;
    const key = attributeOf(child, 'key');
    const value = attributeOf(child, 'value');
    if (key !== undefined && value !== undefined) found.set(key.toLowerCase(), value.trim());
  }
  return found;
}
