/** Which members of a bundle are disks. */
import { matchesGlob } from '../../lib/glob.js';
import { showName } from '../../lib/safe-path.js';
import type { DiskFormat } from '../../model/index.js';
import { formatOf } from '../formats/index.js';
import type { DetectedKind } from '../formats/index.js';

const MIB = 1024 ** 2;
const SUFFIX = /\.(raw|img|vmdk|vhd|vhdx|qcow2|vdi|ami|image|dd)$/i;

export interface Candidate {
  readonly name: string;
  readonly sizeBytes: number;
  /** Raw when no image magic was found. */
  readonly format: DiskFormat;
  /** Why it is taken for a disk, best first. */
  readonly rank: 0 | 1 | 2;
}

/** Signatures of disks and filesystems by place; a raw image of either is a disk. */
const SIGNATURES: readonly (readonly [offset: number, hex: string])[] = [
  [510, '55aa'],
  [512, '4546492050415254'], // EFI PART
  [1080, '53ef'], // ext2, 3, 4
  [0, '58465342'], // XFSB
  [65600, '5f42485266535f4d'], // _BHRfS_M
  [512, '4c4142454c4f4e45'], // LABELONE
  [4086, '53574150535041434532'], // SWAPSPACE2
  [0, '4c554b53babe'], // LUKS
];

function hasSignature(head: Buffer): boolean {
  return SIGNATURES.some(([at, hex]) => head.toString('hex', at, at + hex.length / 2) === hex);
}

/** What a member is: a candidate, or the reason why it is none. */
export function judgeMember(member: {
  readonly name: string;
  readonly sizeBytes: number;
  readonly head: Buffer;
  readonly kind: DetectedKind;
  /** The last 512 bytes, where they are known. */
  readonly tail?: Buffer;
}): Candidate | { readonly rejected: string } {
  const { name, sizeBytes, head, kind, tail } = member;
  const image = formatOf(kind) ?? (tail?.toString('latin1', 0, 8) === 'conectix' ? 'vhd' : undefined);
  if (image !== undefined) return { name, sizeBytes, format: image, rank: 0 };
  if (kind !== 'unknown') return { rejected: `is ${kind}` };
  if (sizeBytes < MIB) return { rejected: 'is smaller than 1 MiB and no known image' };
  // A boot sector alone is no proof: a kernel image has one, too. But a kernel says so right behind it.
  const isKernel = head.toString('latin1', 514, 518) === 'HdrS';
  if (hasSignature(head) && !isKernel) return { name, sizeBytes, format: 'raw', rank: 1 };
  if (!SUFFIX.test(name)) return { rejected: 'has neither signature nor suffix of a disk' };
  // An initramfs is called .img as well.
  if (isKernel || head.toString('latin1', 0, 5) === '07070') return { rejected: 'is a kernel or initramfs' };
  return { name, sizeBytes, format: 'raw', rank: 2 };
}

const collator = new Intl.Collator('en', { numeric: true });

function byName(a: Candidate, b: Candidate): number {
  return collator.compare(a.name, b.name) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/**
 * The disks among the candidates, in the order of their names.
 * @param select `all`, `largest`, or a glob over the name or its last part
 */
export function selectCandidates(
  candidates: readonly Candidate[],
  select: string,
): { readonly disks: readonly Candidate[]; readonly passedOver: readonly string[] } {
  const sorted = [...candidates].sort(byName);
  if (select === 'all') return { disks: sorted, passedOver: [] };
  const best = [...sorted].sort((a, b) => b.sizeBytes - a.sizeBytes || a.rank - b.rank)[0];
  const isWanted = (candidate: Candidate): boolean =>
    select === 'largest'
      ? candidate === best
      : matchesGlob(select, candidate.name) || matchesGlob(select, candidate.name.split('/').at(-1) ?? '');
  return {
    disks: sorted.filter(isWanted),
    passedOver: sorted.filter((candidate) => !isWanted(candidate)).map((candidate) => showName(candidate.name)),
  };
}
