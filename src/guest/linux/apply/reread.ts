/** Reading parts of a guest again, cheaper than everything: a call costs a second without KVM. */
import { join } from 'node:path';
import type { Host } from '../../../host/index.js';
import type { GuestSession, GuestTree } from '../../common/ports.js';
import { readArchive, readArchiveBytes } from '../../common/tree-archive.js';
import { createGuestTree } from '../../common/tree.js';
import type { TreeEntry } from '../../common/tree.js';
import { isPlainWord } from '../../common/words.js';

/** Big things in /etc that no fixer reads; they are in no tree. */
const excludes = ['hwdb.bin', 'ca-trust', 'ssl/certs', '*.pem'];
/** An answer of the appliance's shell is cut off here. */
const answerBytes = 2_900_000;
const capBytes = 8 * 1024 ** 2;

/**
 * The tree with /etc as it is now in the guest. What was not in the tree before stays out of it: programs of the guest
 * create nothing there that a later step asks for.
 */
export async function rereadEtc(
  host: Host,
  session: GuestSession,
  tree: GuestTree,
  scratchDir: string,
): Promise<GuestTree> {
  const dir = tree.resolve('/etc') ?? '/etc';
  const file = join(scratchDir, 'etc.tar');
  await session.tarOut(dir, file, excludes);
  const fresh = await readArchive(host, file, { root: dir });
  await host.files.remove(file);
  return withFresh(tree, fresh, (path) => path.startsWith(`${dir}/`));
}

/** The tree with these files as they are now in the guest; those that are not there any more are gone from it. */
export async function rereadFiles(
  host: Host,
  session: GuestSession,
  tree: GuestTree,
  paths: readonly string[],
  scratchDir: string,
): Promise<GuestTree> {
  const wanted = new Set(paths);
  const plain = [...wanted].filter(isPlainWord);
  const fresh = await archiveOf(session, plain);
  const found = new Set(fresh.map((entry) => entry.node.path));
  for (const path of wanted) {
    const node = tree.lstat(path);
    if (found.has(path) || node === undefined || (plain.includes(path) && found.size > 0)) continue;
    const entry = await single(host, session, node, path, scratchDir);
    if (entry !== undefined) fresh.push(entry);
  }
  return withFresh(tree, fresh, (path) => wanted.has(path));
}

/** Plain names in one call. What does not exist is left out; an answer that was cut off counts for nothing. */
async function archiveOf(session: GuestSession, paths: readonly string[]): Promise<TreeEntry[]> {
  if (paths.length === 0) return [];
  const names = paths.map((path) => `.${path}`).join(' ');
  const answer = await session.script(
    `cd /sysroot && tar --no-recursion --ignore-failed-read -cf - ${names} | head -c ${answerBytes}`,
  );
  return answer.length < answerBytes ? readArchiveBytes(answer, { root: '/', capBytes }) : [];
}

async function single(
  host: Host,
  session: GuestSession,
  node: TreeEntry['node'],
  path: string,
  scratchDir: string,
): Promise<TreeEntry | undefined> {
  if (node.kind !== 'file') return { node };
  const file = join(scratchDir, 'single');
  const result = await session.tryCall(['download', path, file]);
  if (!result.ok) return undefined;
  const content = await host.files.read(file, capBytes);
  await host.files.remove(file);
  return { node, content };
}

function withFresh(tree: GuestTree, fresh: readonly TreeEntry[], isReplaced: (path: string) => boolean): GuestTree {
  const old = entriesOf(tree);
  const known = new Set(old.map((entry) => entry.node.path));
  const kept = old.filter((entry) => !isReplaced(entry.node.path));
  return createGuestTree([
    ...kept,
    ...fresh.filter((entry) => known.has(entry.node.path) && isReplaced(entry.node.path)),
  ]);
}

/** Everything in a tree, with the content as far as it was read. */
function entriesOf(tree: GuestTree): TreeEntry[] {
  const entries: TreeEntry[] = [];
  const folders = [''];
  for (let dir = folders.pop(); dir !== undefined; dir = folders.pop()) {
    for (const name of tree.list(dir === '' ? '/' : dir)) {
      const path = `${dir}/${name}`;
      const node = tree.lstat(path);
      if (node === undefined) continue;
      if (node.kind === 'directory') folders.push(path);
      const content = node.kind === 'file' ? tree.read(path) : undefined;
      entries.push(content === undefined ? { node } : { node, content });
    }
  }
  return entries;
}
