import type { GuestSession } from '../../common/ports.js';
import type { FileKind } from './file-contexts.js';

/** Where package removal and initramfs tools write. */
const places = [
  'etc',
  'boot',
  'var/lib/rpm',
  'usr/lib/sysimage/rpm',
  'usr/share/rpm',
  'var/lib/dracut',
  'var/lib/systemd',
];

/** Longer than FIX takes, shorter than any age that a file of a switched-off guest has. */
const minutes = 120;

/**
 * Files changed in this session that have no label. `ls -l` marks files with a label by a dot behind their mode, whether
 * the running kernel knows SELinux or not; find and stat ask the kernel first and say nothing.
 */
export async function findUnlabelled(
  session: Pick<GuestSession, 'script'>,
): Promise<{ readonly path: string; readonly kind: FileKind }[]> {
  const script = [
    'cd /sysroot || exit',
    'for d in ' + places.join(' ') + '; do',
    `  if [ -d "$d" ]; then find "$d" -xdev -cmin -${minutes} -exec ls -ldU --quoting-style=c --time-style=+ {} +; fi`,
    'done',
  ].join('\n');
  const answer = (await session.script(script)).toString('latin1');
  return answer.split('\n').flatMap((line) => {
    const match = /^([-dl])[-rwxsStT]{9}([.+]?) .*?"((?:[^"\\]|\\.)*)"/.exec(line);
    // A plus sign hides whether there is a label besides the access list; those files existed before.
    if (match?.[3] === undefined || match[2] !== '' || /\\/.test(match[3])) return [];
    const kind = match[1] === 'd' ? 'directory' : match[1] === 'l' ? 'symlink' : 'file';
    return [{ path: `/${match[3]}`, kind }];
  });
}
