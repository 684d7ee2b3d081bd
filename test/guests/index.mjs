/**
 * The guest factory: real Debian guests for tests and the demo, built from recipes, cached, in any disk format.
 * Plain JavaScript, so that the demo runs it without a compiler; `index.d.mts` is its documentation.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { cached, contentHash } from './cache.mjs';
import { buildDisks, diskPath } from './disk.mjs';
import { convertDisks } from './formats.mjs';
import { packOva } from './ova.mjs';
import { recipes } from './recipes.mjs';
import { run } from './run.mjs';
import { buildTree } from './tree.mjs';

export { recipes };

/** @typedef {import('./index.d.mts').Recipe} Recipe */
/** @typedef {import('./index.d.mts').RecipeName} RecipeName */

/** Source files that decide what ends up on a disk. */
const diskSources = ['disk.mjs', 'layout.mjs', 'config-files.mjs', 'guest-setup.mjs', 'boot-loader.mjs'];

const neededTools = [
  'mmdebstrap',
  'qemu-img',
  'guestfish',
  'mke2fs',
  'sfdisk',
  'mkfs.vfat',
  'mcopy',
  'zstd',
  'flock',
  'unshare',
];

/** @type {typeof import('./index.d.mts').whyNotHere} */
export async function whyNotHere() {
  /** @type {string[]} */
  const missing = [];
  for (const tool of neededTools) {
    await run('sh', ['-c', 'command -v "$1"', 'sh', tool]).catch(() => missing.push(tool));
  }
  if (missing.length > 0) return `building a guest needs ${missing.join(', ')}`;
  const probe = ['unshare', '--mount', 'true'];
  const isRoot = process.getuid?.() === 0;
  const failure = await (isRoot ? run('env', probe) : run('mmdebstrap', ['--unshare-helper', ...probe])).then(
    () => undefined,
    (/** @type {Error} */ error) => error.message,
  );
  if (failure === undefined) return undefined;
  const cure = isRoot
    ? 'this root may not mount; give the container CAP_SYS_ADMIN'
    : 'run as root, or install uidmap and allow user namespaces with subordinate ids in /etc/subuid and /etc/subgid';
  return `building a guest needs a mount namespace: ${cure} (${failure.split('\n').pop()})`;
}

/** @type {typeof import('./index.d.mts').buildGuest} */
export async function buildGuest(wanted, { format = 'raw', say = () => undefined } = {}) {
  const raw = await buildRaw(wanted, say);
  const { disks } = await convertDisks(raw, format, say);
  return { recipe: raw.recipe, format, disks, kernel: raw.kernel };
}

/** @type {typeof import('./index.d.mts').buildOva} */
export async function buildOva(wanted, { say = () => undefined } = {}) {
  const raw = await buildRaw(wanted, say);
  const stream = await convertDisks(raw, 'vmdk-stream', say);
  const hash = await contentHash({ disks: stream.hash }, ['ova.mjs']);
  const dir = await cached(`ova-${raw.name}`, hash, async (part) => {
    say(`packing ${raw.name} as an OVA`);
    await packOva(raw.recipe, stream.disks, part);
  });
  return path.join(dir, `${raw.hostname}.ova`);
}

/**
 * @param {Recipe | RecipeName} wanted
 * @param {(text: string) => void} say
 */
async function buildRaw(wanted, say) {
  const recipe = typeof wanted === 'string' ? /** @type {Recipe} */ (recipes[wanted]) : wanted;
  const tree = await buildTree(recipe, say);
  // What a recipe says about itself is no part of the guest.
  const { about: _about, ...content } = recipe;
  const hash = await contentHash({ tree: path.basename(path.dirname(tree)), content }, diskSources);
  const dir = await cached(`disk-${recipe.name}`, hash, (part) => buildDisks(recipe, tree, part, say));
  return {
    recipe,
    name: recipe.name,
    hostname: recipe.hostname,
    hash,
    kernel: (await readFile(path.join(dir, 'kernel'), 'utf8')).trim(),
    disks: recipe.disks.map((_, disk) => diskPath(dir, disk)),
  };
}
