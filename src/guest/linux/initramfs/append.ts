/**
 * Adding drivers to an initramfs without executing or rebuilding anything of the guest: the kernel unpacks every piece of
 * the file in order, so one more piece with the missing modules, fresh indexes and a load hint is all it takes.
 */
import { join } from 'node:path';
import type { Host } from '../../../host/index.js';
import { writeCpio } from '../../../lib/cpio.js';
import type { CpioEntry } from '../../../lib/cpio.js';
import { DroverError } from '../../../lib/error.js';
import type { InitramfsTool } from '../../../model/inspection.js';
import type { ByteSource } from './formats.js';
import { loadHint } from './load-hint.js';
import { moduleClosure, moduleName } from './module-names.js';
import type { ModuleIndex } from './module-names.js';
import { detectInitramfsTool, modulesIn } from './presence.js';
import { readInitramfs } from './read.js';
import type { InitramfsContents, InitramfsEntry } from './read.js';

export interface AppendRequest {
  /** The image as it is, on this machine. */
  readonly image: string;
  readonly version: string;
  /** Modules that must be inside, such as `virtio_blk`. */
  readonly wanted: readonly string[];
  readonly index: ModuleIndex;
  /** Texts of the kernel's module folder that depmod reads: `modules.order`, `modules.builtin`, `modules.builtin.modinfo`. */
  readonly lists: Readonly<Record<string, Buffer>>;
  /** Fetches module files from the guest, by path below the kernel's module folder. */
  readonly fetch: (paths: readonly string[]) => Promise<ReadonlyMap<string, Buffer>>;
  /** New contents for files that the image has, by path inside it; paths that it lacks are passed over. */
  readonly replace?: ReadonlyMap<string, Buffer>;
  /** Empty folder on this machine. */
  readonly scratchDir: string;
}

export type AppendResult =
  | { readonly action: 'keep'; readonly reason: string }
  | { readonly action: 'impossible'; readonly reason: string }
  | {
      readonly action: 'append';
      /** Zeros that bring the old image to a multiple of 4 bytes. */
      readonly paddingBytes: number;
      readonly segment: Buffer;
      readonly tool: InitramfsTool;
      /** Module names that were added, dependencies included. */
      readonly added: readonly string[];
      /** Paths in the segment. */
      readonly files: readonly string[];
      /** The new image on this machine: old bytes, padding, segment. */
      readonly image: string;
      readonly reason: string;
    };

/**
 * Makes the image that holds the wanted modules. Appending to an image that holds them is `keep`; an image that cannot be
 * read to its end, or indexes that the host's depmod cannot make, are `impossible`, and nothing was changed.
 */
