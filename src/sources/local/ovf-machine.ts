/** A machine as an OVF descriptor describes it, wherever the files of the descriptor are. */
import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import type { SourceDisk } from '../../model/index.js';
import type { OvfDrive } from '../ovf/hardware.js';
import type { OvfDisk, OvfFile, OvfPackage, OvfSystem } from '../ovf/package.js';
import { attempt, fault, note } from './context.js';
import type { DescribeContext } from './context.js';
import type { Described, DiskPlace } from './disks.js';

/** Where the files of a package are. */
export interface PackageStore {
  /** Path of the descriptor or of the archive, for messages. */
  readonly path: string;
  /** Finds and admits the file of a disk. @param parent the file of the disk that this one lies on top of */
  locate(
    file: OvfFile,
    disk: Pick<OvfDisk, 'isRaw' | 'capacityBytes'>,
    place: DiskPlace & { readonly index: number },
    parent: OvfFile | undefined,
  ): Promise<SourceDisk>;
}

/** The system that the playbook means. Throws `source.several-systems`. */
function chooseSystem(path: string, systems: readonly OvfSystem[], wanted: string | undefined): OvfSystem {
  const matches = wanted === undefined ? systems : systems.filter((s) => s.id === wanted || s.name === wanted);
  const [only, ...others] = matches;
  if (only !== undefined && others.length === 0) return only;
  const list = systems
    .map((s) => (s.name === s.id ? showName(s.id) : `${showName(s.id)} (${showName(s.name)})`))
    .join(', ');
  throw new DroverError({
    code: 'source.several-systems',
    message:
      wanted === undefined
        ? `${path} holds ${systems.length} virtual systems: ${list}`
        : `${path} holds ${matches.length === 0 ? 'no' : 'more than one'} virtual system ${showName(wanted)}; there are ${list}`,
    details: { path, systems: systems.map((s) => s.id) },
  });
}

/** Drives in the order of the machine; those of the disk section when the hardware names none. */
function drivesOf(ctx: DescribeContext, path: string, pack: OvfPackage, system: OvfSystem): readonly OvfDrive[] {
  if (system.drives.length > 0 || pack.systems.length > 1 || pack.disks.size === 0) return system.drives;
  note(
    ctx,
    'source.descriptor-note',
    `${path}: the hardware names no disk drive; disks were taken in the order of their list`,
  );
  return [...pack.disks.keys()].map((id) => ({ bus: 'unknown', target: { kind: 'disk', id } }));
}

export async function describePackage(
  ctx: DescribeContext,
  pack: OvfPackage,
  store: PackageStore,
  wanted: string | undefined,
): Promise<Described | undefined> {
  for (const text of pack.notes) note(ctx, 'source.descriptor-note', `${store.path}: ${text}`);
  const system = await attempt(ctx, async () => chooseSystem(store.path, pack.systems, wanted));
  if (system === undefined) return undefined;
  const drives = drivesOf(ctx, store.path, pack, system);
  const disks: SourceDisk[] = [];
  const used = new Set<string>();
  for (const [index, drive] of drives.entries()) {
    const disk = await attempt(ctx, async () => {
      const key = `${drive.target.kind}/${drive.target.id}`;
      if (used.has(key)) {
        throw new DroverError({ code: 'source.descriptor', message: `${store.path}: two drives use ${showName(key)}` });
      }
      used.add(key);
      return describeDrive(pack, store, drive, index);
    });
    if (disk !== undefined) disks.push(disk);
  }
  if (drives.length === 0) {
    fault(
      ctx,
      new DroverError({ code: 'source.no-disks', message: `${store.path}: ${showName(system.name)} has no disk` }),
    );
  }
  if (disks.length < drives.length || drives.length === 0) return undefined;
  const { nics, firmware, secureBoot, tpm, cpus, memoryBytes, guestId } = system;
  return {
    originPath: store.path,
    disks,
    nics,
    tpm,
    ...(firmware === undefined ? {} : { firmware }),
    ...(secureBoot === undefined ? {} : { secureBoot }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(guestId === undefined ? {} : { guestId }),
  };
}

async function describeDrive(
  pack: OvfPackage,
  store: PackageStore,
  drive: OvfDrive,
  index: number,
): Promise<SourceDisk> {
  const { bus, controller, unit, target } = drive;
  const place = {
    index,
    bus,
    ...(controller === undefined ? {} : { controller }),
    ...(unit === undefined ? {} : { unit }),
  };
  const disk = target.kind === 'disk' ? pack.disks.get(target.id) : undefined;
  const file = pack.files.get(disk === undefined ? target.id : (disk.fileId ?? ''));
  if (file === undefined) {
    // The parser made sure that only a disk to be created has no file.
    const capacity = disk?.capacityBytes ?? 0;
    const location = { kind: 'blank' } as const;
    return { id: `disk${index}`, ...place, virtualSizeBytes: capacity, allocatedBytes: 0, location };
  }
  const parent = disk?.parentId === undefined ? undefined : pack.disks.get(disk.parentId);
  const parentFile = parent?.fileId === undefined ? undefined : pack.files.get(parent.fileId);
  return store.locate(file, disk ?? { isRaw: false }, place, parentFile);
}

/** A note when the descriptor's capacity is not the size of the image: the image counts. */
export function checkCapacity(
  ctx: DescribeContext,
  label: string,
  capacityBytes: number | undefined,
  virtualSizeBytes: number,
): void {
  if (capacityBytes === undefined || capacityBytes === virtualSizeBytes) return;
  const text = `${label} is a disk of ${virtualSizeBytes} bytes, the descriptor says ${capacityBytes}; the image counts`;
  note(ctx, 'source.descriptor-note', text);
}

/** Names of the pieces of a file that comes in several: `<href>.000000000` and on while they exist. */
export async function pieceNames(href: string, exists: (name: string) => Promise<boolean>): Promise<readonly string[]> {
  const names: string[] = [];
  for (let n = 0; n < 10_000; n += 1) {
    const name = `${href}.${String(n).padStart(9, '0')}`;
    if (!(await exists(name))) break;
    names.push(name);
  }
  return names;
}

/** Checks the sizes of a file's pieces (or of the one file) against the descriptor. Throws `source.size-mismatch`. */
export function checkFileSize(label: string, file: OvfFile, sizes: readonly number[]): void {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const fail = (what: string): never => {
    throw new DroverError({
      code: 'source.size-mismatch',
      message: `${label}: ${what}`,
      details: { sizes: sizes.slice(0, 10) },
    });
  };
  if (file.sizeBytes !== undefined && total !== file.sizeBytes) {
    fail(`the descriptor says ${file.sizeBytes} bytes, there are ${total}`);
  }
  if (file.chunkBytes === undefined) return;
  const odd = sizes.slice(0, -1).findIndex((size) => size !== file.chunkBytes);
  if (odd !== -1) fail(`piece ${odd} has ${sizes[odd]} bytes instead of ${file.chunkBytes}`);
}
