/** Files whose names would be options, protocols, lists or code to a careless program: they are names, and they work. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { census, hostileGround, processesNaming } from '../support/hostile.js';
import type { HostileGround } from '../support/hostile.js';
import { playbookOf } from '../support/hostile-table.js';
import { sampleDisk } from '../support/image-lab.js';
import { makeOvf, vsphereItems } from '../support/ovf-maker.js';
import { makeTar } from '../support/tar-maker.js';
import { requireTools } from '../support/tools.js';
import { dynamicVhd, fixedVhd } from '../support/vhd-maker.js';
import { hostedSparse, vmdkDescriptor, vmwareStream } from '../support/vmdk-maker.js';

const DISK = sampleDisk(4 * 1024 ** 2, 200 * 1024, 'odd');
const BASE = sampleDisk(4 * 1024 ** 2, 500 * 1024, 'base');
const SECTORS = DISK.length / 512;

const RAW_NAMES = [
  'plain.raw',
  'a b.raw',
  'a,b.raw',
  ',file.driver=nbd,x.raw',
  'x.raw,format=qcow2',
  './nbd:x',
  'sub/json:{"driver":"null-co"}',
  './C:.raw',
  '100%.raw',
  '%2e%2e%2fx.raw',
  '%s%n%p.raw',
  `it's "quoted".raw`,
  '-f.raw',
  '--help',
  '-',
  '$(touch pwned).raw',
  '`touch pwned`.raw',
  'a;touch pwned;.raw',
  'a|b&c>d<e.raw',
  '*?[a].raw',
  '~root.raw',
  '#.raw',
  '@x.raw',
  'a=b.raw',
  ' begins and ends with blanks ',
  '...',
  '.hidden',
  'gr\u00f6\u00dfe \u65e5\u672c \u{1f980}.raw',
  'o\u0308 decomposed.raw',
  'right\u202eto left.raw',
  `${'x'.repeat(251)}.raw`,
  `${'\u00e4'.repeat(125)}.raw`,
] as const;

/** A machine and what its only disk must hold. */
interface OddVm {
  readonly title: string;
  readonly vm: string;
  readonly expected: Buffer;
}

