/**
 * What tools are told to open. Each image is opened with its driver named, its files given by us as real paths, and no
 * parent but the one we admitted, so that nothing inside a file decides what else is opened. VMDK descriptors are written
 * anew for that: tools read the originals loosely (see `formats/vmdk-descriptor.ts`).
 */
import { join } from 'node:path';
import type { Files } from '../host/index.js';
import { qemuFormat } from '../model/index.js';
import type { Layer, LayerExtent } from './layers.js';

/** A block device of QEMU as JSON. */
interface BlockNode {
  readonly driver: string;
  readonly [option: string]: string | number | null | BlockNode;
}

export interface View {
  readonly node: BlockNode;
  /** The name to give to tools: a plain absolute path where that says all, else `json:…`. */
  readonly name: string;
  /** Driver of the leaf. */
  readonly driver: string;
  /** Sets the driver of `name` where a tool has an option for it; empty when the name says it. */
  readonly formatArgs: readonly string[];
}

/** The longest name of a backing file that a qcow2 header holds. */
export const MAX_BACKING_NAME = 1023;
/** Longer paths are reached through a link, so that a whole chain fits into one name. */
const LONG_PATH = 160;

interface Workshop {
  readonly files: Files;
  readonly dir: string;
  links: number;
}

async function link(shop: Workshop, target: string): Promise<string> {
  const name = `f${shop.links}`;
  shop.links += 1;
  await shop.files.symlink(target, join(shop.dir, name));
  return name;
}

async function shortPath(shop: Workshop, path: string): Promise<string> {
  return path.length <= LONG_PATH ? path : join(shop.dir, await link(shop, path));
}

async function zeroFile(shop: Workshop, sectors: number): Promise<string> {
  const name = `zeros${sectors}`;
  const path = join(shop.dir, name);
  if (!(await shop.files.exists(path))) {
    const stream = await shop.files.createExclusive(path);
    await new Promise<void>((resolve, reject) => stream.once('error', reject).end(resolve));
    await shop.files.truncate(path, sectors * 512);
  }
  return name;
}

const EXTENT_WORDS: Readonly<Record<LayerExtent['kind'], string>> = {
  flat: 'FLAT',
  zero: 'FLAT',
  sparse: 'SPARSE',
  cowd: 'VMFSSPARSE',
  sesparse: 'SESPARSE',
};

/** QEMU decides by this word how it opens extents; any one that it knows will do for mixed ones. */
function createType(extents: readonly LayerExtent[]): string {
  if (extents.some((extent) => extent.kind === 'sesparse')) return 'seSparse';
  if (extents.some((extent) => extent.kind === 'cowd')) return 'vmfsSparse';
  return extents.some((extent) => extent.kind === 'sparse') ? 'twoGbMaxExtentSparse' : 'twoGbMaxExtentFlat';
}

/**
 * Writes the descriptor of one layer. No empty line may stand in it: QEMU would take the extent after it twice.
 * @param parent file name of the descriptor below in the same folder; absent when the parent is given as a node
 */
async function writeDescriptor(
  shop: Workshop,
  layers: readonly Layer[],
  index: number,
  parent: string | undefined,
): Promise<string> {
  const layer = layers[index] as Layer;
  const lines: string[] = [];
  for (const extent of layer.extents ?? []) {
    // A ZERO extent would be passed over and everything behind it would move.
    const name = extent.path === undefined ? await zeroFile(shop, extent.sectors) : await link(shop, extent.path);
    const offset = EXTENT_WORDS[extent.kind] === 'FLAT' ? ` ${extent.offsetSectors}` : '';
    lines.push(`RW ${extent.sectors} ${EXTENT_WORDS[extent.kind]} "${name}"${offset}`);
  }
  const text = [
    '# Disk DescriptorFile',
    'version=1',
    `CID=${layer.contentId ?? 'fffffffe'}`,
    // What the child says may differ when that was accepted; tools would then refuse to read.
    `parentCID=${layers[index + 1]?.contentId ?? 'ffffffff'}`,
    `createType="${createType(layer.extents ?? [])}"`,
    ...(parent === undefined ? [] : [`parentFileNameHint="${parent}"`]),
    ...lines,
    '',
  ].join('\n');
  const path = join(shop.dir, descriptorName(index));
  await shop.files.writeAtomic(path, text);
  return path;
}

function descriptorName(index: number): string {
  return `layer${index}.vmdk`;
}

