import { DroverError } from '../lib/error.js';
import { showName } from '../lib/safe-path.js';
import type { Files } from '../host/index.js';
import { detectKind } from './formats/detect.js';
import { SECTOR } from './formats/types.js';
import { readSparseHeader } from './formats/vmdk-sparse.js';
import type { ImageFacts, VmdkExtent } from './formats/index.js';
import type { LayerExtent } from './layers.js';
import { corrupt } from './problems.js';
import { resolveReference } from './references.js';
import type { ReferencePolicy } from './references.js';

export interface AdmittedExtents {
  readonly list: readonly LayerExtent[];
  /** Of all extents together, as tools see it. */
  readonly sizeBytes: number;
  /** Real paths, each once, in order. */
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Resolves and checks the extents of a VMDK: all are there, long enough, of the kind that the descriptor says, and hold
 * as many sectors as it says. Undefined for other formats. @param holder real path of the VMDK
 */
export async function admitExtents(
  files: Files,
  policy: ReferencePolicy,
  holder: string,
  facts: ImageFacts,
): Promise<AdmittedExtents | undefined> {
  if (facts.extents === undefined) return undefined;
  const paths = new Map<string, string>();
  const missing: string[] = [];
  for (const { name } of facts.extents) {
    if (name === undefined || paths.has(name)) continue;
    const found = await resolveReference(files, policy, holder, name);
    if (found.kind === 'missing') missing.push(found.path);
    paths.set(name, found.path);
  }
  if (missing.length > 0) {
    throw new DroverError({
      code: 'flatten.chain-broken',
      message: `${holder} consists of ${paths.size} files, of which ${missing.length} are missing: ${missing.slice(0, 10).join(', ')}`,
      details: { holder, missing },
      where: { file: holder },
    });
  }
  const notes: string[] = [];
  const list: LayerExtent[] = [];
  for (const [index, extent] of facts.extents.entries()) {
    const path = extent.name === undefined ? (extent.kind === 'zero' ? undefined : holder) : paths.get(extent.name);
    const { kind, offsetSectors } = extent;
    let sectors = extent.sectors;
    if (path !== undefined && extent.name !== undefined) {
      sectors = await checkExtent(files, holder, extent, path, index === facts.extents.length - 1);
      if (sectors !== extent.sectors) {
        notes.push(`${path}: its header says ${sectors} sectors, ${holder} says ${extent.sectors}; the header counts`);
      }
    }
    list.push({ kind, sectors, offsetSectors, ...(path === undefined ? {} : { path }) });
  }
  const sizeBytes = list.reduce((sum, extent) => sum + extent.sectors, 0) * SECTOR;
  return { list, sizeBytes, files: [...new Set(paths.values())], notes };
}

/** The number of sectors that tools will see. */
async function checkExtent(
  files: Files,
  holder: string,
  extent: VmdkExtent,
  path: string,
  isLast: boolean,
): Promise<number> {
  await using file = await files.open(path);
  if (extent.kind === 'flat') {
    const needed = (extent.offsetSectors + extent.sectors) * SECTOR;
    if (file.sizeBytes >= needed) return extent.sectors;
    throw new DroverError({
      code: 'flatten.extent-short',
      message: `${path} has ${file.sizeBytes} bytes, but ${holder} needs ${needed} of it`,
      details: { path, sizeBytes: file.sizeBytes, neededBytes: needed, holder },
      where: { file: path },
    });
  }
  if (extent.kind === 'zero') return extent.sectors;
  const kind = await detectKind(file);
  if (kind !== `vmdk-${extent.kind}`) {
    throw corrupt(holder, `says that ${showName(extent.name ?? '')} is a ${extent.kind} extent, but it is ${kind}`);
  }
  const header = await readSparseHeader(file, extent.kind);
  const excess = header.capacitySectors - extent.sectors;
  // A header rounded up to whole grains does no harm at the end of the disk; anywhere else it would move what follows.
  if (excess !== 0 && !(isLast && excess > 0 && excess < header.grainSectors)) {
    throw corrupt(path, `its header says ${header.capacitySectors} sectors, ${holder} says ${extent.sectors}`);
  }
  return header.capacitySectors;
}
