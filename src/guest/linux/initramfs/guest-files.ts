/** Moving modules out of the guest and a completed image into it, with few calls. */
import { basename, dirname, join } from 'node:path';
import type { Host } from '../../../host/index.js';
import { DroverError } from '../../../lib/error.js';
import type { GuestSession, GuestTree } from '../../common/ports.js';
import { readArchiveBytes } from '../../common/tree-archive.js';
import { isPlainWord } from '../../common/words.js';
import type { AppendResult } from './append.js';
import { readModuleIndex } from './module-names.js';
import type { ModuleIndex } from './module-names.js';

const MODULE_CAP_BYTES = 64 * 1024 ** 2;
/** An answer of the appliance holds 4 MiB of base64. */
const ANSWER_BYTES = 2_900_000;

/** The module index of a kernel, from the texts in the tree; empty when the kernel has no module folder. */
export function kernelIndex(tree: GuestTree, modulesDir: string): ModuleIndex {
  const text = (name: string): string => (modulesDir === '' ? '' : (tree.text(`${modulesDir}/${name}`) ?? ''));
  return readModuleIndex({
    dep: text('modules.dep'),
    softdep: text('modules.softdep'),
    builtin: text('modules.builtin'),
  });
}

/** The texts beside the modules that depmod takes into account, as `appendDrivers` wants them. */
export function moduleLists(tree: GuestTree, modulesDir: string): Record<string, Buffer> {
  const lists: Record<string, Buffer> = {};
  for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo']) {
    const content = tree.read(`${modulesDir}/${name}`);
    if (content !== undefined) lists[name] = content;
  }
  return lists;
}

/**
 * Module files of the mounted guest, by path below `modulesDir` (a real path). One call fetches them all as long as they
 * are few; what that did not bring is downloaded one by one. Throws `guest.call` when a file is not there.
 */
export async function fetchModules(
  host: Host,
  session: GuestSession,
  options: { readonly modulesDir: string; readonly paths: readonly string[]; readonly scratchDir: string },
): Promise<ReadonlyMap<string, Buffer>> {
  const { modulesDir, paths, scratchDir } = options;
  const found = new Map<string, Buffer>();
  const plain = paths.filter((path) => isPlainWord(path));
  if (plain.length > 0 && isPlainWord(modulesDir)) {
    const answer = await session.script(`
cd -P /sysroot${modulesDir} || exit
case $PWD in /sysroot/*) tar -cf - ${plain.join(' ')} | head -c ${ANSWER_BYTES} ;; esac
`);
    // An archive that did not fit was cut off: then nothing is taken from it.
    const entries =
      answer.length < ANSWER_BYTES ? await readArchiveBytes(answer, { root: '/', capBytes: MODULE_CAP_BYTES }) : [];
    for (const { node, content } of entries) {
      if (node.kind === 'file' && content !== undefined) found.set(node.path.slice(1), content);
    }
  }
  for (const path of paths) {
    if (found.has(path)) continue;
    const file = join(scratchDir, 'module');
    await session.download(`${modulesDir}/${path}`, file);
    found.set(path, await host.files.read(file, MODULE_CAP_BYTES));
    await host.files.remove(file);
  }
  return new Map(paths.map((path) => [path, found.get(path) ?? Buffer.alloc(0)]));
}

/** Copies a file of the guest. False, and nothing left, where that does not go: what was free may be taken by now. */
async function copied(session: GuestSession, from: string, to: string): Promise<boolean> {
  if ((await session.tryCall(['cp-a', from, to])).ok) return true;
  await session.tryCall(['rm-f', to]);
  return false;
}

/**
 * Puts a completed image in the place of the old one: a copy beside it grows by the new piece and is renamed over it, so
 * that a whole image stands there at every moment. Where /boot has no room for the copy the piece goes behind the old
 * image directly; the kernel ignores a piece that is not whole. The guest is mounted for writing.
 */
export async function installAppended(
  host: Host,
  session: GuestSession,
  options: {
    /** Real path of the image in the guest. */
    readonly path: string;
    readonly oldBytes: number;
    readonly result: Extract<AppendResult, { readonly action: 'append' }>;
    readonly scratchDir: string;
    /** Free bytes of the filesystem that holds the image, when known. */
    readonly freeBytes?: number;
  },
): Promise<void> {
  const { path, oldBytes, result, scratchDir, freeBytes } = options;
  const start = oldBytes + result.paddingBytes;
  const newBytes = start + result.segment.length;
  const aside = `${dirname(path)}/.drover-${basename(path)}`;
  const isCopied =
    (freeBytes === undefined || freeBytes > newBytes + 1024 ** 2) && (await copied(session, path, aside));
  const target = isCopied ? aside : path;
  const file = join(scratchDir, 'segment');
  await host.files.writeAtomic(file, Buffer.concat([Buffer.alloc(result.paddingBytes), result.segment]));
  await session.call(['upload-offset', file, target, String(oldBytes)]);
  const size = Number((await session.call(['filesize', target])).trim());
  if (size !== newBytes) {
    throw new DroverError({
      code: 'guest.call',
      message: `${target} has ${size} bytes after writing, not ${newBytes}`,
    });
  }
  if (isCopied) await session.call(['mv', target, path]);
  await host.files.remove(file);
}