export async function appendDrivers(host: Host, request: AppendRequest): Promise<AppendResult> {
  await using source = await host.files.open(request.image);
  const before = await readInitramfs(host, source);
  if (before.problem !== undefined) return impossible(`the image cannot be understood: ${before.problem}`);
  const inside = modulesIn(before.entries, request.version);
  const closure = moduleClosure(request.wanted, request.index);
  const missing = closure.filter((name) => !inside.has(name));
  const lost = request.wanted.filter((name) => !closure.includes(name) && !request.index.builtin.has(name));
  if (lost.length > 0) return impossible(`the kernel has no module ${lost.join(', ')}`);
  if (missing.length === 0) return { action: 'keep', reason: 'it holds everything that is needed' };

  const modulesDir = moduleFolder(before.entries, request.version);
  const fetched = await request.fetch(missing.map((name) => request.index.paths.get(name) ?? ''));
  const union = await unionTree(host, source, request, modulesDir, fetched);
  const indexes = await runDepmod(host, request, union.root);
  const problem = checkIndexes(indexes, missing);
  if (problem !== undefined) return impossible(problem);

  const tool = detectInitramfsTool(before.entries);
  const hint = loadHint(
    tool,
    before.entries,
    union.hints,
    request.wanted.filter((name) => missing.includes(name)),
  );
  const files: CpioEntry[] = [
    ...[...fetched].map(([path, content]) => file(`${modulesDir}/${path}`, content)),
    ...[...indexes].map(([name, content]) => file(`${modulesDir}/${name}`, content)),
    ...(hint === undefined ? [] : [file(hint.path, hint.content)]),
    ...replacements(before.entries, request.replace),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  const segment = writeCpio([...missingFolders(files, before.entries), ...files]);
  const paddingBytes = (4 - (source.sizeBytes % 4)) % 4;
  const image = join(request.scratchDir, 'initramfs.new');
  await concatenate(host, source, paddingBytes, segment, image);
  const verdict = await verify(host, image, before, request.version, closure);
  if (verdict !== undefined) return impossible(verdict);
  return {
    action: 'append',
    paddingBytes,
    segment,
    tool,
    added: missing,
    files: files.map((each) => each.name),
    image,
    reason: `${missing.length} modules of the guest's own kernel were missing`,
  };
}

function impossible(reason: string): AppendResult {
  return { action: 'impossible', reason };
}

function file(name: string, content: Buffer): CpioEntry {
  return { name, kind: 'file', mode: 0o644, content };
}

function replacements(entries: readonly InitramfsEntry[], wanted: AppendRequest['replace']): CpioEntry[] {
  const present = new Set(entries.filter((entry) => entry.kind === 'file').map((entry) => entry.name));
  return [...(wanted ?? [])].flatMap(([path, content]) => (present.has(path) ? [file(path, content)] : []));
}

/** Where the image keeps the modules of a kernel, as it spells the path. */
function moduleFolder(entries: readonly InitramfsEntry[], version: string): string {
  for (const entry of entries) {
    const at = entry.name.indexOf(`lib/modules/${version}`);
    const prefix = entry.name.slice(0, Math.max(at, 0));
    if (at !== -1 && (prefix === '' || prefix === 'usr/')) return `${prefix}lib/modules/${version}`;
  }
  const lib = entries.find((entry) => entry.name === 'lib');
  return lib?.kind === 'directory' ? `lib/modules/${version}` : `usr/lib/modules/${version}`;
}

interface Union {
  readonly root: string;
  /** Content of files that a load hint extends, by path. */
  readonly hints: ReadonlyMap<string, Buffer>;
}

const HINT_SOURCES = new Set(['conf/modules', 'config']);

/** The image's modules and the new ones in one folder of this machine, as depmod wants to see them. */
async function unionTree(
  host: Host,
  source: ByteSource,
  request: AppendRequest,
  modulesDir: string,
  fetched: ReadonlyMap<string, Buffer>,
): Promise<Union> {
  const root = join(request.scratchDir, 'union');
  const base = join(root, 'lib/modules', request.version);
  await host.files.makeDir(base);
  const made = new Set<string>();
  const put = async (path: string, content: Buffer): Promise<void> => {
    const names = path.split('/');
    // Names come from the guest's image: nothing may lead out of the folder.
    if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) return;
    const dir = join(base, ...names.slice(0, -1));
    if (!made.has(dir)) await host.files.makeDir(dir);
    made.add(dir);
    await host.files.remove(join(base, ...names));
    const stream = await host.files.createExclusive(join(base, ...names));
    await new Promise<void>((resolve, reject) => stream.once('error', reject).end(content, () => resolve()));
  };
  const hints = new Map<string, Buffer>();
  await readInitramfs(host, source, {
    collect: (entry) => {
      if (entry.kind !== 'file') return undefined;
      if (HINT_SOURCES.has(entry.name) && entry.sizeBytes < 65_536) {
        return (content) => void hints.set(entry.name, Buffer.from(content));
      }
      if (!entry.name.startsWith(`${modulesDir}/`) || moduleName(entry.name) === undefined) return undefined;
      return (content) => put(entry.name.slice(modulesDir.length + 1), content);
    },
  });
  for (const [path, content] of fetched) await put(path, content);
  for (const [name, content] of Object.entries(request.lists)) await put(name, content);
  return { root, hints };
}

const INDEXES =
  /^modules\.(dep|dep\.bin|alias|alias\.bin|symbols|symbols\.bin|softdep|devname|builtin\.bin|builtin\.alias\.bin)$/;

