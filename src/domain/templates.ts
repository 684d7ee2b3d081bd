import { fileURLToPath } from 'node:url';
import type { DomainTemplate } from './render.js';

/**
 * Path of a template file. `templates/` lies beside `src/` and beside `dist/`, so the way to it is the same from the source and
 * from the build.
 */
export function templateFile(name: DomainTemplate): string {
  return fileURLToPath(new URL(`../../templates/${name}.xml.hbs`, import.meta.url));
}
