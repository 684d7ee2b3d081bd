/** The products in an output folder, with a record that tells ours from those of other people. */
import { posix } from 'node:path';
import { DroverError } from '../lib/error.js';
import type { Host } from '../host/index.js';
import type { PlannedVm } from '../model/graph.js';
import { diskSettings } from '../model/settings.js';

const RECORD_NAME = '.drover.json';

/** A file as Drover left it. Size and time tell whether somebody wrote to it since; both survive a rename and a faithful copy. */
export interface ProductEntry {
  readonly name: string;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  /** Digest over everything that the content was made from, so that a resumed run need not make it again. */
  readonly madeFrom: string;
}

/** What Drover wrote into a folder. A name may stand there twice while one file takes the place of another. */
export interface ProductRecord {
  readonly version: 1;
  readonly files: readonly ProductEntry[];
}

/** A file name from the name of a machine: what is neither letter, digit, dot, underscore nor dash becomes a dash. */
export function productName(vmName: string): string {
  const name = vmName.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^[.-]+/, '');
  return name === '' ? 'vm' : name;
}

function isEntry(value: unknown): value is ProductEntry {
  const entry = value as Partial<ProductEntry> | null;
  return (
    typeof entry?.name === 'string' &&
    typeof entry.sizeBytes === 'number' &&
    typeof entry.mtimeNs === 'string' &&
    typeof entry.madeFrom === 'string'
  );
}

/** Reads the record of a folder; a missing or spoilt one says that nothing here is known to be ours. */
export async function readProducts(host: Host, dir: string): Promise<ProductRecord> {
  const path = posix.join(dir, RECORD_NAME);
  if (!(await host.files.exists(path))) return { version: 1, files: [] };
  try {
    const root = JSON.parse(await host.files.readText(path, 1024 ** 2)) as Partial<ProductRecord> | null;
    if (root?.version === 1 && Array.isArray(root.files)) return { version: 1, files: root.files.filter(isEntry) };
  } catch {
    // Spoilt: then the guard treats the files as foreign, which destroys nothing.
  }
  return { version: 1, files: [] };
}

async function writeProducts(host: Host, dir: string, record: ProductRecord): Promise<void> {
  const files = [...record.files].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  await host.files.writeAtomic(
    posix.join(dir, RECORD_NAME),
    `${JSON.stringify({ version: 1, files }, undefined, 2)}\n`,
  );
}

/** The entry that describes the file which lies there now, if any does. */
export async function entryOf(
  host: Host,
  dir: string,
  record: ProductRecord,
  name: string,
): Promise<ProductEntry | undefined> {
  const facts = await host.files.lstat(posix.join(dir, name));
  if (facts?.kind !== 'file') return undefined;
  return record.files.find(
    (entry) => entry.name === name && entry.sizeBytes === facts.sizeBytes && entry.mtimeNs === facts.mtimeNs,
  );
}

/**
 * Refuses to replace what is not ours: `convert.foreign-file` for a file that Drover did not write, `convert.product-changed` for a
 * product that was written to since, for example by a machine that was started from it. `overwrite` allows both.
 */
export async function guardPlace(
  host: Host,
  dir: string,
  record: ProductRecord,
  name: string,
  overwrite: boolean,
): Promise<void> {
  const path = posix.join(dir, name);
  const facts = await host.files.lstat(path);
  if (facts === undefined) return;
  if (facts.kind !== 'file' && facts.kind !== 'symlink') {
    throw new DroverError({
      code: 'convert.foreign-file',
      message: `${path} is no file; it is never replaced`,
      hint: 'Move it away or choose another target folder.',
      details: { path },
    });
  }
  if (overwrite || (await entryOf(host, dir, record, name)) !== undefined) return;
  const isKnown = record.files.some((entry) => entry.name === name);
  throw new DroverError({
    code: isKnown ? 'convert.product-changed' : 'convert.foreign-file',
    message: isKnown
      ? `${path} was changed after Drover wrote it`
      : `${path} exists and was not written by Drover into this folder`,
    details: { path },
  });
}

/**
 * Moves a finished part to its place. The record names the new file before it appears, so that a crash at any point leaves a file
 * that is known to be ours.
 */
export async function placeProduct(
  host: Host,
  dir: string,
  part: string,
  name: string,
  madeFrom: string,
): Promise<ProductEntry> {
  const facts = await host.files.stat(part);
  if (facts === undefined) throw new DroverError({ code: 'internal.bug', message: `${part} is gone` });
  const entry: ProductEntry = { name, sizeBytes: facts.sizeBytes, mtimeNs: facts.mtimeNs, madeFrom };
  const before = await readProducts(host, dir);
  await writeProducts(host, dir, { version: 1, files: [...before.files.filter((f) => !isSame(f, entry)), entry] });
  await host.files.rename(part, posix.join(dir, name));
  await host.files.syncDir(dir);
  await writeProducts(host, dir, { version: 1, files: [...before.files.filter((f) => f.name !== name), entry] });
  return entry;
}

function isSame(a: ProductEntry, b: ProductEntry): boolean {
  return a.name === b.name && a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs;
}

/** Removes what an earlier run began and did not finish, for these products only. Gives the names of what it removed. */
export async function removeStaleParts(host: Host, dir: string, names: readonly string[]): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const found of await host.files.list(dir)) {
    const isStale = names.some(
      (name) =>
        found.startsWith(`${name}.part-`) ||
        found.startsWith(`.${name}.part-`) ||
        found.startsWith(`.${RECORD_NAME}.part-`),
    );
    if (!isStale) continue;
    await host.files.remove(posix.join(dir, found));
    removed.push(found);
  }
  return removed;
}

/** Names of what CONVERT leaves in the folder of a machine. */
function productNames(vm: PlannedVm): readonly string[] {
  const name = productName(vm.name);
  const disks = vm.description.disks.map(
    ({ index }) => `${name}-disk${index}.${diskSettings(vm.settings, index).format}`,
  );
  return [...disks, `${name}.xml`];
}

/** Files at the place of a machine's products that CONVERT would refuse to replace. Reads only. */
export async function productsInTheWay(host: Host, vm: PlannedVm): Promise<readonly string[]> {
  const record = await readProducts(host, vm.outDir);
  const found: string[] = [];
  for (const name of productNames(vm)) {
    try {
      await guardPlace(host, vm.outDir, record, name, vm.settings.convert.overwrite);
    } catch (error) {
      if (!(error instanceof DroverError) || !error.code.startsWith('convert.')) throw error;
      found.push(posix.join(vm.outDir, name));
    }
  }
  return found;
}
