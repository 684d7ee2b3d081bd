import { basename, dirname, extname, join } from 'node:path';
import { DroverError } from '../../lib/error.js';
import type { Location } from '../../lib/diagnostic.js';
import type { DiskFormat, SourceBus, SourceDisk, VmDescription } from '../../model/index.js';
import { admitImage } from '../admission.js';
import type { AdmittedDisk } from '../admission.js';
import { resolveName } from '../references.js';
import { MAX_VMX_BYTES, parseVmx } from '../vmx.js';
import type { VmxMachine } from '../vmx.js';
import { attempt, note } from './context.js';
import type { DescribeContext } from './context.js';

/** A described machine without what is the same for every kind. */
export type Described = Omit<VmDescription, 'vmKey' | 'warnings' | 'name' | 'origin'> & { readonly originPath: string };

/** Real path of a file that the playbook names. Throws `source.missing`, `source.unsafe-ref`. */
export async function findFile(ctx: DescribeContext, file: string): Promise<string> {
  const found = await resolveName(ctx.host.files, ctx.policy, ctx.folder, `machine ${ctx.vm.name}`, file);
  if (found.kind === 'file') return found.path;
  if ((await ctx.host.files.lstat(found.path))?.kind === 'symlink') {
    throw new DroverError({
      code: 'source.missing',
      message: `${found.path} is a symbolic link that leads nowhere`,
      details: { path: found.path },
    });
  }
  const folder = dirname(found.path);
  const names = await ctx.host.files.list(folder).catch(() => []);
  const close = names.filter((name) => name.toLowerCase() === basename(file).toLowerCase());
  throw new DroverError({
    code: 'source.missing',
    message: `${found.path} is not there${close.length > 0 ? `, but ${close.join(', ')} is` : ''}`,
    details: { path: found.path },
  });
}

/** Says so when two disks of a machine are one and the same image: rarely meant, and guests stumble over equal ids. */
export function noteTwins(ctx: DescribeContext, disks: readonly SourceDisk[]): void {
  const seen = new Map<string, string>();
  for (const { id, location } of disks) {
    if (location.kind === 'blank') continue;
    const name = location.kind === 'file' ? location.path : `${location.archive}/${location.members.join('+')}`;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, id);
    else note(ctx, 'source.image-note', `${first} and ${id} are the same image, ${name}`);
  }
}

export interface DiskPlace {
  readonly bus: SourceBus;
  readonly controller?: number;
  readonly unit?: number;
}

/** The entry of an admitted image in the description; its notes become warnings. */
export function fileDisk(
  ctx: DescribeContext,
  index: number,
  place: DiskPlace,
  disk: AdmittedDisk,
  location?: Location,
): SourceDisk {
  for (const text of disk.notes) note(ctx, 'source.image-note', text, location);
  const leaf = disk.layers[0];
  return {
    id: `disk${index}`,
    index,
    ...place,
    virtualSizeBytes: disk.virtualSizeBytes,
    allocatedBytes: disk.allocatedBytes,
    ...(disk.serial === undefined ? {} : { serial: disk.serial }),
    location: { kind: 'file', path: leaf?.path ?? '', format: leaf?.format ?? 'raw', chain: disk.chain },
  };
}

/** Admits one image file and says so when the machine that owns it may still be running. */
export async function admitFile(
  ctx: DescribeContext,
  path: string,
  more: { readonly format?: DiskFormat; readonly parentHint?: string } = {},
  location?: Location,
): Promise<AdmittedDisk> {
  const disk = await admitImage(ctx.host.files, {
    path,
    policy: ctx.policy,
    ignoreCid: ctx.vm.settings.flatten.ignoreCid,
    ...more,
  });
  if (await ctx.host.files.exists(`${path}.lck`)) {
    note(
      ctx,
      'source.image-note',
      `${path} has a lock beside it; is the machine still running at its origin?`,
      location,
    );
  }
  return disk;
}

export interface DiskEntry {
  readonly file: string;
  readonly format?: DiskFormat;
}

/** A machine made of a list of images; a VMX beside the first one is read for what images do not say. */
export async function describeDisks(
  ctx: DescribeContext,
  entries: readonly DiskEntry[],
): Promise<Described | undefined> {
  const disks: SourceDisk[] = [];
  const first = entries[0];
  const firstPath =
    first === undefined ? undefined : await attempt(ctx, () => findFile(ctx, first.file), ctx.vm.at.disks?.[0]);
  const beside = firstPath === undefined ? undefined : await readVmxBeside(ctx, firstPath);
  for (const [index, entry] of entries.entries()) {
    const at = ctx.vm.at.disks?.[index];
    const disk = await attempt(
      ctx,
      async () => {
        // The first one was looked for above; its absence is told already.
        const path = index === 0 ? firstPath : await findFile(ctx, entry.file);
        if (path === undefined) return undefined;
        const admitted = await admitFile(ctx, path, entry.format === undefined ? {} : { format: entry.format }, at);
        return fileDisk(ctx, index, placeIn(beside, path), admitted, at);
      },
      at,
    );
    if (disk !== undefined) disks.push(disk);
  }
  if (disks.length < entries.length || firstPath === undefined) return undefined;
  return {
    originPath: firstPath,
    disks,
    nics: beside?.nics ?? [],
    ...(beside === undefined ? {} : hardwareOf(beside)),
  };
}

function placeIn(machine: VmxMachine | undefined, path: string): DiskPlace {
  const disk = machine?.disks.find((candidate) => basename(candidate.file) === basename(path));
  return disk === undefined ? { bus: 'unknown' } : { bus: disk.bus, controller: disk.controller, unit: disk.unit };
}

/** What a VMX says of the machine besides disks and NICs. */
export function hardwareOf(machine: VmxMachine): Omit<Described, 'disks' | 'nics' | 'originPath'> {
  return {
    firmware: machine.firmware,
    secureBoot: machine.secureBoot,
    tpm: machine.tpm,
    cpus: machine.cpus,
    memoryBytes: machine.memoryBytes,
    ...(machine.guestId === undefined ? {} : { guestId: machine.guestId }),
    ...(machine.uuid === undefined ? {} : { uuid: machine.uuid }),
  };
}

/** The VMX of the same name beside a VMDK. It is a help only: when it cannot be used, that is said and no more. */
async function readVmxBeside(ctx: DescribeContext, path: string): Promise<VmxMachine | undefined> {
  if (extname(path).toLowerCase() !== '.vmdk') return undefined;
  // A snapshot's descriptor has a number behind the name of the machine.
  const stem = basename(path, extname(path)).replace(/-\d{6}$/, '');
  const candidate = join(dirname(path), `${stem}.vmx`);
  const facts = await ctx.host.files.lstat(candidate);
  if (facts?.kind !== 'file' || facts.sizeBytes > MAX_VMX_BYTES) return undefined;
  try {
    const machine = parseVmx(candidate, await ctx.host.files.read(candidate, MAX_VMX_BYTES));
    note(
      ctx,
      'source.descriptor-note',
      `firmware, NICs and sizes were taken from ${candidate}, which lies beside the disk`,
    );
    for (const text of machine.notes) note(ctx, 'source.descriptor-note', `${candidate}: ${text}`);
    return machine;
  } catch (thrown) {
    if (!(thrown instanceof DroverError)) throw thrown;
    note(ctx, 'source.descriptor-note', `the VMX beside the disk is not used: ${thrown.message}`);
    return undefined;
  }
}