/** A file that holds both descriptor and data can be opened as it is, once its parent is ours to say. */
function opensDirectly(layer: Layer, below: Layer | undefined): boolean {
  const [only, ...more] = layer.extents ?? [];
  const isWhole = more.length === 0 && only?.kind === 'sparse' && only.path === layer.path;
  // Streams must be: through a descriptor QEMU looks for their footer at the end of the descriptor.
  return isWhole && (below === undefined || layer.subformat === 'streamOptimized');
}

/** A VMDK lies only on VMDKs. Descriptors name each other, which keeps long chains short; only streams need nodes. */
async function vmdkNode(shop: Workshop, layers: readonly Layer[], index: number): Promise<BlockNode> {
  const layer = layers[index] as Layer;
  const below = layers[index + 1];
  const backing = async (): Promise<BlockNode | null> =>
    below === undefined ? null : await vmdkNode(shop, layers, index + 1);
  if (opensDirectly(layer, below)) {
    // Without a backing said here QEMU would follow a parent's name anywhere in the descriptor, comments included.
    return { driver: 'vmdk', backing: await backing(), file: fileNode(await shortPath(shop, layer.path)) };
  }
  const rest = layers.slice(index + 1);
  if (rest.some((lower, i) => opensDirectly(lower, rest[i + 1]) && lower.subformat === 'streamOptimized')) {
    const file = fileNode(await writeDescriptor(shop, layers, index, undefined));
    return { driver: 'vmdk', backing: await backing(), file };
  }
  for (let i = layers.length - 1; i > index; i -= 1) {
    await writeDescriptor(shop, layers, i, i + 1 < layers.length ? descriptorName(i + 1) : undefined);
  }
  const path = await writeDescriptor(shop, layers, index, below === undefined ? undefined : descriptorName(index + 1));
  return { driver: 'vmdk', file: fileNode(path) };
}

function fileNode(filename: string, window?: Layer['window']): BlockNode {
  const file = { driver: 'file', filename };
  return window === undefined ? file : { driver: 'raw', offset: window.offset, size: window.sizeBytes, file };
}

async function layerNode(shop: Workshop, layers: readonly Layer[], index: number): Promise<BlockNode> {
  const layer = layers[index] as Layer;
  const below = layers[index + 1];
  const driver = qemuFormat(layer.format);
  if (layer.format === 'vmdk' && layer.window === undefined) return vmdkNode(shop, layers, index);
  const file = fileNode(await shortPath(shop, layer.path), layer.window);
  switch (layer.format) {
    case 'raw':
      return layer.window === undefined ? { driver, file } : file;
    case 'vhd':
      // By itself QEMU takes the geometry of some creators, which cuts the disk.
      return { driver, force_size_calc: 'current_size', file };
    case 'vmdk':
      return { driver, backing: null, file };
    case 'qcow2':
      return { driver, file, backing: below === undefined ? null : await layerNode(shop, layers, index + 1) };
    case 'vhdx':
    case 'vdi':
      return { driver, file };
  }
}

/** A plain path where path and driver say everything. */
function plainPath(layers: readonly Layer[], node: BlockNode): string | undefined {
  const leaf = layers[0];
  const file = node['file'];
  if (typeof file !== 'object' || file?.driver !== 'file' || leaf?.format === 'vhd') return undefined;
  if (leaf?.window !== undefined) return undefined;
  if (node['backing'] !== undefined && (leaf?.format !== 'qcow2' || layers.length > 1)) return undefined;
  return file['filename'] as string;
}

/** Writes what is needed into an existing, private and empty folder, and says how to open the disk. */
export async function buildView(files: Files, dir: string, layers: readonly Layer[]): Promise<View> {
  const shop: Workshop = { files, dir, links: 0 };
  const node = await layerNode(shop, layers, 0);
  const driver = qemuFormat((layers[0] as Layer).format);
  const path = plainPath(layers, node);
  return path === undefined
    ? { node, driver, name: `json:${JSON.stringify(node)}`, formatArgs: [] }
    : { node, driver, name: path, formatArgs: ['-f', driver] };
}

/** Whether an image of this size and kind can be read in place at all. */
export function readableInPlace(layers: readonly Layer[]): boolean {
  // QEMU knows no differencing VHD: it opens one as if nothing lay below and returns zeros.
  return layers.every((layer) => layer.format !== 'vhd' || layer.subformat !== 'differencing');
}
