/**
 * The admission check: every header and every name in it is read and judged by our own code before any tool opens a file.
 * What comes out are layers with real paths, which tools are then told to open exactly so (see `view.ts`).
 */
import { DroverError } from '../lib/error.js';
import { showName } from '../lib/safe-path.js';
import type { Files } from '../host/index.js';
import type { ChainFile, DiskFormat } from '../model/index.js';
import { recordFile } from './chain-file.js';
import { admitExtents } from './admit-extents.js';
import { readImage, windowOf } from './formats/index.js';
import type { ImageFacts } from './formats/index.js';
import type { Layer } from './layers.js';
import { corrupt, unsupported } from './problems.js';
import { resolveReference } from './references.js';
import type { ReferencePolicy } from './references.js';

const MAX_DEPTH = 64;

export interface AdmittedDisk {
  /** Leaf first. */
  readonly layers: readonly Layer[];
  readonly virtualSizeBytes: number;
  readonly allocatedBytes: number;
  readonly chain: readonly ChainFile[];
  /** What guests know the disk by, where the leaf says it. */
  readonly serial?: string;
  /** The image must be copied and its journal replayed before it is used (VHDX). */
  readonly needsReplay: boolean;
  /** What an operator should know. */
  readonly notes: readonly string[];
}

export interface AdmissionRequest {
  /** Real path of the leaf. */
  readonly path: string;
  /** The format that somebody vouches for; needed for raw. */
  readonly format?: DiskFormat;
  readonly policy: ReferencePolicy;
  /** Accept parents whose content id differs, with a note. */
  readonly ignoreCid?: boolean;
  /** The parent to take when the leaf says that it has one but not where (OVF `parentRef`). */
  readonly parentHint?: string;
}

function loop(paths: readonly string[], what: string): DroverError {
  return new DroverError({
    code: 'flatten.chain-loop',
    message: `${paths[0] ?? ''}: ${what}: ${paths.slice(0, 5).join(' -> ')}${paths.length > 5 ? ' -> …' : ''}`,
    details: { chain: paths.slice(0, MAX_DEPTH) },
  });
}

function checkId(child: Layer, facts: ImageFacts, parentPath: string, parent: ImageFacts): DroverError | undefined {
  const wanted = facts.parent?.contentId;
  if (wanted === undefined || wanted === parent.contentId) return undefined;
  return new DroverError({
    code: 'flatten.chain-cid',
    message:
      `${child.path} was made on top of content id ${wanted}, ` +
      `but its parent ${parentPath} has content id ${parent.contentId ?? 'none'}`,
    details: { child: child.path, parentCid: wanted, parent: parentPath, cid: parent.contentId ?? null },
    where: { file: child.path },
  });
}

/** A VMDK may grow in a snapshot, a VHD keeps its size, only a qcow2 may cut what lies below. */
function checkSizes(child: ImageFacts, childPath: string, parent: ImageFacts, parentPath: string): void {
  const differs = child.virtualSizeBytes !== parent.virtualSizeBytes;
  const shrinks = child.virtualSizeBytes < parent.virtualSizeBytes;
  if ((child.format === 'vhd' && differs) || (child.format === 'vmdk' && shrinks)) {
    throw corrupt(
      childPath,
      `has ${child.virtualSizeBytes} bytes, but its parent ${parentPath} has ${parent.virtualSizeBytes}`,
    );
  }
}

async function findParent(
  files: Files,
  request: AdmissionRequest,
  child: string,
  facts: ImageFacts,
  isLeaf: boolean,
): Promise<string> {
  const names = facts.parent?.names ?? [];
  let tried: string | undefined;
  for (const name of names) {
    const found = await resolveReference(files, request.policy, child, name);
    if (found.kind === 'file') return found.path;
    tried ??= found.path;
  }
  if (names.length === 0 && isLeaf && request.parentHint !== undefined) return request.parentHint;
  throw new DroverError({
    code: 'flatten.chain-broken',
    message:
      tried === undefined
        ? `${child} lies on top of another image, but does not say which`
        : `the parent ${showName(names[0] ?? '')} of ${child} is missing (looked at ${tried})`,
    details: { child: child, missing: tried === undefined ? [] : [tried] },
    where: { file: child },
  });
}

/**
 * Admits an image with all its extents and parents. Reads headers only. Throws the codes of `readImage`,
 * `source.unsafe-ref`, `flatten.chain-broken`, `flatten.chain-loop`, `flatten.chain-cid`, `flatten.extent-short`.
 */