async function runDepmod(host: Host, request: AppendRequest, root: string): Promise<Map<string, Buffer>> {
  // Some builds of depmod look below /usr only; an empty configuration keeps this machine's preferences out.
  await host.files.makeDir(join(root, 'usr'));
  await host.files.symlink('../lib', join(root, 'usr/lib'));
  const config = join(root, 'config');
  await host.files.makeDir(config);
  await host.exec({
    tool: 'depmod',
    args: ['-b', root, '-C', config, request.version],
    purpose: `index the modules of kernel ${request.version}`,
    mutates: false,
    timeoutMs: 120_000,
  });
  const dir = join(root, 'lib/modules', request.version);
  const indexes = new Map<string, Buffer>();
  for (const name of await host.files.list(dir)) {
    if (INDEXES.test(name)) indexes.set(name, await host.files.read(join(dir, name)));
  }
  return indexes;
}

/** A depmod without support for the guest's compression writes indexes in which modules are missing. */
function checkIndexes(indexes: ReadonlyMap<string, Buffer>, modules: readonly string[]): string | undefined {
  const dep = indexes.get('modules.dep')?.toString('latin1') ?? '';
  const listed = new Set(dep.split('\n').flatMap((line) => moduleName(line.slice(0, line.indexOf(':'))) ?? []));
  const lost = modules.filter((name) => !listed.has(name));
  if (lost.length > 0) return `the host's depmod cannot read ${lost.join(', ')}`;
  const aliases = indexes.get('modules.alias')?.toString('latin1') ?? '';
  const mute = modules.filter((name) => ALIASED.has(name) && !new RegExp(`^alias \\S+ ${name}$`, 'm').test(aliases));
  return mute.length > 0 ? `the host's depmod found no device aliases in ${mute.join(', ')}` : undefined;
}

/** Modules that udev loads by the device's own alias. */
const ALIASED = new Set(['virtio_pci', 'virtio_blk', 'virtio_scsi', 'virtio_net', 'ahci', 'nvme']);

/** Folders that the image lacks, parents first. What it has, be it a link, is not mentioned: an entry would replace it. */
function missingFolders(files: readonly CpioEntry[], entries: readonly InitramfsEntry[]): CpioEntry[] {
  const known = new Set(entries.map((entry) => entry.name.replace(/\/+$/, '')));
  const folders: CpioEntry[] = [];
  for (const { name } of files) {
    const names = name.split('/');
    for (let length = 1; length < names.length; length += 1) {
      const path = names.slice(0, length).join('/');
      if (known.has(path)) continue;
      known.add(path);
      folders.push({ name: path, kind: 'directory', mode: 0o755 });
    }
  }
  return folders;
}

async function concatenate(
  host: Host,
  source: ByteSource,
  paddingBytes: number,
  segment: Buffer,
  path: string,
): Promise<void> {
  const stream = await host.files.createExclusive(path);
  const write = (data: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => stream.write(data, (error) => (error ? reject(error) : resolve())));
  const failed = new Promise<never>((_, reject) => stream.once('error', reject));
  const copy = async (): Promise<void> => {
    for (let at = 0; at < source.sizeBytes; at += 1024 ** 2) await write(await source.read(at, 1024 ** 2));
    await write(Buffer.alloc(paddingBytes));
    await write(segment);
    await new Promise<void>((resolve) => stream.end(() => resolve()));
  };
  try {
    await Promise.race([copy(), failed]);
  } catch (cause) {
    throw new DroverError({ code: 'file.io', message: `${path} could not be written`, cause });
  }
}

/** Reads the new image the way the old one was read. Undefined when everything is as it should be. */
async function verify(
  host: Host,
  image: string,
  before: InitramfsContents,
  version: string,
  closure: readonly string[],
): Promise<string | undefined> {
  await using source = await host.files.open(image);
  const after = await readInitramfs(host, source);
  if (after.problem !== undefined) return `the new image does not read back: ${after.problem}`;
  if (after.segments.length !== before.segments.length + 1) return 'the new image has not exactly one piece more';
  const inside = modulesIn(after.entries, version);
  const lost = closure.filter((name) => !inside.has(name));
  if (lost.length > 0) return `the new image lacks ${lost.join(', ')}`;
  const links = new Set(before.entries.filter((entry) => entry.kind === 'symlink').map((entry) => entry.name));
  const replaced = after.entries.find((entry) => entry.segment === before.segments.length && links.has(entry.name));
  return replaced === undefined ? undefined : `the new piece would replace the link ${replaced.name}`;
}
