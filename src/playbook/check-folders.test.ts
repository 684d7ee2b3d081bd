import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-playbook.js';
import { checkFolders } from './check-folders.js';
import { Problems } from './problems.js';

const location = { file: 'p.yaml', line: 1, column: 1 };

async function codes(sourceDir: string, targetDir: string, links: Record<string, string> = {}): Promise<string[]> {
  const problems = new Problems();
  const source = {
    name: 's',
    type: 'local' as const,
    dir: sourceDir,
    allowDirs: ['/golden'],
    connections: 1,
    location,
  };
  const target = { name: 't', type: 'files' as const, dir: targetDir, ingest: 1, location };
  await checkFolders([source], [target], memoryFiles(links), problems);
  return problems.list().map((problem) => problem.code);
}

describe('folders of targets', () => {
  const check = (name: string, target: string, expected: string[], links: Record<string, string> = {}): void => {
    it(name, async () => expect(await codes('/data/images', target, links)).toEqual(expected));
  };
  check('may stand beside a source', '/data/out', []);
  check('may have a name that begins like a source', '/data/images2', []);
  check('may not be a source', '/data/images', ['playbook.target-in-source']);
  check('may not lie in a source', '/data/images/out', ['playbook.target-in-source']);
  check('may not lie where chains are read from', '/golden/out', ['playbook.target-in-source']);
  check('may not lead into a source by a link', '/data/out', ['playbook.target-in-source'], {
    '/data/out': 'link:/data/images/x',
    '/data/images/x/a': '',
  });
  check('may not lead into a source by a link above them', '/data/link/deep/out', ['playbook.target-in-source'], {
    '/data/link': 'link:/data/images',
    '/data/images/a': '',
  });
  check('may not be the root', '/', ['playbook.target-forbidden']);
  check('may not lie in the system', '/usr/share/vms', ['playbook.target-forbidden']);
  check('may not lead into the system by a link', '/data/out', ['playbook.target-forbidden'], {
    '/data/out': 'link:/boot',
    '/boot/vmlinuz': '',
  });
  check('may be memory or local software', '/dev/shm/out', []);
  check('may be below /usr/local', '/usr/local/vms', []);
});
