/** Partition tables as the tools of this machine write them. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectDisksOnly } from '../../src/guest/index.js';
import { createHost } from '../../src/host/index.js';
import type { Inspection } from '../../src/model/inspection.js';
import { disk } from '../support/plan-fixture.js';

const MIB = 1024 ** 2;
let dir = '';

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-disks-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Drawn {
  readonly path: string;
  /** What sfdisk reads back. */
  readonly partitions: readonly { readonly size: number; readonly type: string; readonly uuid?: string }[];
}

/** A qcow2 with the partitions of an sfdisk script; `bootCode` puts some bytes where a BIOS begins. */
function draw(name: string, script: string, bootCode?: string): Drawn {
  const raw = join(dir, `${name}.raw`);
  closeSync(openSync(raw, 'w'));
  truncateSync(raw, 64 * MIB);
  let partitions: Drawn['partitions'] = [];
  if (script !== '') {
    execFileSync('sfdisk', ['--quiet', raw], { input: script });
    const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', raw], { encoding: 'utf8' })) as {
      partitiontable: { partitions?: Drawn['partitions'] };
    };
    partitions = partitiontable.partitions ?? [];
  }
  if (bootCode !== undefined) {
    const file = openSync(raw, 'r+');
    writeSync(file, Buffer.from(bootCode, 'latin1'), 0, undefined, 0);
    closeSync(file);
  }
  const path = join(dir, `${name} a,b:c.qcow2`);
  execFileSync('qemu-img', ['convert', '-O', 'qcow2', raw, path]);
  return { path, partitions };
}

function inspect(drawn: readonly Drawn[]): Promise<Inspection> {
  return inspectDisksOnly(createHost(), {
    images: drawn.map(({ path }, index) => ({
      id: `disk${index}`,
      index,
      path,
      format: 'qcow2',
      virtualSizeBytes: 64 * MIB,
    })),
    disks: drawn.map((_, index) => disk(index, { virtualSizeBytes: 64 * MIB })),
    workDir: dir,
  });
}

describe('disks without a system', () => {
  test('a GPT is read as sfdisk reads it', async () => {
    const gpt = draw('gpt', 'label: gpt\nsize=16MiB, type=uefi\nsize=8MiB, type=linux\nsize=4MiB, type=swap\n');
    const { block, family, firmware, cost } = await inspect([gpt]);
    expect(family).toBe('none');
    expect(cost).toEqual({ rpcs: 0, launchMs: 0 });
    expect(block[0]).toMatchObject({ device: '/dev/sda', kind: 'disk', sizeBytes: 64 * MIB });
    expect(block.slice(1).map(({ sizeBytes, partType, partUuid }) => [sizeBytes, partType, partUuid])).toEqual(
      gpt.partitions.map(({ size, type, uuid }) => [size * 512, type.toLowerCase(), uuid?.toLowerCase()]),
    );
    expect(firmware).toMatchObject({ observed: 'uefi', espDevice: '/dev/sda1' });
  });

  test('an MBR is read as sfdisk reads it, and boot code says BIOS', async () => {
    const mbr = draw('mbr', 'label: dos\nsize=8MiB, type=83\nsize=8MiB, type=82\n', '\xeb\x63\x90GRUB');
    const { block, firmware } = await inspect([draw('empty', ''), mbr]);
    expect(block.map(({ device }) => device)).toEqual(['/dev/sda', '/dev/sdb', '/dev/sdb1', '/dev/sdb2']);
    expect(block.slice(2).map(({ sizeBytes, partType }) => [sizeBytes, partType])).toEqual(
      mbr.partitions.map(({ size, type }) => [size * 512, `0x${type}`]),
    );
    expect(firmware).toMatchObject({ observed: 'bios', biosDisk: 1 });
  });

  test('a GPT with a BIOS boot partition starts under a BIOS, a bare one under nothing', async () => {
    const bios = draw('bios', 'label: gpt\nsize=1MiB, type=21686148-6449-6E6F-744E-656564454649\n', '\xeb\x63\x90GRUB');
    expect((await inspect([bios])).firmware.observed).toBe('bios');
    expect((await inspect([draw('data', 'label: gpt\nsize=8MiB, type=linux\n')])).firmware.observed).toBe('none');
  });

  test('a damaged GPT header lists nothing and harms nobody', async () => {
    const bad = draw('bad', 'label: gpt\nsize=8MiB, type=linux\n');
    // Sector 1, the place of the entries: far behind the end of the disk.
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0xff 584 8', bad.path]);
    expect((await inspect([bad])).block).toHaveLength(1);
  });
});
