import { dirname } from 'node:path';
import { DroverError } from '../lib/error.js';
import type { LoadedSource, LoadedTarget } from '../model/effective.js';
import { isInside } from './includes.js';
import type { PlaybookFiles } from './ports.js';
import type { Problems } from './problems.js';

/** Folders of the operating system: nothing below them is a place for products. */
const SYSTEM = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/proc',
  '/sbin',
  '/sys',
  '/usr',
];
/** Memory filesystems below them that are. */
const EXCEPTIONS = ['/dev/shm', '/usr/local'];

/** Targets must not be folders of the system, of a source, or parents of a source that a product could fall into. */
export async function checkFolders(
  sources: readonly LoadedSource[],
  targets: readonly LoadedTarget[],
  files: PlaybookFiles,
  problems: Problems,
): Promise<void> {
  const origins: { source: LoadedSource; dir: string }[] = [];
  for (const source of sources) {
    for (const dir of [source.dir, ...source.allowDirs]) origins.push({ source, dir: await realFolder(dir, files) });
  }
  for (const target of targets) {
    const dir = await realFolder(target.dir, files);
    const system = systemFolder(dir);
    if (system !== undefined) {
      const message = `${shown(target.dir, dir)} belongs to the operating system (${system})`;
      problems.error('playbook.target-forbidden', message, target.location);
    }
    for (const { source, dir: from } of origins) {
      if (!isInside(dir, from)) continue;
      const message = `products would be written into the folder of the source "${source.name}": ${shown(target.dir, dir)}`;
      const note = `the source reads from ${from}`;
      problems.error('playbook.target-in-source', message, target.location, {
        origins: [{ ...source.location, note }],
      });
      break;
    }
  }
}

function shown(written: string, real: string): string {
  return written === real ? real : `${written} (which is ${real})`;
}

/** The folder of the operating system that a path lies in, if it does. */
export function systemFolder(dir: string): string | undefined {
  if (dir === '/') return '/';
  if (EXCEPTIONS.some((exception) => isInside(dir, exception))) return undefined;
  return SYSTEM.find((folder) => isInside(dir, folder));
}

/** The folder with every link resolved, as far as it exists already. */
async function realFolder(dir: string, files: PlaybookFiles): Promise<string> {
  let existing = dir;
  while (!(await files.exists(existing)) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    const real = await files.realpath(existing);
    return real === existing ? dir : real.replace(/\/$/, '') + dir.slice(existing === '/' ? 0 : existing.length);
  } catch (thrown) {
    // It vanished or cannot be entered; whoever opens it will say so.
    if (thrown instanceof DroverError) return dir;
    throw thrown;
  }
}
