import { DroverError } from '../lib/error.js';

type FileCode = 'file.not-found' | 'file.denied' | 'file.no-space' | 'file.wrong-kind' | 'file.too-large';

const CODES: Readonly<Record<string, FileCode>> = {
  ENOENT: 'file.not-found',
  ENOTDIR: 'file.not-found',
  ENAMETOOLONG: 'file.not-found',
  // Links in a circle, or a link where none is followed.
  ELOOP: 'file.wrong-kind',
  EISDIR: 'file.wrong-kind',
  ENXIO: 'file.wrong-kind',
  EFBIG: 'file.too-large',
  EACCES: 'file.denied',
  EPERM: 'file.denied',
  EROFS: 'file.denied',
  ENOSPC: 'file.no-space',
  EDQUOT: 'file.no-space',
};

/** Gives an operating system error its stable code and names the path and the act. */
export function fileError(cause: unknown, act: string, path: string): DroverError {
  if (cause instanceof DroverError) return cause;
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
  return new DroverError({
    code: CODES[errno] ?? 'file.io',
    message: `cannot ${act} ${path} (${errno})`,
    details: { path, errno },
    cause,
  });
}
