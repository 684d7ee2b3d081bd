/** Reading YAML that others wrote, as plain data. */
import { parseDocument } from 'yaml';

/** The value of a document, or undefined when it is no YAML. Aliases are limited, tags of other languages are texts. */
export function readYaml(text: string): unknown {
  const document = parseDocument(text, { logLevel: 'silent', uniqueKeys: false, strict: false });
  if (document.errors.length > 0) return undefined;
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch {
    // Aliases to nothing and alias bombs surface here.
    return undefined;
  }
}
