/** qcow2 headers (QEMU docs/interop/qcow2.txt). Read by ourselves, so that no tool opens what they refer to. */
import { cString, u64be } from '../../lib/bytes.js';
import { showName } from '../../lib/safe-path.js';
import type { DiskFormat } from '../../model/index.js';
import { corrupt, encrypted, unsupported } from '../problems.js';
import { checkedSize, readExactly } from './types.js';
import { checkClusters } from './qcow2-clusters.js';
import type { ByteSource, ImageFacts } from './types.js';

const DIRTY = 1n;
const CORRUPT = 2n;
const DATA_FILE = 4n;
const COMPRESSION = 8n;
const EXTENDED_L2 = 16n;

const BACKING_FORMATS: Readonly<Record<string, DiskFormat>> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vpc: 'vhd',
  vhdx: 'vhdx',
  vdi: 'vdi',
};

async function readExtensions(source: ByteSource, start: number, end: number): Promise<Map<number, Buffer>> {
  const found = new Map<number, Buffer>();
  let at = start;
  while (at + 8 <= end) {
    const head = await readExactly(source, at, 8, 'header extension');
    const type = head.readUInt32BE(0);
    const length = head.readUInt32BE(4);
    if (type === 0) break;
    if (at + 8 + length > end) throw corrupt(source.path, 'a header extension reaches beyond the header');
    found.set(type, await readExactly(source, at + 8, length, 'header extension'));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return found;
}

/** Header of a qcow2 image. External data files, encryption, damage and unknown features are refused. */
export async function readQcow2(source: ByteSource): Promise<ImageFacts> {
  const { path } = source;
  const base = await readExactly(source, 0, 72, 'header');
  const version = base.readUInt32BE(4);
  if (version !== 2 && version !== 3)
    throw unsupported(path, `is a qcow image of version ${version}; 2 and 3 are known`);
  const clusterBits = base.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21)
    throw corrupt(path, `the header says that a cluster has 2^${clusterBits} bytes`);
  const virtualSizeBytes = checkedSize(path, u64be(base, 24));
  const crypt = base.readUInt32BE(32);
  if (crypt !== 0) throw encrypted(path, 'the image is encrypted');
  const notes: string[] = [];
  let headerLength = 72;
  let isExtended = false;
  if (version === 3) {
    const more = await readExactly(source, 72, 32, 'header');
    const features = more.readBigUInt64BE(0);
    headerLength = more.readUInt32BE(28);
    if ((features & CORRUPT) !== 0n) {
      throw corrupt(path, 'the image is marked as damaged; repair a copy of it with `qemu-img check -r all`');
    }
    if ((features & DATA_FILE) !== 0n) {
      throw unsupported(
        path,
        'keeps its data in another file, which is not followed; convert it into a plain qcow2 first',
      );
    }
    const unknown = features & ~(DIRTY | COMPRESSION | EXTENDED_L2);
    if (unknown !== 0n) throw unsupported(path, `needs features that are not known here (0x${unknown.toString(16)})`);
    isExtended = (features & EXTENDED_L2) !== 0n;
    if ((features & DIRTY) !== 0n)
      notes.push('the image was not closed properly; its reference counts are rebuilt when read');
    if (headerLength < 104 || headerLength > 2 ** clusterBits)
      throw corrupt(path, 'the header has an impossible length');
  }
  const backingAt = u64be(base, 8);
  const backingLength = base.readUInt32BE(16);
  const firstCluster = Math.min(2 ** clusterBits, source.sizeBytes);
  const extensionsEnd = backingAt > 0 ? Math.min(backingAt, firstCluster) : firstCluster;
  const extensions = await readExtensions(source, headerLength, extensionsEnd);
  // A name of a data file without its feature bit is ignored by tools today; nobody writes that by accident.
  if (extensions.has(0x44415441)) throw unsupported(path, 'names an external data file');
  if (extensions.has(0x0537be77)) throw encrypted(path, 'the image is encrypted');
  if (!(await checkClusters(source, base, { version, clusterBits, isExtended, virtualSizeBytes })))
    notes.push('its tables are very large; whether the file was cut short was not looked at');
  const snapshots = base.readUInt32BE(60);
  if (snapshots > 0) notes.push(`${snapshots} internal snapshots are not migrated; the current state is`);
  const common = { format: 'qcow2', subformat: version === 2 ? 'v2' : 'v3', virtualSizeBytes } as const;
  if (backingAt === 0) return { ...common, notes };
  if (backingLength === 0 || backingLength > 1023)
    throw corrupt(path, 'the name of the backing file has an impossible length');
  const name = cString(await readExactly(source, backingAt, backingLength, 'name of the backing file'), 'utf8');
  const said = extensions.get(0xe2792aca)?.toString('latin1');
  const format = said === undefined ? undefined : BACKING_FORMATS[said];
  if (said !== undefined && format === undefined) {
    throw unsupported(path, `has a backing file of the unknown format ${showName(said)}`);
  }
  return { ...common, parent: { names: [name], ...(format === undefined ? {} : { format }) }, notes };
}
