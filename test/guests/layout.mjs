/** Works out where everything of a recipe lies: sectors, device nodes inside the guest, mount points. */

/** @typedef {import('./index.d.mts').Recipe} Recipe */
/** @typedef {import('./index.d.mts').Volume} Volume */

/**
 * @typedef {object} PlacedPartition
 * @property {number} disk index of the disk
 * @property {number} number as in /dev/sda<number>
 * @property {number} startSector
 * @property {number} sectors
 * @property {string | undefined} vg set when it is a physical volume
 * @property {Volume | undefined} volume
 * @property {boolean} esp
 * @property {boolean} biosBoot
 */

/**
 * @typedef {object} PlacedVolume
 * @property {Volume} volume
 * @property {string} device the node a running guest has, e.g. /dev/sda1 or /dev/mapper/vg0-root
 * @property {PlacedPartition | undefined} partition absent for logical volumes
 * @property {{ vg: string, lv: string } | undefined} logical
 */

/**
 * @typedef {object} Layout
 * @property {readonly PlacedPartition[]} partitions
 * @property {readonly PlacedVolume[]} volumes
 */

/** @typedef {{ placed: PlacedVolume, mount: string, subvolume: string | undefined }} MountPoint */

export const sectorBytes = 512;
const mibSectors = 2048;

/**
 * Partitions start at 1 MiB, one after the other; a GPT's backup table keeps the last MiB.
 * @param {Recipe} recipe
 * @returns {Layout}
 */
export function placeLayout(recipe) {
  /** @type {PlacedPartition[]} */
  const partitions = [];
  for (const [disk, layout] of recipe.disks.entries()) {
    let next = mibSectors;
    const end = layout.sizeMiB * mibSectors - (layout.table === 'gpt' ? mibSectors : 0);
    for (const [index, part] of layout.partitions.entries()) {
      const sectors = part.sizeMiB === 0 ? end - next : part.sizeMiB * mibSectors;
      if (next + sectors > end) throw new Error(`${recipe.name}: the partitions of disk ${disk} do not fit`);
      partitions.push({
        disk,
        number: index + 1,
        startSector: next,
        sectors,
        vg: 'vg' in part ? part.vg : undefined,
        volume: 'fs' in part ? part : undefined,
        esp: 'esp' in part && part.esp === true,
        biosBoot: 'biosBoot' in part,
      });
      next += sectors;
    }
  }
  /** @type {PlacedVolume[]} */
  const onPartitions = partitions.flatMap((partition) =>
    partition.volume
      ? [{ volume: partition.volume, device: partitionNode(partition), partition, logical: undefined }]
      : [],
  );
  /** @type {PlacedVolume[]} */
  const onGroups = Object.entries(recipe.volumeGroups ?? {}).flatMap(([vg, volumes]) =>
    volumes.map((volume) => ({
      volume,
      device: `/dev/mapper/${vg}-${volume.lv}`,
      partition: undefined,
      logical: { vg, lv: volume.lv },
    })),
  );
  return { partitions, volumes: [...onPartitions, ...onGroups] };
}

/**
 * @param {PlacedPartition} partition
 * @returns {string} the node under VMware's SCSI controllers
 */
export function partitionNode(partition) {
  return `/dev/sd${'abcdefgh'[partition.disk]}${partition.number}`;
}

/**
 * The volume that holds a path of the guest.
 * @param {Layout} layout
 * @param {string} file absolute
 * @returns {PlacedVolume}
 */
export function volumeOf(layout, file) {
  /** @type {PlacedVolume | undefined} */
  let best;
  for (const placed of layout.volumes) {
    const mount = placed.volume.mount;
    if (mount === undefined) continue;
    const holds = mount === '/' || file === mount || file.startsWith(`${mount}/`);
    if (holds && mount.length > (best?.volume.mount?.length ?? 0)) best = placed;
  }
  if (!best) throw new Error(`no volume holds ${file}`);
  return best;
}

/**
 * All places where something is mounted, parents before children.
 * @param {Layout} layout
 * @returns {MountPoint[]}
 */
export function mountPoints(layout) {
  /** @type {MountPoint[]} */
  const points = [];
  for (const placed of layout.volumes) {
    const { mount, subvolumes } = placed.volume;
    if (mount === undefined) continue;
    if (!subvolumes) points.push({ placed, mount, subvolume: undefined });
    else for (const [at, subvolume] of Object.entries(subvolumes)) points.push({ placed, mount: at, subvolume });
  }
  return points.sort(
    (a, b) => a.mount.split('/').length - b.mount.split('/').length || a.mount.length - b.mount.length,
  );
}
