import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import { posix } from 'node:path';
import type { SourceDisk } from '../../model/index.js';
import { listMembers } from '../archive/tar-members.js';
import type { MemberPlace, MemberTable } from '../archive/tar-members.js';
import { checkDigest, MAX_MANIFEST_BYTES, missingFile, parseManifest, startDigest } from '../archive/manifest.js';
import { plainMemberName } from '../archive/member-names.js';
import { admitMember } from '../admission.js';
import { recordFile } from '../chain-file.js';
import { unsupported } from '../problems.js';
import { nameProblem } from '../../lib/safe-path.js';
import { MAX_OVF_BYTES } from '../ovf/document.js';
import { parseOvf } from '../ovf/package.js';
import { findDescriptor, findManifest } from '../ovf/places.js';
import type { OvfDisk, OvfFile } from '../ovf/package.js';
import { attempt, note } from './context.js';
import type { DescribeContext } from './context.js';
import { findFile } from './disks.js';
import type { Described, DiskPlace } from './disks.js';
import { checkCapacity, checkFileSize, describePackage, pieceNames } from './ovf-machine.js';

/** Name of a member that a descriptor refers to. Throws `source.unsafe-ref`. */
function memberOf(archive: string, descriptor: string, href: string): string {
  const problem = nameProblem(href);
  if (problem !== undefined) {
    throw new DroverError({
      code: 'source.unsafe-ref',
      message: `${archive}: its descriptor refers to ${showName(href)}, which ${problem.text}`,
      details: { archive, href },
      where: { file: archive },
    });
  }
  return plainMemberName(posix.join(posix.dirname(descriptor), href));
}

async function readMember(ctx: DescribeContext, archive: string, member: MemberPlace, limit: number): Promise<Buffer> {
  if (member.sizeBytes > limit) {
    throw new DroverError({
      code: 'source.archive-limit',
      message: `${archive}: ${showName(member.name)} has ${member.sizeBytes} bytes; at most ${limit} are read`,
      where: { file: archive },
    });
  }
  await using file = await ctx.host.files.open(archive);
  return await file.read(member.offset, member.sizeBytes);
}

/** Checks what can be checked of the manifest without reading disks: the descriptor itself, and that all files are there. */
async function checkManifest(
  ctx: DescribeContext,
  archive: string,
  table: MemberTable,
  descriptor: MemberPlace,
  text: Buffer,
): Promise<void> {
  const place = findManifest(table, descriptor);
  if (place === undefined) return;
  if (!ctx.vm.settings.fetch.verifyManifest) {
    note(ctx, 'source.manifest-incomplete', `${archive} is not checked against its manifest, as asked`);
    return;
  }
  const manifest = parseManifest(`${archive}/${place.name}`, await readMember(ctx, archive, place, MAX_MANIFEST_BYTES));
  for (const message of manifest.notes) note(ctx, 'source.manifest-incomplete', message);
  const base = posix.dirname(descriptor.name);
  const listed = new Set<string>();
  for (const entry of manifest.entries.values()) {
    const name = plainMemberName(posix.join(base, entry.file));
    listed.add(name);
    if (!table.members.has(name)) throw missingFile(entry, archive);
    if (name !== descriptor.name) continue;
    checkDigest(entry, startDigest(entry).update(text).digest('hex'), `${archive}/${name}`);
  }
  for (const name of table.members.keys()) {
    if (listed.has(name) || name === place.name || /\.cert$/i.test(name)) continue;
    note(ctx, 'source.manifest-incomplete', `${archive}: ${showName(name)} is not covered by the manifest`);
  }
}

/** A machine in an OVA. Nothing is unpacked; only the descriptor, the manifest and the headers of disks are read. */
export async function describeOva(
  ctx: DescribeContext,
  file: string,
  system: string | undefined,
): Promise<Described | undefined> {
  const archive = await attempt(ctx, () => findFile(ctx, file));
  if (archive === undefined) return undefined;
  const opened = await attempt(ctx, async () => {
    const table = await listMembers(ctx.host.files, archive);
    const descriptor = findDescriptor(archive, table);
    const text = await readMember(ctx, archive, descriptor, MAX_OVF_BYTES);
    const pack = parseOvf(`${archive}/${descriptor.name}`, text);
    const record = await recordFile(ctx.host.files, archive, 'image');
    return { table, descriptor, text, pack, record };
  });
  if (opened === undefined) return undefined;
  const { table, descriptor, pack, record } = opened;
  for (const message of table.notes) note(ctx, 'source.descriptor-note', `${archive}: ${message}`);
  await attempt(ctx, () => checkManifest(ctx, archive, table, descriptor, opened.text));
  const locate = async (
    ovfFile: OvfFile,
    disk: Pick<OvfDisk, 'isRaw' | 'capacityBytes'>,
    place: DiskPlace & { readonly index: number },
    parent: OvfFile | undefined,
  ): Promise<SourceDisk> => {
    if (parent !== undefined) throw unsupported(archive, 'holds a disk on top of another one; unpack it and use `ovf`');
    const href = memberOf(archive, descriptor.name, ovfFile.href);
    const names =
      ovfFile.chunkBytes === undefined ? [href] : await pieceNames(href, async (name) => table.members.has(name));
    const members = names.flatMap((name) => table.members.get(name) ?? []);
    if (members.length === 0 || members.length < names.length) {
      throw new DroverError({
        code: 'source.missing',
        message: `${archive} does not hold ${showName(href)}, which its descriptor needs`,
        details: { archive, member: href },
      });
    }
    checkFileSize(
      `${archive}/${href}`,
      ovfFile,
      members.map((member) => member.sizeBytes),
    );
    const common = { id: `disk${place.index}`, ...place };
    const location = { kind: 'archive', archive, files: [record], members: names } as const;
    const [member, ...more] = members;
    const isPlain = ovfFile.compression === 'none' && more.length === 0 && member !== undefined;
    if (!isPlain) {
      return {
        ...common,
        ...(disk.capacityBytes === undefined ? {} : { virtualSizeBytes: disk.capacityBytes }),
        location: { ...location, compression: ovfFile.compression, format: disk.isRaw ? 'raw' : 'unknown' },
      };
    }
    const label = `${archive}/${member.name}`;
    const admitted = await admitMember(ctx.host.files, archive, member, label, disk.isRaw ? 'raw' : undefined);
    const { layer, facts } = admitted;
    for (const text of facts.notes) note(ctx, 'source.image-note', `${label}: ${text}`);
    checkCapacity(ctx, label, disk.capacityBytes, layer.virtualSizeBytes);
    return {
      ...common,
      virtualSizeBytes: layer.virtualSizeBytes,
      allocatedBytes: Math.min(facts.allocatedBytes ?? member.sizeBytes, layer.virtualSizeBytes),
      ...(facts.serial === undefined ? {} : { serial: facts.serial }),
      location: {
        ...location,
        compression: 'none',
        format: layer.format,
        inPlace: admitted.readableInPlace && !ctx.vm.settings.fetch.copy,
      },
    };
  };
  return describePackage(ctx, pack, { path: archive, locate }, system);
}