/** A name as a text of YAML; `$` begins a reference. */
const yaml = (name: string): string => JSON.stringify(name).replaceAll('${', '$${');
const fileOf = (name: string): string => name.replace(/^\.\//, '');

function prepare(ground: HostileGround): readonly OddVm[] {
  const vms: OddVm[] = [];
  const add = (title: string, vm: string, expected = DISK): void => void vms.push({ title, vm, expected });
  for (const name of RAW_NAMES) {
    ground.put(`images/${fileOf(name)}`, DISK);
    add(`raw: ${name}`, `disks: [{ file: ${yaml(name)}, format: raw }]`);
  }
  ground.put('images/${var:x}.raw', DISK);
  add('raw: ${var:x}.raw', 'disks: [{ file: "./$${var:x}.raw", format: raw }]');

  const put = (title: string, name: string, bytes: Uint8Array | string): void => {
    ground.put(`images/${name}`, bytes);
    add(title, `disks: [${yaml(name)}]`);
  };
  put(
    'sparse VMDK',
    'a,b "c".vmdk',
    hostedSparse(DISK, {
      descriptor: vmdkDescriptor({ createType: 'monolithicSparse', extents: [`RW ${SECTORS} SPARSE "x"`] }),
    }),
  );
  put('stream', '-o a=b.vmdk', vmwareStream(DISK));
  put('fixed VHD', 'sub/nbd:a,b.vhd', fixedVhd(DISK));
  put('dynamic VHD', "it's 100%.vhd", dynamicVhd(DISK));
  ground.put('images/half, one "%s".bin', DISK.subarray(0, DISK.length / 2));
  ground.put('images/-half two\u00e4', DISK.subarray(DISK.length / 2));
  put(
    'flat VMDK of two extents',
    'json:'.replace(':', '') + ' split,%.vmdk',
    vmdkDescriptor({
      createType: 'twoGbMaxExtentFlat',
      extents: [`RW ${SECTORS / 2} FLAT "half, one "%s".bin" 0`, `RW ${SECTORS / 2} FLAT "-half two\u00e4" 0`],
    }),
  );
  ground.put('images/base, "b".bin', BASE);
  ground.put(
    'images/base %d,.vmdk',
    vmdkDescriptor({ createType: 'vmfs', extents: [`RW ${SECTORS} VMFS "base, "b".bin"`] }),
  );
  ground.put('images/delta,1.bin', hostedSparse(DISK, { holds: () => true }));
  put(
    'delta on an odd parent',
    'delta,1.vmdk',
    vmdkDescriptor({
      createType: 'twoGbMaxExtentSparse',
      cid: 'abcdef01',
      parentCid: '12345678',
      parent: 'base %d,.vmdk',
      extents: [`RW ${SECTORS} SPARSE "delta,1.bin"`],
    }),
  );

  const source = ground.path('images/plain.raw');
  const qemu = (...args: readonly string[]): void => {
    execFileSync('qemu-img', [...args], { stdio: 'pipe', cwd: ground.path('images') });
  };
  for (const [format, name] of [
    ['qcow2', 'q,w "e".qcow2'],
    ['vhdx', 'v:x %s.vhdx'],
    ['vdi', '-v d,i.vdi'],
  ] as const) {
    qemu('convert', '-q', '-f', 'raw', '-O', format, '--', source, ground.path(`images/${name}`));
    add(format, `disks: [${yaml(`./${name}`)}]`);
  }
  // A backing file with a colon cannot be named to QEMU but by its folder.
  qemu('create', '-q', '-f', 'qcow2', '-b', './q,w "e".qcow2', '-F', 'qcow2', '--', ground.path('images/top %,.qcow2'));
  add('qcow2 on an odd parent', `disks: ["top %,.qcow2"]`);

  const ovf = makeOvf({
    files: [{ id: 'f', href: 'a%20b%2C%25%22.vmdk' }],
    disks: [{ id: 'd', file: 'f', capacity: String(DISK.length) }],
    systems: [{ id: 'web', items: vsphereItems([{ disk: 'd', unit: 0 }]) }],
  });
  const member = 'a b,%".vmdk';
  ground.put(
    'images/o,v a "%s".ova',
    makeTar([
      { name: 'web.ovf', data: ovf },
      { name: member, data: vmwareStream(DISK) },
    ]),
  );
  add('OVA', `ova: ${yaml('o,v a "%s".ova')}`);
  ground.put('images/e x,port:1/-w.ovf', ovf);
  ground.put(`images/e x,port:1/${member}`, vmwareStream(DISK));
  add('OVF', `ovf: ${yaml('./e x,port:1/-w.ovf')}`);
  ground.put('images/v m,/-w %.vmx', `displayName = "w"\nscsi0:0.fileName = "d, |22e|22.vmdk"\n`);
  ground.put('images/v m,/d, "e".vmdk', vmwareStream(DISK));
  add('VMX', `vmx: ${yaml('v m,/-w %.vmx')}`);
  ground.put('images/-b u,n.tar', makeTar([{ name: '-d i,s "k".vmdk', data: vmwareStream(DISK) }]));
  add('bundle', `bundle: ${yaml('-b u,n.tar')}`);
  return vms;
}

describe.skipIf(!(await requireTools('qemu-img'))).each([
  ['in an ordinary folder, copied', '', 'copy'],
  ['in a folder with an odd name', '-a,b: "c" %41 \u00fc $(touch pwned)\u202e', 'overlay'],
])('odd names %s', (_title, folder, mode) => {
  const ground = hostileGround(folder);
  const vms = prepare(ground);
  let code: number | null = null;
  let err = '';

  beforeAll(async () => {
    // Names that are no text lie about, too.
    writeFileSync(Buffer.concat([Buffer.from(ground.path('images/')), Buffer.from([0xff, 0xfe, 0x0a, 0x41])]), 'x');
    const settings = `profiles: { odd: { flatten: { mode: ${mode} }, convert: { verify: full, checksum: true }, disk: { format: raw } } }\nmappings: { networks: { default: [{ from: "*", to: default }] } }\n`;
    ground.put(
      'p.yaml',
      playbookOf(
        vms.map(({ vm }) => `${vm}, profiles: [odd]`),
        settings,
      ),
    );
    const before = census(ground.path('images'));
    ({ code, err } = await ground.drover(['run', 'p.yaml', '--yes', '--renderer', 'plain'], 250_000));
    expect(census(ground.path('images'))).toEqual(before);
  });
  afterAll(() => ground.remove());

  it('all machines pass and nothing is left behind', () => {
    expect(code, err).toBe(0);
    expect(err).not.toMatch(/[^\P{Cc}\n\t]|\u202e/u);
    expect(processesNaming(ground.dir)).toEqual([]);
    for (const place of [ground.dir, dirname(ground.dir), ground.path('images'), process.cwd()]) {
      expect(readdirSync(place)).not.toContain('pwned');
    }
  });

  it.each(vms.map(({ title, expected }, index) => [title, expected, index] as const))(
    '%s',
    (_name, expected, index) => {
      const product = ground.path(`out/m${index}/m${index}-disk0.raw`);
      expect(
        existsSync(product),
        err
          .split('\n')
          .filter((line) => line.includes(` m${index} `))
          .join('\n'),
      ).toBe(true);
      ground.put('expected.raw', expected);
      const said = execFileSync('qemu-img', [
        'compare',
        '-f',
        'raw',
        '-F',
        'raw',
        '--',
        ground.path('expected.raw'),
        product,
      ]);
      expect(said.toString()).toContain('Images are identical');
    },
  );
});
