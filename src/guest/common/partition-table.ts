/**
 * Partition tables, read from the first bytes of a disk. Layouts: UEFI specification 2.10, chapter 5 (GPT and the legacy
 * MBR). Logical partitions of an MBR lie elsewhere on the disk and are not followed.
 */
import type { BlockDevice } from '../../model/inspection.js';
import { diskLetters } from './block-devices.js';

/** Bytes from the start of a disk that hold its MBR and, with either sector size, its GPT of 128 entries. */
export const TABLE_BYTES = 36_864;

const MBR_ENTRY = 446;
const MBR_SIGNATURE = 0xaa55;
const PROTECTIVE = 0xee;
const GPT_MAGIC = 'EFI PART';
const MAX_ENTRIES = 128;

/** Whether the first sector of a disk holds boot code. */
export interface BootCode {
  readonly present: boolean;
  readonly isGrub: boolean;
}

export function judgeBootCode(sector: Buffer | undefined): BootCode {
  const code = sector?.subarray(0, 440) ?? Buffer.alloc(0);
  const isSigned = (sector?.length ?? 0) >= 512 && sector?.readUInt16LE(510) === MBR_SIGNATURE;
  return { present: isSigned && code.some((byte) => byte !== 0), isGrub: code.includes('GRUB') };
}

/** A GUID as people write it: its first three groups are stored with the low byte first. */
function guid(bytes: Buffer): string {
  const hex = (part: Buffer): string => part.toString('hex');
  const turned = (from: number, to: number): string => hex(Buffer.from(bytes.subarray(from, to)).reverse());
  return [turned(0, 4), turned(4, 6), turned(6, 8), hex(bytes.subarray(8, 10)), hex(bytes.subarray(10, 16))].join('-');
}

/**
 * A disk and its partitions, as the appliance would list them but for what their filesystems say.
 * @param head the first `TABLE_BYTES` of the disk, or all of a smaller one
 */
export function readPartitionTable(head: Buffer, diskIndex: number, sizeBytes: number): readonly BlockDevice[] {
  const device = `/dev/sd${diskLetters(diskIndex)}`;
  const disk: BlockDevice = { device, kind: 'disk', diskIndex, sizeBytes, parents: [] };
  if (head.length < 512 || head.readUInt16LE(510) !== MBR_SIGNATURE) return [disk];
  const partition = (number: number, bytes: number, partType: string, partUuid?: string): BlockDevice => ({
    device: `${device}${number}`,
    kind: 'partition',
    diskIndex,
    partition: number,
    sizeBytes: bytes,
    partType,
    ...(partUuid === undefined ? {} : { partUuid }),
    parents: [device],
  });
  const entries = [0, 1, 2, 3].map((at) => head.subarray(MBR_ENTRY + at * 16, MBR_ENTRY + (at + 1) * 16));
  if (entries.some((entry) => entry[4] === PROTECTIVE)) return [disk, ...readGpt(head, partition)];
  return [
    disk,
    ...entries.flatMap((entry, at) => {
      const type = entry[4] ?? 0;
      return type === 0 ? [] : [partition(at + 1, entry.readUInt32LE(12) * 512, `0x${type.toString(16)}`)];
    }),
  ];
}

function readGpt(
  head: Buffer,
  partition: (number: number, bytes: number, partType: string, partUuid: string) => BlockDevice,
): BlockDevice[] {
  const sector = [512, 4096].find((size) => head.toString('latin1', size, size + 8) === GPT_MAGIC);
  if (sector === undefined || head.length < sector + 92) return [];
  const [table, count, size] = [
    Number(head.readBigUInt64LE(sector + 72)) * sector,
    head.readUInt32LE(sector + 80),
    head.readUInt32LE(sector + 84),
  ];
  if (size < 128 || size > 4096) return [];
  const found: BlockDevice[] = [];
  for (let at = 0; at < Math.min(count, MAX_ENTRIES); at += 1) {
    const entry = head.subarray(table + at * size, table + at * size + 128);
    if (entry.length < 128) break;
    const type = guid(entry.subarray(0, 16));
    if (/^[0-]+$/.test(type)) continue;
    const sectors = entry.readBigUInt64LE(40) - entry.readBigUInt64LE(32) + 1n;
    found.push(partition(at + 1, Number(sectors) * sector, type, guid(entry.subarray(16, 32))));
  }
  return found;
}
