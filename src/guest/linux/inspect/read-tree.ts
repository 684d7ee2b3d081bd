/** The guest's files, read in bulk out of the mounted appliance. */
import { join } from 'node:path';
import type { Host } from '../../../host/index.js';
import type { GuestSession, GuestTree } from '../../common/ports.js';
import { LISTING_FORMAT, parseListing, readArchive } from '../../common/tree-archive.js';
import { createGuestTree } from '../../common/tree.js';
import type { TreeEntry } from '../../common/tree.js';

/** Programs whose presence decides what a fixer may do, or what the guest runs. */
const PROGRAMS = [
  ...['vmtoolsd', 'vmware-*', 'VGAuthService', 'VBox*', 'prl*', 'xe-*', 'hv_*', 'hypervkvpd', 'waagent*', 'qemu-ga'],
  ...['cloud-init', 'dracut', 'mkinitrd', 'mkinitramfs', 'update-initramfs', 'mkinitcpio', 'mkinitfs', 'make-initrd'],
  ...['booster', 'setfiles', 'load_policy', 'restorecon', 'rpm', 'dpkg', 'pacman', 'apk', 'netplan', 'init', 'initctl'],
  ...['openrc', 'openrc-run', 'grub*-mkconfig', 'update-grub', 'grubby', 'systemctl', 'sh', 'timeout'],
];

/** Databases and leftovers whose presence says something. */
const SINGLE_PATHS = [
  ...['/usr', '/usr/lib', '/usr/bin', '/usr/sbin', '/usr/lib/os-release', '/var/lib/dpkg/status', '/var/lib/rpm'],
  ...['/usr/lib/sysimage/rpm', '/usr/share/rpm', '/var/lib/pacman', '/lib/apk/db', '/usr/lib/parallels-tools/install'],
  ...['/var/lib/VBoxGuestAdditions/config', '/var/lib/drover'],
];

function anyName(names: readonly string[]): string {
  return names.map((name) => `-name '${name}'`).join(' -o ');
}

/**
 * Script lines that list what is not read: names, sizes, owners. Everything in /boot; elsewhere only what some decision
 * hangs on. Ends with the head of a program of the guest, which tells its architecture.
 */
export const LISTING_SCRIPT = `
cd /sysroot
# Where /lib is a link, what is below it is listed once, below /usr/lib.
l=./usr/lib
if [ ! -L lib ]; then l="$l ./lib"; fi
p='${LISTING_FORMAT}'
printf 'list '
{
  find . -maxdepth 1 ! -name . -printf "$p"
  find ./boot ./efi -mindepth 1 -maxdepth 7 -printf "$p"
  find ./usr/bin ./usr/sbin ./bin ./sbin -mindepth 1 -maxdepth 1 \\( ${anyName(PROGRAMS)} \\) -printf "$p"
  for d in $l; do
    find $d/modules -mindepth 1 -maxdepth 2 -printf "$p"
    find $d/systemd $d/*-linux-gnu/systemd -maxdepth 1 \\( -name 'libsystemd-shared-*' -o -name systemd \\) -printf "$p"
    find $d/systemd/system -mindepth 1 -maxdepth 1 -name '*.service' -printf "$p"
  done
  find ${SINGLE_PATHS.map((path) => `.${path}`).join(' ')} -maxdepth 0 -printf "$p"
} | head -c 2000000 | base64 -w0
echo
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
const DPKG_CAP_BYTES = 16 * 1024 ** 2;

export interface TreeReading {
  readonly tree: GuestTree;
  /** First bytes of a program of the guest; empty when none was found. */
  readonly elfHead: Buffer;
}

/** Reads everything again. The guest is mounted; `scratchDir` takes the archives for as long as they are needed. */
export async function readGuestTree(host: Host, session: GuestSession, scratchDir: string): Promise<TreeReading> {
  const answer = await session.script(LISTING_SCRIPT);
  return readTreeFrom(host, session, scratchDir, answer.toString('latin1'));
}

/** The same for a listing that another script printed. */
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
  const single = await readSingles(host, session, scratchDir, listing);
  const elf = /^elf (\S+)$/m.exec(answer)?.[1];
  return {
    tree: createGuestTree([...listed, ...archives.flat(), ...single]),
    elfHead: Buffer.from(elf ?? '', 'base64'),
  };
}

/** Files that stand alone in big folders. */
async function readSingles(
  host: Host,
  session: GuestSession,
  scratchDir: string,
  listing: GuestTree,
): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for (const [path, cap] of [
    ['/var/lib/dpkg/status', DPKG_CAP_BYTES],
    ['/usr/lib/os-release', 65_536],
  ] as const) {
    const node = listing.stat(path);
    if (node?.kind !== 'file' || node.sizeBytes > cap) continue;
    const file = join(scratchDir, 'single');
    await session.download(node.path, file);
    entries.push({ node, content: await host.files.read(file, cap) });
    await host.files.remove(file);
  }
  return entries;
}
