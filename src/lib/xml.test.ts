import { describe, expect, it } from 'vitest';
import { attributeOf, childrenOf, childText, parseXml, XmlError } from './xml.js';

function refusal(document: string | Uint8Array): XmlError {
  try {
    parseXml(document);
  } catch (error) {
    if (error instanceof XmlError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('parseXml', () => {
  it('resolves namespaces whatever the prefix', () => {
    const root = parseXml(
      '<?xml version="1.0"?><o:A xmlns:o="urn:o" xmlns="urn:d" o:id="1" id="2"><B> x <![CDATA[<y>]]></B><o:B/></o:A>',
    );
    expect([root.uri, root.local]).toEqual(['urn:o', 'A']);
    expect(root.children.map((c) => c.uri)).toEqual(['urn:d', 'urn:o']);
    expect(childText(root, 'B')).toBe('x <y>');
    expect(childrenOf(root, 'B', ['urn:o'])).toHaveLength(1);
    expect(attributeOf(root, 'id')).toBe('2');
    expect(root.attributes).toHaveLength(2);
  });

  it('says where an element stands', () => {
    const root = parseXml('<a>\n  <b/>\n</a>');
    expect(root.children[0]?.line).toBe(2);
  });

  it('refuses a document type, with and without entities', () => {
    expect(refusal('<!DOCTYPE a><a/>').kind).toBe('doctype');
    expect(refusal('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>').kind).toBe('doctype');
  });

  it('refuses entities that nobody declared', () => {
    expect(refusal('<a>&x;</a>').kind).toBe('syntax');
    expect(parseXml('<a>&lt;&amp;&#65;</a>').text).toBe('<&A');
  });

  it('refuses deep, wide and large documents', () => {
    expect(refusal('<a>'.repeat(1_000_000)).kind).toBe('limit');
    expect(refusal(`<a>${'<b/>'.repeat(100_001)}</a>`).kind).toBe('limit');
    expect(refusal(Buffer.alloc(10 * 1024 ** 2 + 1, 0x20)).kind).toBe('limit');
  });

  it('refuses what is cut short or no XML, with a place', () => {
    const cut = refusal('<a>\n<b>');
    expect(cut.kind).toBe('syntax');
    expect(cut.line).toBeGreaterThanOrEqual(2);
    expect(refusal('').kind).toBe('syntax');
    expect(refusal(Buffer.from([0, 1, 2])).kind).toBe('syntax');
    expect(refusal('<a x="1" x="2"/>').kind).toBe('syntax');
    expect(refusal('<o:a/>').kind).toBe('syntax');
  });

  it('reads the encodings that descriptors come in', () => {
    expect(parseXml(Buffer.from('\ufeff<a>é</a>', 'utf16le')).text).toBe('é');
    expect(parseXml(Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>', 'latin1')).text).toBe('é');
    expect(refusal(Buffer.from('<a>\xe9</a>', 'latin1')).kind).toBe('encoding');
    expect(refusal('<?xml version="1.0" encoding="UTF-8"?>').kind).toBe('syntax');
  });
});
