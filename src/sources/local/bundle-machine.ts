import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import type { SourceDisk } from '../../model/index.js';
import { admitMember } from '../admission.js';
import { createGuard, archiveLimits } from '../archive/limits.js';
import { HEAD_BYTES, walkBundle } from '../archive/bundle.js';
import { isCompression } from '../archive/decompress.js';
import { judgeMember, selectCandidates } from '../archive/candidates.js';
import type { Candidate } from '../archive/candidates.js';
import { listMembers } from '../archive/tar-members.js';
import type { MemberTable } from '../archive/tar-members.js';
import { recordFile } from '../chain-file.js';
import { detectKind, windowOf } from '../formats/index.js';
import { unsupported } from '../problems.js';
import { attempt, note } from './context.js';
import type { DescribeContext } from './context.js';
import { findFile } from './disks.js';
import type { Described } from './disks.js';

interface Listing {
  readonly candidates: readonly Candidate[];
  readonly rejected: readonly string[];
}

type Judged = Parameters<typeof judgeMember>[0];

function collect(archive: string, listing: { candidates: Candidate[]; rejected: string[] }, member: Judged): void {
  if (member.kind === 'vmdk-descriptor') {
    const what = `${showName(member.name)} is a VMDK descriptor with its data in other members; unpack it and use \`disks\``;
    throw unsupported(archive, what);
  }
  const verdict = judgeMember(member);
  if ('rejected' in verdict) listing.rejected.push(`${showName(member.name)} ${verdict.rejected}`);
  else listing.candidates.push(verdict);
}

/** Lists a plain tar by looking at both ends of every member. Undefined when a member must be opened itself. */
async function listPlain(ctx: DescribeContext, archive: string, table: MemberTable): Promise<Listing | undefined> {
  const listing = { candidates: [], rejected: [] };
  await using file = await ctx.host.files.open(archive);
  for (const { name, offset, sizeBytes } of table.members.values()) {
    const window = windowOf(file, offset, sizeBytes, name);
    const kind = await detectKind(window);
    if ((kind === 'tar' || isCompression(kind)) && ctx.vm.settings.fetch.nested > 0) return undefined;
    collect(archive, listing, { name, sizeBytes, head: await window.read(0, HEAD_BYTES), kind });
  }
  return listing;
}

/** Lists a packed bundle by passing over it once: what is packed tells its size only so. */
async function listPacked(ctx: DescribeContext, archive: string): Promise<Listing> {
  const listing = { candidates: [], rejected: [] };
  await walkBundle(ctx.host, {
    archive,
    nested: ctx.vm.settings.fetch.nested,
    guard: createGuard(archive, archiveLimits(0)),
    signal: ctx.signal,
    onNote: (text) => note(ctx, 'source.image-note', `${archive}: ${text}`),
    onMember: async ({ name, head, kind, data }) => {
      let sizeBytes = 0;
      let tail: Buffer = Buffer.alloc(0);
      for await (const chunk of data()) {
        sizeBytes += chunk.length;
        tail = Buffer.from(chunk.length >= 512 ? chunk.subarray(-512) : Buffer.concat([tail, chunk]).subarray(-512));
      }
      collect(archive, listing, { name, sizeBytes, head, kind, tail });
    },
  });
  return listing;
}

/** A machine made of the disk images in a tarball. */
export async function describeBundle(ctx: DescribeContext, file: string): Promise<Described | undefined> {
  const archive = await attempt(ctx, () => findFile(ctx, file));
  if (archive === undefined) return undefined;
  return attempt(ctx, async () => {
    const { select } = ctx.vm.settings.fetch;
    const table = await plainTable(ctx, archive);
    const plain = table === undefined ? undefined : await listPlain(ctx, archive, table);
    const { candidates, rejected } = plain ?? (await listPacked(ctx, archive));
    const { disks: chosen, passedOver } = selectCandidates(candidates, select);
    const left = [...rejected, ...passedOver.map((name) => `${name} was not selected`)];
    if (left.length > 0) {
      const more = left.length > 8 ? ` and ${left.length - 8} more` : '';
      note(ctx, 'source.image-note', `${archive}: not taken as disks: ${left.slice(0, 8).join('; ')}${more}`);
    }
    if (chosen.length === 0) {
      throw new DroverError({
        code: 'source.no-disks',
        message: `${archive} holds no disk image${select === 'all' ? '' : ` that \`fetch.select: ${select}\` chooses`}`,
        details: { archive, rejected: left.slice(0, 20) },
      });
    }
    const record = await recordFile(ctx.host.files, archive, 'image');
    const disks: SourceDisk[] = [];
    for (const [index, candidate] of chosen.entries()) {
      disks.push(await describeMember(ctx, { archive, table, candidate, index, record }));
    }
    return { originPath: archive, disks, nics: [] };
  });
}

/** The places of members, when the bundle is a tar that is not packed. */
async function plainTable(ctx: DescribeContext, archive: string): Promise<MemberTable | undefined> {
  const kind = await (async () => {
    await using file = await ctx.host.files.open(archive);
    return await detectKind(file);
  })();
  return kind === 'tar' ? listMembers(ctx.host.files, archive) : undefined;
}

async function describeMember(
  ctx: DescribeContext,
  request: {
    readonly archive: string;
    readonly table: MemberTable | undefined;
    readonly candidate: Candidate;
    readonly index: number;
    readonly record: Awaited<ReturnType<typeof recordFile>>;
  },
): Promise<SourceDisk> {
  const { archive, table, candidate, index, record } = request;
  const common = { id: `disk${index}`, index, bus: 'unknown' } as const;
  const location = {
    kind: 'archive',
    archive,
    files: [record],
    members: [candidate.name],
    compression: 'none',
    format: candidate.format,
  } as const;
  const place = table?.members.get(candidate.name);
  if (place === undefined) {
    // The size of a packed image with a format of its own shows only once it is unpacked.
    const size = candidate.format === 'raw' ? Math.ceil(candidate.sizeBytes / 512) * 512 : undefined;
    return { ...common, ...(size === undefined ? {} : { virtualSizeBytes: size }), location };
  }
  const label = `${archive}/${candidate.name}`;
  const { layer, facts, readableInPlace } = await admitMember(ctx.host.files, archive, place, label, candidate.format);
  for (const text of facts.notes) note(ctx, 'source.image-note', `${label}: ${text}`);
  return {
    ...common,
    virtualSizeBytes: layer.virtualSizeBytes,
    allocatedBytes: Math.min(facts.allocatedBytes ?? place.sizeBytes, layer.virtualSizeBytes),
    ...(facts.serial === undefined ? {} : { serial: facts.serial }),
    location: { ...location, inPlace: readableInPlace && !ctx.vm.settings.fetch.copy },
  };
}
