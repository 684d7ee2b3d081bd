import { dirname, join } from 'node:path';
import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import type { SourceDisk } from '../../model/index.js';
import { checkDigest, MAX_MANIFEST_BYTES, missingFile, parseManifest, startDigest } from '../archive/manifest.js';
import { recordFile } from '../chain-file.js';
import { MAX_OVF_BYTES } from '../ovf/document.js';
import { parseOvf } from '../ovf/package.js';
import { manifestBeside } from '../ovf/places.js';
import type { OvfDisk, OvfFile } from '../ovf/package.js';
import { unsupported } from '../problems.js';
import { resolveReference } from '../references.js';
import { attempt, note } from './context.js';
import type { DescribeContext } from './context.js';
import { admitFile, fileDisk, findFile } from './disks.js';
import type { Described, DiskPlace } from './disks.js';
import { checkCapacity, checkFileSize, describePackage, pieceNames } from './ovf-machine.js';

async function sizeOf(ctx: DescribeContext, path: string): Promise<number> {
  return (await ctx.host.files.stat(path))?.sizeBytes ?? 0;
}

/** Real path of a file beside the descriptor. Throws `source.missing`, `source.unsafe-ref`. */
async function find(ctx: DescribeContext, ovf: string, href: string): Promise<string> {
  const found = await resolveReference(ctx.host.files, ctx.policy, ovf, href);
  if (found.kind === 'file') return found.path;
  throw new DroverError({
    code: 'source.missing',
    message: `${found.path}, which ${ovf} needs, is not there`,
    details: { path: found.path },
  });
}

async function checkManifest(ctx: DescribeContext, ovf: string, text: Buffer): Promise<void> {
  const path = manifestBeside(ovf);
  if (path === ovf || !(await ctx.host.files.exists(path))) return;
  if (!ctx.vm.settings.fetch.verifyManifest) {
    note(ctx, 'source.manifest-incomplete', `${ovf} is not checked against its manifest, as asked`);
    return;
  }
  const manifest = parseManifest(path, await ctx.host.files.read(path, MAX_MANIFEST_BYTES));
  for (const message of manifest.notes) note(ctx, 'source.manifest-incomplete', message);
  for (const entry of manifest.entries.values()) {
    const found = await resolveReference(ctx.host.files, ctx.policy, ovf, entry.file);
    if (found.kind === 'missing') throw missingFile(entry, path);
    if (found.path === ovf) checkDigest(entry, startDigest(entry).update(text).digest('hex'), ovf);
  }
}

/** A machine as an OVF descriptor beside its files describes it. */
export async function describeOvf(
  ctx: DescribeContext,
  file: string,
  system: string | undefined,
): Promise<Described | undefined> {
  const ovf = await attempt(ctx, () => findFile(ctx, file));
  if (ovf === undefined) return undefined;
  const opened = await attempt(ctx, async () => {
    // One byte more than is parsed: the parser says what is wrong with a large one.
    const isLarge = (await sizeOf(ctx, ovf)) > MAX_OVF_BYTES;
    const text = isLarge ? Buffer.alloc(MAX_OVF_BYTES + 1) : await ctx.host.files.read(ovf, MAX_OVF_BYTES);
    return { text, pack: parseOvf(ovf, text) };
  });
  if (opened === undefined) return undefined;
  await attempt(ctx, () => checkManifest(ctx, ovf, opened.text));
  const locate = async (
    ovfFile: OvfFile,
    disk: Pick<OvfDisk, 'isRaw' | 'capacityBytes'>,
    place: DiskPlace & { readonly index: number },
    parent: OvfFile | undefined,
  ): Promise<SourceDisk> => {
    if (ovfFile.compression === 'none' && ovfFile.chunkBytes === undefined) {
      const path = await find(ctx, ovf, ovfFile.href);
      checkFileSize(path, ovfFile, [await sizeOf(ctx, path)]);
      const admitted = await admitFile(ctx, path, {
        ...(disk.isRaw ? { format: 'raw' } : {}),
        ...(parent === undefined ? {} : { parentHint: await find(ctx, ovf, parent.href) }),
      });
      if (parent !== undefined && admitted.layers.length === 1) {
        // Read as a whole disk, a difference would lose what lies below.
        const what = `the descriptor puts ${showName(ovfFile.href)} on top of ${showName(parent.href)}, but the image stands alone`;
        throw new DroverError({ code: 'source.descriptor', message: `${ovf}: ${what}`, where: { file: ovf } });
      }
      checkCapacity(ctx, path, disk.capacityBytes, admitted.virtualSizeBytes);
      const { index, ...where } = place;
      return fileDisk(ctx, index, where, admitted);
    }
    if (parent !== undefined) throw unsupported(ovf, 'holds a packed disk on top of another one; unpack it first');
    const exists = async (name: string): Promise<boolean> => ctx.host.files.exists(join(dirname(ovf), name));
    const names = ovfFile.chunkBytes === undefined ? [ovfFile.href] : await pieceNames(ovfFile.href, exists);
    if (names.length === 0) {
      const first = showName(`${ovfFile.href}.000000000`);
      throw new DroverError({ code: 'source.missing', message: `${first}, which ${ovf} needs, is not there` });
    }
    const paths: string[] = [];
    for (const name of names) paths.push(await find(ctx, ovf, name));
    const sizes: number[] = [];
    for (const path of paths) sizes.push(await sizeOf(ctx, path));
    checkFileSize(paths[0] ?? ovf, ovfFile, sizes);
    const files = [];
    for (const path of paths) files.push(await recordFile(ctx.host.files, path, 'image'));
    return {
      id: `disk${place.index}`,
      ...place,
      ...(disk.capacityBytes === undefined ? {} : { virtualSizeBytes: disk.capacityBytes }),
      location: {
        kind: 'archive',
        archive: ovf,
        files,
        members: names,
        compression: ovfFile.compression,
        format: disk.isRaw ? 'raw' : 'unknown',
      },
    };
  };
  return describePackage(ctx, opened.pack, { path: ovf, locate }, system);
}
