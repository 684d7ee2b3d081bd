/** The guest's files, read in bulk out of the mounted appliance. */
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Host } from '../../../host/index.js';
import type { GuestSession, GuestTree } from '../../common/ports.js';
import { LISTING_FORMAT, parseListing, readArchive } from '../../common/tree-archive.js';
import { createGuestTree } from '../../common/tree.js';
import type { TreeEntry } from '../../common/tree.js';

/** Programs whose presence decides what a fixer may do, or what the guest runs. */
const PROGRAMS = [
  ...['vmtoolsd', 'vmware-uninstall-tools.pl', 'VGAuthService', 'VBoxService', 'prltoolsd', 'xe-daemon', 'qemu-ga'],
  ...['hv_kvp_daemon', 'hypervkvpd', 'waagent', 'cloud-init', 'netplan', 'init', 'initctl', 'openrc', 'openrc-run'],
  ...['dracut', 'mkinitrd', 'mkinitramfs', 'update-initramfs', 'mkinitcpio', 'mkinitfs', 'make-initrd', 'booster'],
  ...['setfiles', 'load_policy', 'restorecon', 'rpm', 'dpkg', 'pacman', 'apk', 'systemctl', 'sh', 'timeout'],
  ...['grub-mkconfig', 'grub2-mkconfig', 'update-grub', 'grubby'],
];

/** Databases and leftovers whose presence says something. */
const SINGLE_PATHS = [
  ...['/usr/lib', '/usr/bin', '/usr/sbin', '/usr/lib64', '/usr/lib/os-release', '/var/lib/dpkg/status', '/var/lib/rpm'],
  ...['/usr/lib/sysimage/rpm', '/usr/share/rpm', '/var/lib/pacman', '/lib/apk/db', '/usr/lib/parallels-tools/install'],
  ...['/var/lib/VBoxGuestAdditions/config', '/var/lib/drover'],
  ...['/usr/bin', '/usr/sbin', '/bin', '/sbin'].flatMap((dir) => PROGRAMS.map((name) => `${dir}/${name}`)),
];

/** Files outside the folders that are read whole; their content comes with the listing. */
const SMALL_FILES = ['/usr/lib/os-release', '/var/lib/dpkg/status'] as const;
const SMALL_FILE_BYTES = 8 * 1024 ** 2;

/**
 * Script lines that list what is not read: names, sizes, owners. Everything in /boot; elsewhere only what some decision
 * hangs on. Ends with the head of a program of the guest, which tells its architecture. Where /bin or /lib is a link, what
 * is below it is listed once, below /usr.
 */
export const LISTING_SCRIPT = `
cd /sysroot
l=./usr/lib
if [ ! -L lib ]; then l="$l ./lib"; fi
s="${SINGLE_PATHS.map((path) => `.${path}`).join(' ')}"
k=
for x in $s; do
  case $x in
    ./bin/*) [ -L bin ] || k="$k $x" ;;
    ./sbin/*) [ -L sbin ] || k="$k $x" ;;
    ./usr/sbin/*) [ -L usr/sbin ] || k="$k $x" ;;
    ./lib/*) [ -L lib ] || k="$k $x" ;;
    *) k="$k $x" ;;
  esac
done
f='${LISTING_FORMAT}'
printf 'list '
{
  find ./* ./.autorelabel $k -maxdepth 0 -printf "$f"
  find ./boot ./efi -mindepth 1 -maxdepth 7 -printf "$f"
  for d in $l; do
    find $d/modules $d/systemd $d/*-linux-gnu/systemd -maxdepth 2 \\( -path "$d/modules*" -o -name 'libsystemd-shared-*' -o -name systemd -o -path '*/systemd/system/*.service' \\) -printf "$f"
  done
} | head -c 1500000 | base64 -w0
echo
for x in ${SMALL_FILES.map((path) => path.slice(1)).join(' ')}; do
  d=$(cd -P "\${x%/*}" && pwd) || continue
  case $d in /sysroot/*) ;; *) continue ;; esac
  if [ -f "$x" ] && [ ! -L "$x" ]; then echo "file /$x $(head -c ${SMALL_FILE_BYTES} "$x" | gzip -1 | base64 -w0)"; fi
done
for x in usr/lib/systemd/systemd lib/systemd/systemd usr/bin/bash bin/bash bin/busybox; do
  if [ -f $x ] && [ ! -L $x ]; then echo "elf $(head -c 20 $x | base64 -w0)"; break; fi
done
`;

