/** Entries of a guest tree from what the appliance hands out: tar archives and listings. */
import type { Host } from '../../host/index.js';
import { readTar, TarError } from '../../lib/tar.js';
import type { TarInput, TarMember } from '../../lib/tar.js';
import { tarFromFile, tarFromStream } from '../../lib/tar-input.js';
import { DroverError } from '../../lib/error.js';
import type { GuestNode } from './ports.js';
import type { TreeEntry } from './tree.js';

/** A file of the guest that is larger than this is known by its size only. */
const CONTENT_CAP_BYTES = 1024 ** 2;
const MAX_MEMBERS = 200_000;

export interface ArchiveOptions {
  /** Folder of the guest that the archive was made of. */
  readonly root: string;
  /** Default 1 MiB. */
  readonly capBytes?: number;
}

/** Reads an archive that `tar-out` wrote. Throws `guest.call` when it is damaged. */
export async function readArchive(host: Host, hostTar: string, options: ArchiveOptions): Promise<TreeEntry[]> {
  await using file = await host.files.open(hostTar);
  return await collect(tarFromFile(file), options);
}

/** Reads an archive that is in memory already. */
export async function readArchiveBytes(bytes: Buffer, options: ArchiveOptions): Promise<TreeEntry[]> {
  return collect(tarFromStream(once(bytes)), options);
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(input: TarInput, options: ArchiveOptions): Promise<TreeEntry[]> {
  const cap = options.capBytes ?? CONTENT_CAP_BYTES;
  const entries = new Map<string, TreeEntry>();
  try {
    for await (const member of readTar(input, { maxMembers: MAX_MEMBERS })) {
      const path = guestPath(options.root, member.name);
      if (path === undefined) continue;
      const twin = member.type === 'hardlink' ? entries.get(guestPath(options.root, member.linkName) ?? '') : undefined;
      const isFile = member.type === 'file' || twin !== undefined;
      const content = twin?.content ?? (isFile && member.sizeBytes <= cap ? await contentOf(member) : undefined);
      const node = nodeOf(member, path, twin?.node);
      entries.set(path, content === undefined ? { node } : { node, content });
    }
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    throw new DroverError({
      code: 'guest.call',
      message: `what the appliance packed of ${options.root} cannot be read: ${error.message}`,
      cause: error,
    });
  }
  return [...entries.values()];
}

/** Absolute path of a member; undefined for the folder itself and for names that no honest archive holds. */
function guestPath(root: string, name: string): string | undefined {
  const names = name.split('/').filter((part) => part !== '' && part !== '.');
  // A name that is no UTF-8 would come back as another name; such a file is left alone.
  if (names.includes('..') || name.includes('\u0000') || name.includes('\ufffd')) return undefined;
  const base = root === '/' ? '' : root;
  return names.length === 0 ? base || undefined : `${base}/${names.join('/')}`;
}

const KINDS: Partial<Record<TarMember['type'], GuestNode['kind']>> = {
  file: 'file',
  hardlink: 'file',
  directory: 'directory',
  symlink: 'symlink',
};

function nodeOf(member: TarMember, path: string, twin: GuestNode | undefined): GuestNode {
  const kind = KINDS[member.type] ?? 'other';
  return {
    path,
    kind,
    mode: member.mode,
    uid: member.uid,
    gid: member.gid,
    mtimeS: member.mtimeS,
    sizeBytes: twin?.sizeBytes ?? member.sizeBytes,
    ...(kind === 'symlink' ? { linkTarget: member.linkName } : {}),
    xattrs: twin?.xattrs ?? attributesOf(member.pax),
  };
}

/** Attributes under their kernel names; access lists as `acl.access` and `acl.default` in their text form. */
function attributesOf(pax: TarMember['pax']): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [key, value] of pax) {
    const name =
      key === 'RHT.security.selinux'
        ? 'security.selinux'
        : (/^SCHILY\.xattr\.(.+)$/.exec(key)?.[1] ?? /^SCHILY\.(acl\.(?:access|default))$/.exec(key)?.[1]);
    // The text form of an access list says the same as the binary attribute behind it.
    if (name !== undefined && !name.startsWith('system.posix_acl_')) attributes[name] = value.toString('latin1');
  }
  return attributes;
}

async function contentOf(member: TarMember): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of member.data()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** `find -printf` format of `parseListing`: NUL-separated records, nothing in them can be mistaken for another field. */
export const LISTING_FORMAT = '%y %m %U %G %T@ %s %p\\0%l\\0';

/** Entries without content from a listing. `prefix` is cut off every path. */
export function parseListing(bytes: Buffer, prefix: string): TreeEntry[] {
  const fields = bytes.toString('utf8').split('\0');
  const entries: TreeEntry[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const match = /^(\w) (\d+) (\d+) (\d+) (-?\d+)\S* (\d+) ([^]*)$/.exec(fields[at] ?? '');
    const path = match?.[7]?.startsWith(`${prefix}/`) === true ? match[7].slice(prefix.length) : undefined;
    if (match === null || path === undefined || path.includes('\ufffd')) continue;
    const kind = ({ f: 'file', d: 'directory', l: 'symlink' } as const)[match[1] ?? ''] ?? 'other';
    entries.push({
      node: {
        path,
        kind,
        mode: parseInt(match[2] ?? '0', 8),
        uid: Number(match[3]),
        gid: Number(match[4]),
        mtimeS: Number(match[5]),
        sizeBytes: Number(match[6]),
        ...(kind === 'symlink' ? { linkTarget: fields[at + 1] ?? '' } : {}),
        xattrs: {},
      },
    });
  }
  return entries;
}
