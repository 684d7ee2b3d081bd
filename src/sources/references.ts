/** Following names that stand in descriptors, image headers and the playbook, without being led astray. */
import { dirname, resolve } from 'node:path';
import { DroverError } from '../lib/error.js';
import { isInside, nameProblem, showName } from '../lib/safe-path.js';
import type { Files } from '../host/index.js';

/** Folders that names may lead to besides the folder of the file that holds them. Real paths. */
export interface ReferencePolicy {
  readonly allowDirs: readonly string[];
}

export type Resolved =
  | { readonly kind: 'file'; readonly path: string }
  /** Nothing is there; `path` is where it should be. */
  | { readonly kind: 'missing'; readonly path: string };

function unsafe(name: string, holder: string, why: string, hint?: string): DroverError {
  return new DroverError({
    ...(hint === undefined ? {} : { hint }),
    code: 'source.unsafe-ref',
    message: `${holder} refers to ${showName(name)}, which ${why}`,
    details: { name, holder },
    where: { file: holder },
  });
}

/**
 * The real path of a name. It may lie in `folder` or below, or in an allowed folder; symbolic links count by where they
 * lead. Absolute names and `..` are followed only into allowed folders.
 * @param folder real path of the folder that the name is relative to
 * @param holder what holds the name, for messages
 * Throws `source.unsafe-ref`.
 */
export async function resolveName(
  files: Files,
  policy: ReferencePolicy,
  folder: string,
  holder: string,
  name: string,
): Promise<Resolved> {
  const problem = nameProblem(name);
  const mayBeAllowed = problem?.kind === 'absolute' || problem?.kind === 'parent';
  if ((problem?.kind === 'scheme' || problem?.kind === 'drive') && (await files.exists(resolve(folder, name)))) {
    const hint = `There is a file of this name. Write ${showName(`./${name}`)} to mean it.`;
    throw unsafe(name, holder, problem.text, hint);
  }
  if (problem !== undefined && !mayBeAllowed) throw unsafe(name, holder, problem.text);
  const wanted = resolve(folder, name);
  const allowed = (path: string): boolean => policy.allowDirs.some((dir) => isInside(dir, path));
  if (!(await files.exists(wanted))) {
    if (problem !== undefined && !allowed(wanted)) throw unsafe(name, holder, problem.text);
    return { kind: 'missing', path: wanted };
  }
  const path = await files.realpath(wanted);
  if (problem !== undefined && !allowed(path)) throw unsafe(name, holder, problem.text);
  if (!allowed(path) && !isInside(folder, path)) {
    throw unsafe(name, holder, 'is a symbolic link that leads out of its folder');
  }
  const facts = await files.stat(path);
  if (facts?.kind !== 'file') throw unsafe(name, holder, `is no ordinary file (${facts?.kind ?? 'gone'})`);
  return { kind: 'file', path };
}

/** The same for a name in a file. @param holder real path of that file */
export function resolveReference(
  files: Files,
  policy: ReferencePolicy,
  holder: string,
  name: string,
): Promise<Resolved> {
  return resolveName(files, policy, dirname(holder), holder, name);
}
