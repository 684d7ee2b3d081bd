/** The table of contents of an uncompressed tar archive. Only headers are read, so its size does not matter. */
import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import { tarFromFile } from '../../lib/tar-input.js';
import { readTar } from '../../lib/tar.js';
import type { Files } from '../../host/index.js';
import { detectKind } from '../formats/index.js';
import { archiveError } from './archive-errors.js';
import { checkMemberName, isLitter, plainMemberName } from './member-names.js';

export interface MemberPlace {
  readonly name: string;
  /** Where its data begin in the archive. */
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface MemberTable {
  /** Ordinary files by name, in the order of the archive. */
  readonly members: ReadonlyMap<string, MemberPlace>;
  readonly notes: readonly string[];
}

/** Throws `source.archive-unsafe`, `source.archive-limit`, `source.archive-corrupt`, `source.format-mismatch`. */
export async function listMembers(files: Files, archive: string): Promise<MemberTable> {
  await using file = await files.open(archive);
  const kind = await detectKind(file);
  if (kind !== 'tar') {
    const isPacked = kind === 'gzip' || kind === 'xz' || kind === 'zstd' || kind === 'bzip2' || kind === 'zip';
    throw new DroverError({
      code: isPacked ? 'source.format-mismatch' : 'source.archive-corrupt',
      message: `${archive}: is no tar archive${kind === 'unknown' ? '' : `, but ${kind}`}`,
      ...(isPacked ? { hint: 'An OVA is a plain tar archive. Unpack this one once, then name the result.' } : {}),
      where: { file: archive },
    });
  }
  const members = new Map<string, MemberPlace>();
  const skipped: string[] = [];
  const notes: string[] = [];
  try {
    const onMissingEnd = (): void => void notes.push('the end mark of the archive is missing; all members are whole');
    for await (const member of readTar(tarFromFile(file), {}, onMissingEnd)) {
      const name = plainMemberName(member.name);
      if (member.type === 'directory' && name === '') continue;
      checkMemberName(archive, name);
      if (member.type === 'directory' || isLitter(name)) continue;
      if (member.type !== 'file') {
        skipped.push(`${showName(name)} (${member.type})`);
        continue;
      }
      if (members.has(name)) {
        throw new DroverError({
          code: 'source.archive-unsafe',
          message: `${archive} holds two members named ${showName(name)}`,
          details: { archive, member: name },
          where: { file: archive },
        });
      }
      members.set(name, { name, offset: member.dataOffset, sizeBytes: member.sizeBytes });
    }
  } catch (thrown) {
    throw archiveError(archive, thrown);
  }
  if (skipped.length > 0) {
    const shown = skipped.slice(0, 5).join(', ');
    notes.push(`${skipped.length} members that are no ordinary files were passed over: ${shown}`);
  }
  return { members, notes };
}
