import { DroverError } from '../lib/error.js';

/**
 * Controls, lone surrogates and the two non-characters. XML 1.0 cannot hold most of them; tab and line ends do not survive in
 * attributes. Without the `u` flag surrogates are seen one by one, which is what the last two parts need.
 */
const FORBIDDEN =
  /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Whether a text can stand in an XML document and come back as it was. */
export function isXmlText(text: string): boolean {
  return !FORBIDDEN.test(text);
}

/** Throws `vm.domain.unsafe-text` for text that XML cannot carry unchanged. */
export function checkXmlText(what: string, text: string): void {
  if (isXmlText(text)) return;
  throw new DroverError({
    code: 'vm.domain.unsafe-text',
    message: `${what} holds a character that domain XML cannot carry: ${JSON.stringify(text).slice(0, 120)}`,
    details: { what },
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Escapes text for element content and for attribute values in either kind of quotes. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