/** Big things in /etc that nothing here reads. */
const ETC_EXCLUDES = ['hwdb.bin', 'policy.[0-9]*', 'ca-trust', 'ssl/certs', 'selinux/*/active', '*.pem', 'gconf'];

/** Big things in /boot: they are in the listing, with their sizes. */
const BOOT_EXCLUDES = [
  ...['vmlinu*', 'kernel-*', 'bzImage*', 'Image*', 'initr*', 'System.map*', 'symvers*', 'config-*', 'xen*', 'memtest*'],
  ...['*.mod', '*.img', '*.pf2', '*.mo', '*.efi', '*.EFI', 'fonts', 'locale', 'themes', 'lost+found', '*.bin', '*.png'],
];

/** Of /lib/modules the texts that say what is there and what needs what. */
const MODULE_EXCLUDES = [
  'kernel',
  'updates',
  'extra',
  'weak-updates',
  'vdso',
  'build',
  'source',
  '*.ko*',
  'vmlinuz',
  '*.bin',
  'modules.alias*',
  'modules.symbols*',
  'System.map',
  'config',
  'symvers*',
  'modules.devname',
];
const MODULE_CAP_BYTES = 8 * 1024 ** 2;
export interface TreeReading {
  readonly tree: GuestTree;
  /** First bytes of a program of the guest; empty when none was found. */
  readonly elfHead: Buffer;
}

/**
 * Makes the tree from what the listing script printed and a few archives. The guest is mounted; `scratchDir` takes the
 * archives for as long as they are needed.
 */
export async function readTreeFrom(
  host: Host,
  session: GuestSession,
  scratchDir: string,
  answer: string,
): Promise<TreeReading> {
  const listed = parseListing(Buffer.from(/^list (\S+)$/m.exec(answer)?.[1] ?? '', 'base64'), '.');
  const listing = createGuestTree(listed);
  const archives: TreeEntry[][] = [];
  const bulk: readonly (readonly [string, readonly string[], number?])[] = [
    ['/etc', ETC_EXCLUDES],
    ['/boot', BOOT_EXCLUDES],
    ['/lib/modules', MODULE_EXCLUDES, MODULE_CAP_BYTES],
  ];
  for (const [dir, excludes, capBytes] of bulk) {
    const real = listing.resolve(dir);
    if (real === undefined || listing.stat(real)?.kind !== 'directory') continue;
    const file = join(scratchDir, 'bulk.tar');
    await session.tarOut(real, file, excludes);
    archives.push(await readArchive(host, file, { root: real, ...(capBytes === undefined ? {} : { capBytes }) }));
    await host.files.remove(file);
  }
  const elf = /^elf (\S+)$/m.exec(answer)?.[1];
  return {
    tree: createGuestTree([...listed, ...archives.flat(), ...smallFiles(answer, listing)]),
    elfHead: Buffer.from(elf ?? '', 'base64'),
  };
}

/** Files whose content came with the listing; one that was cut off is known by its size only. */
function smallFiles(answer: string, listing: GuestTree): TreeEntry[] {
  return [...answer.matchAll(/^file (\S+) (\S+)$/gm)].flatMap(([, path = '', packed = '']) => {
    const node = listing.stat(path);
    if (node?.kind !== 'file') return [];
    const content = gunzipSync(Buffer.from(packed, 'base64'), { maxOutputLength: SMALL_FILE_BYTES });
    return content.length === node.sizeBytes ? [{ node, content }] : [];
  });
}
