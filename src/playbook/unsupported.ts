import { formatPointer } from '../lib/json-pointer.js';
import type { Problems } from './problems.js';
import { isMap } from './source-file.js';
import type { SourceFile } from './source-file.js';

/** Parts of the language that are accepted so that playbooks stay valid, and that this version cannot carry out. */
const PARTS: readonly (readonly [key: string, noun: string])[] = [
  ['hooks', 'hooks'],
  ['windows', 'maintenance windows'],
  ['gates', 'gates'],
];

/** Reports every part of a file that would silently not happen. */
export function checkSupported(file: SourceFile, problems: Problems): void {
  const report = (holder: unknown, at: readonly (string | number)[]): void => {
    if (!isMap(holder)) return;
    for (const [key, noun] of PARTS) {
      if (!isUsed(holder[key])) continue;
      const path = [...at, key];
      const message = `this version cannot carry out ${noun}`;
      const pointer = formatPointer(path);
      problems.error('playbook.not-in-this-version', message, file.document.locate(path, 'key'), { pointer });
    }
  };
  report(file.value, []);
  const { waves } = file.value;
  if (Array.isArray(waves)) waves.forEach((wave, i) => report(wave, ['waves', i]));
}

function isUsed(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isMap(value) && Object.values(value).some((item) => !Array.isArray(item) || item.length > 0);
}
