/** INSPECT of disks that hold no system to fix: their partition tables say all that is needed, without an appliance. */
import { join } from 'node:path';
import type { Host } from '../../../host/index.js';
import type { BlockDevice, Inspection } from '../../../model/inspection.js';
import type { DiskImage } from '../../../model/results.js';
import { qemuFormat } from '../../../model/vm.js';
import type { Firmware, SourceDisk } from '../../../model/vm.js';
import { judgeBootCode, readPartitionTable, TABLE_BYTES } from '../../common/partition-table.js';
import type { BootCode } from '../../common/partition-table.js';
import { emptyInspection } from './inspect.js';

const TIMEOUT_MS = 60_000;

export interface WithoutGuestOptions {
  /** In bus order; absolute paths. */
  readonly images: readonly DiskImage[];
  readonly disks: readonly SourceDisk[];
  /** Existing folder for what is read out. */
  readonly workDir: string;
  readonly firmware?: Firmware;
}

/** Reads the partition tables of all disks. Throws what the exec and file doors throw. */
export async function inspectDisksOnly(host: Host, options: WithoutGuestOptions): Promise<Inspection> {
  const block: BlockDevice[] = [];
  const bootCode = new Map<number, BootCode>();
  for (const image of options.images) {
    const copy = join(options.workDir, `head-${image.index}.raw`);
    await host.exec({
      tool: 'qemu-img',
      args: [
        'dd',
        '-f',
        qemuFormat(image.format),
        '-O',
        'raw',
        `bs=${TABLE_BYTES}`,
        'count=1',
        `if=${image.path}`,
        `of=${copy}`,
      ],
      purpose: `read the partition table of disk ${image.index}`,
      mutates: false,
      timeoutMs: TIMEOUT_MS,
    });
    const head = (await host.files.read(copy)).subarray(0, TABLE_BYTES);
    await host.files.remove(copy);
    const size = options.disks.find((disk) => disk.index === image.index)?.virtualSizeBytes ?? 0;
    block.push(...readPartitionTable(head, image.index, size));
    bootCode.set(image.index, judgeBootCode(head));
  }
  return emptyInspection('none', { block, bootCode }, options.firmware);
}
