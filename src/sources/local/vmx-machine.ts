import { DroverError } from '../../lib/error.js';
import { resolveReference } from '../references.js';
import type { SourceDisk } from '../../model/index.js';
import { MAX_VMX_BYTES, parseVmx } from '../vmx.js';
import type { VmxDisk } from '../vmx.js';
import { attempt, note } from './context.js';
import type { DescribeContext } from './context.js';
import { admitFile, fileDisk, findFile, hardwareOf } from './disks.js';
import type { Described } from './disks.js';

/** A machine as its VMX file describes it; disks are named relative to that file. */
export async function describeVmx(ctx: DescribeContext, file: string): Promise<Described | undefined> {
  const path = await attempt(ctx, () => findFile(ctx, file));
  if (path === undefined) return undefined;
  const machine = await attempt(ctx, async () => parseVmx(path, await readBounded(ctx, path)));
  if (machine === undefined) return undefined;
  for (const text of machine.notes) note(ctx, 'source.descriptor-note', `${path}: ${text}`);
  if (machine.disks.length === 0) {
    await attempt(ctx, async () => {
      throw new DroverError({ code: 'source.no-disks', message: `${path} has no disk` });
    });
    return undefined;
  }
  const disks: SourceDisk[] = [];
  for (const [index, disk] of machine.disks.entries()) {
    const described = await attempt(ctx, () => describeDisk(ctx, path, index, disk));
    if (described !== undefined) disks.push(described);
  }
  if (disks.length < machine.disks.length) return undefined;
  return { originPath: path, disks, nics: machine.nics, ...hardwareOf(machine) };
}

async function readBounded(ctx: DescribeContext, path: string): Promise<Buffer> {
  const facts = await ctx.host.files.stat(path);
  // One byte more than is parsed: the parser says what is wrong with a large one.
  return facts !== undefined && facts.sizeBytes > MAX_VMX_BYTES
    ? Buffer.alloc(MAX_VMX_BYTES + 1)
    : ctx.host.files.read(path, MAX_VMX_BYTES);
}

async function describeDisk(ctx: DescribeContext, vmx: string, index: number, disk: VmxDisk): Promise<SourceDisk> {
  const found = await resolveReference(ctx.host.files, ctx.policy, vmx, disk.file);
  if (found.kind === 'missing') {
    throw new DroverError({
      code: 'source.missing',
      message: `${found.path}, disk ${disk.bus}${disk.controller}:${disk.unit} of ${vmx}, is not there`,
      details: { path: found.path },
    });
  }
  const { bus, controller, unit } = disk;
  return fileDisk(ctx, index, { bus, controller, unit }, await admitFile(ctx, found.path));
}
