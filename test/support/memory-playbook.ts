import { dirname, resolve } from 'node:path';
import { DroverError } from '../../src/lib/error.js';
import type { PlaybookFiles } from '../../src/playbook/index.js';

/** Files in memory, for tests: text or bytes by absolute path, and links by `link:` and their target. */
export function memoryFiles(contents: Readonly<Record<string, string | Uint8Array>>): PlaybookFiles {
  const missing = (path: string): DroverError =>
    new DroverError({ code: 'file.not-found', message: `${path} does not exist` });
  const follow = (path: string): string => {
    const content = contents[path];
    return typeof content === 'string' && content.startsWith('link:')
      ? follow(resolve(dirname(path), content.slice('link:'.length)))
      : path;
  };
  const isThere = (path: string): boolean => {
    const real = follow(path);
    return real in contents || real === '/' || Object.keys(contents).some((other) => other.startsWith(`${real}/`));
  };
  return {
    read: async (path) => {
      const content = contents[follow(path)];
      if (content === undefined) throw missing(path);
      return typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    },
    realpath: async (path) => {
      if (!isThere(path)) throw missing(path);
      return follow(path);
    },
    exists: async (path) => isThere(path),
  };
}