export async function admitImage(files: Files, request: AdmissionRequest): Promise<AdmittedDisk> {
  const layers: Layer[] = [];
  const chain: ChainFile[] = [];
  const notes: string[] = [];
  let allocated = 0;
  let path = request.path;
  let said = request.format;
  let child: ImageFacts | undefined;
  let needsReplay = false;
  let serial: string | undefined;
  for (;;) {
    const seen = layers.map((layer) => layer.path);
    if (seen.includes(path)) throw loop([...seen, path], 'its parents lead back to itself');
    if (layers.length >= MAX_DEPTH) throw loop(seen, `has more than ${MAX_DEPTH} parents`);
    const isLeaf = layers.length === 0;
    const facts = await (async () => {
      await using file = await files.open(path);
      return await readImage(file, said);
    })();
    const above = layers.at(-1);
    if (above !== undefined && child !== undefined) {
      const mismatch = checkId(above, child, path, facts);
      // A stream is opened with its own descriptor, so tools would refuse it anyway.
      const mayIgnore = request.ignoreCid === true && above.subformat !== 'streamOptimized';
      if (mismatch !== undefined && !mayIgnore) throw mismatch;
      if (mismatch !== undefined) notes.push(`content ids do not match and are ignored, as asked: ${mismatch.message}`);
      checkSizes(child, above.path, facts, path);
    }
    const extents = await admitExtents(files, request.policy, path, facts);
    layers.push({
      path,
      format: facts.format,
      subformat: facts.subformat,
      virtualSizeBytes: extents?.sizeBytes ?? facts.virtualSizeBytes,
      ...(facts.contentId === undefined ? {} : { contentId: facts.contentId }),
      ...(extents === undefined ? {} : { extents: extents.list }),
    });
    chain.push(await recordFile(files, path, isLeaf ? 'image' : 'parent'));
    for (const extent of extents?.files ?? []) {
      chain.push(await recordFile(files, extent, isLeaf ? 'extent' : 'parent-extent'));
    }
    allocated += facts.allocatedBytes ?? (await allocatedOf(files, [path, ...(extents?.files ?? [])]));
    serial ??= facts.serial;
    notes.push(...facts.notes.map((note) => `${path}: ${note}`), ...(extents?.notes ?? []));
    if (facts.needsReplay === true) {
      if (!isLeaf) throw unsupported(path, 'was not closed properly and cannot serve as a parent; repair it first');
      needsReplay = true;
    }
    if (facts.parent === undefined) break;
    path = await findParent(files, request, path, facts, isLeaf);
    said = facts.parent.format;
    child = facts;
  }
  const virtualSizeBytes = layers[0]?.virtualSizeBytes ?? 0;
  return {
    layers,
    virtualSizeBytes,
    allocatedBytes: Math.min(allocated, virtualSizeBytes),
    chain,
    ...(serial === undefined ? {} : { serial }),
    needsReplay,
    notes,
  };
}

async function allocatedOf(files: Files, paths: readonly string[]): Promise<number> {
  let total = 0;
  for (const path of paths) total += (await files.stat(path))?.allocatedBytes ?? 0;
  return total;
}

export interface AdmittedMember {
  readonly layer: Layer;
  readonly facts: ImageFacts;
  /** Whether tools can read it inside the archive. */
  readonly readableInPlace: boolean;
}

/**
 * Admits an image that stands uncompressed in an archive. It must be whole: no extents elsewhere, no parent.
 * @param label name for messages, such as `web01.ova/disk1.vmdk`
 */
export async function admitMember(
  files: Files,
  archive: string,
  place: { readonly offset: number; readonly sizeBytes: number },
  label: string,
  format?: DiskFormat,
): Promise<AdmittedMember> {
  const window = { offset: place.offset, sizeBytes: place.sizeBytes };
  await using file = await files.open(archive);
  const facts = await readImage(windowOf(file, window.offset, window.sizeBytes, label), format);
  checkStandsAlone(label, facts);
  const { format: found, subformat, virtualSizeBytes, extents, needsReplay } = facts;
  return {
    layer: {
      path: archive,
      format: found,
      subformat,
      virtualSizeBytes,
      window,
      ...(extents === undefined ? {} : { extents }),
    },
    facts,
    // QEMU takes windows of whole sectors only, and a journal can be replayed in a file only.
    readableInPlace: window.sizeBytes % 512 === 0 && needsReplay !== true,
  };
}

/** Throws unless an image from an archive needs nothing but itself. */
function checkStandsAlone(label: string, facts: ImageFacts): void {
  if (facts.parent !== undefined)
    throw unsupported(label, 'lies on top of another image, which an archive cannot hold');
  if (facts.extents?.some((extent) => extent.name !== undefined) === true) {
    throw unsupported(
      label,
      'is a VMDK descriptor whose data are in other files; unpack the archive and name it in `disks`',
    );
  }
}
