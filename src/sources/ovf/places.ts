/** Which files of a package are its descriptor and its manifest. */
import { DroverError } from '../../lib/error.js';
import { showName } from '../../lib/safe-path.js';
import type { MemberPlace, MemberTable } from '../archive/tar-members.js';

/** The descriptor of an archive: its only `.ovf`, at whatever depth. */
export function findDescriptor(archive: string, table: MemberTable): MemberPlace {
  const found = [...table.members.values()].filter((member) => /\.ovf$/i.test(member.name));
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  throw new DroverError({
    code: 'source.descriptor',
    message:
      only === undefined
        ? `${archive} holds no .ovf file, so it is no OVA`
        : `${archive} holds several .ovf files: ${found.map((m) => showName(m.name)).join(', ')}`,
    ...(only === undefined ? { hint: 'A plain bundle of disk images is named with `bundle`.' } : {}),
    where: { file: archive },
  });
}

/** The manifest that belongs to a descriptor. */
export function findManifest(table: MemberTable, descriptor: MemberPlace): MemberPlace | undefined {
  return table.members.get(descriptor.name.replace(/\.ovf$/i, '.mf'));
}

/** Path of the manifest that belongs to a descriptor in a folder; the descriptor's own path when it cannot have one. */
export function manifestBeside(ovf: string): string {
  return ovf.replace(/\.ovf$/i, '.mf');
}
