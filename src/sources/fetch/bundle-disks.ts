import { join } from 'node:path';
import type { Host } from '../../host/index.js';
import { walkBundle } from '../archive/bundle.js';
import { createGuard } from '../archive/limits.js';
import type { ArchiveLimits } from '../archive/limits.js';
import { wantsUnpacking } from './archive-disk.js';
import type { FetchRequest, Meter } from './opened.js';
import { writeSparse } from './unpack.js';

/** Unpacks the disks of a bundle in one pass over it. Returns the new files by member name. */
export async function unpackBundle(
  host: Host,
  request: FetchRequest,
  limits: ArchiveLimits,
  meter: Meter,
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Map<string, string>();
  for (const disk of request.description.disks) {
    if (disk.location.kind !== 'archive' || !wantsUnpacking(disk, request.settings.copy)) continue;
    wanted.set(disk.location.members[0] ?? '', disk.id);
  }
  const made = new Map<string, string>();
  if (wanted.size === 0) return made;
  const archive = request.description.origin.path;
  meter.total((await host.files.stat(archive))?.sizeBytes ?? 0);
  let read = 0;
  try {
    await walkBundle(host, {
      archive,
      nested: request.settings.nested,
      guard: createGuard(archive, limits),
      signal: request.signal,
      // Said when the machine was described.
      onNote: () => undefined,
      onRead: (bytes) => {
        meter.add(bytes - read, 'unpack');
        read = bytes;
      },
      onMember: async (member) => {
        const id = wanted.get(member.name);
        if (id === undefined) return;
        const path = join(request.work, `${id}.img`);
        await writeSparse(host.files, path, member.data());
        made.set(member.name, path);
      },
    });
  } catch (thrown) {
    for (const path of made.values()) await host.files.remove(path);
    throw thrown;
  }
  return made;
}
