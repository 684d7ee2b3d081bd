/** Bootstraps a Debian root tree with mmdebstrap and caches it as a compressed tar. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { cached, contentHash } from './cache.mjs';
import { run } from './run.mjs';

/** Debian's own mirror; another one, a local cache for instance, goes into DROVER_TEST_MIRROR. */
const mirror = () => process.env.DROVER_TEST_MIRROR || 'http://deb.debian.org/debian';

/**
 * What a headless server never loads. The kernel package without it is 60 % smaller, which every later copy,
 * conversion and test of the guest feels.
 */
const leftOut = [
  '/usr/share/doc/*',
  '/usr/share/man/*',
  '/usr/share/locale/*',
  '/usr/share/info/*',
  ...['', '/usr'].flatMap((top) => [
    `${top}/lib/modules/*/kernel/sound/*`,
    ...['bluetooth', 'gpu', 'iio', 'infiniband', 'isdn', 'media', 'net/wireless', 'staging'].map(
      (dir) => `${top}/lib/modules/*/kernel/drivers/${dir}/*`,
    ),
  ]),
];

/** Every guest has these, so that recipes with different extras still look like one kind of server. */
const basePackages = [
  'ca-certificates',
  'dbus',
  'iproute2',
  'kmod',
  'less',
  'linux-image-amd64',
  'login',
  'netbase',
  'passwd',
  'procps',
  'systemd',
  'systemd-sysv',
  'udev',
  'zstd',
];

/**
 * Returns the path of a `tree.tar.zst` for the suite and packages, bootstrapping it when it is not cached.
 * @param {import('./index.d.mts').Recipe} recipe
 * @param {(text: string) => void} say
 * @returns {Promise<string>}
 */
export async function buildTree(recipe, say) {
  const packages = [...new Set([...basePackages, ...recipe.packages])].sort();
  const hash = await contentHash({ suite: recipe.suite, packages }, ['tree.mjs']);
  const dir = await cached(`tree-${recipe.suite}`, hash, async (part) => {
    say(`bootstrapping Debian ${recipe.suite} with ${packages.length} packages and what they need`);
    await bootstrap(recipe.suite, packages, path.join(part, 'tree.tar.zst'));
  });
  return path.join(dir, 'tree.tar.zst');
}

/**
 * @param {string} suite
 * @param {readonly string[]} packages
 * @param {string} target
 */
async function bootstrap(suite, packages, target) {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await run('mmdebstrap', [
    '--variant=minbase',
    '--format=tar',
    `--include=${packages.join(',')}`,
    '--aptopt=Apt::Install-Recommends "false"',
    ...(await hostAptSettings()).map((setting) => `--aptopt=${setting}`),
    ...leftOut.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    ...(existsSync(keyring) ? [`--keyring=${keyring}`] : []),
    // The real initramfs is made per recipe; this keeps the one that the kernel package triggers small and quick.
    '--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d"',
    '--essential-hook=echo MODULES=list > "$1/etc/initramfs-tools/conf.d/bootstrap-only"',
    '--customize-hook=rm "$1/etc/initramfs-tools/conf.d/bootstrap-only"',
    suite,
    target,
    mirror(),
  ]);
}

/**
 * The host's own way to a mirror: proxies, and whether it tolerates the old Release files of a frozen mirror.
 * @returns {Promise<string[]>}
 */
async function hostAptSettings() {
  const dump = await run('apt-config', ['dump']).catch(() => '');
  const wanted = /^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|https::CaInfo)\b.*";$/gim;
  return [...dump.matchAll(wanted)].map((match) => match[0]).filter((line) => !line.includes('""'));
}
