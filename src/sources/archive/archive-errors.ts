import { DroverError } from '../../lib/error.js';
import { TarError } from '../../lib/tar.js';

/** Anything thrown while reading an archive as a coded error. */
export function archiveError(archive: string, thrown: unknown): Error {
  if (!(thrown instanceof TarError)) return thrown instanceof Error ? thrown : new Error(String(thrown));
  return new DroverError({
    code: thrown.kind === 'limit' ? 'source.archive-limit' : 'source.archive-corrupt',
    message: `${archive}: ${thrown.message}`,
    details: { archive, offset: thrown.offset },
    where: { file: archive },
    cause: thrown,
  });
}

export function archiveLimit(archive: string, what: string): DroverError {
  return new DroverError({
    code: 'source.archive-limit',
    message: `${archive}: ${what}`,
    details: { archive },
    where: { file: archive },
  });
}
