/** Whether the folder of a machine's products can be one, before anything starts. */
import { posix } from 'node:path';
import type { Files } from '../host/index.js';

/**
 * Why products cannot go into a folder as things stand; undefined when they can. Reads only.
 * @param objection what speaks against a folder whose links are all resolved, as in "lies in …"
 */
export async function placeProblem(
  files: Files,
  outDir: string,
  objection: (real: string) => string | undefined,
): Promise<string | undefined> {
  let existing = outDir;
  while ((await files.lstat(existing)) === undefined && posix.dirname(existing) !== existing) {
    existing = posix.dirname(existing);
  }
  const facts = await files.stat(existing);
  if (facts === undefined) return `${existing} is a symbolic link that leads nowhere`;
  if (facts.kind !== 'directory') return `${existing} is no folder (${facts.kind})`;
  const real = posix.join(await files.realpath(existing), posix.relative(existing, outDir));
  const found = objection(real);
  return found === undefined ? undefined : `${outDir}${real === outDir ? '' : ` leads to ${real}, which`} ${found}`;
}
