import { DroverError } from '../../lib/error.js';
import { nameProblem, showName } from '../../lib/safe-path.js';

/** A member's name without the `./` and doubled slashes that some writers put in. */
export function plainMemberName(name: string): string {
  return name
    .split('/')
    .filter((part, index, parts) => part !== '.' && (part !== '' || (index === 0 && parts.length > 1)))
    .join('/');
}

/** Throws `source.archive-unsafe` for a name that leads anywhere but below the archive. */
export function checkMemberName(archive: string, name: string): void {
  const problem = nameProblem(name);
  // Colons are ordinary in names that no tool ever sees as a file name of its own.
  if (problem === undefined || problem.kind === 'scheme') return;
  throw new DroverError({
    code: 'source.archive-unsafe',
    message: `${archive} holds a member ${showName(name)}, whose name ${problem.text}`,
    details: { archive, member: name },
    where: { file: archive },
  });
}

/** What other systems leave in archives beside the real members. */
export function isLitter(name: string): boolean {
  return name.split('/').some((part) => part === '__MACOSX' || part.startsWith('._'));
}
