/** VMDK disks that point elsewhere, lie about themselves or never end, through the command line. */
import { symlinkSync } from 'node:fs';
import { describe } from 'vitest';
import { hostileTable, imageVms, patched, writeRows } from '../support/hostile-table.js';
import type { ImageRow } from '../support/hostile-table.js';
import { requireTools } from '../support/tools.js';
import { hostedHeader, hostedSparse, vmdkDescriptor, vmwareStream } from '../support/vmdk-maker.js';

const DISK = Buffer.alloc(2 * 1024 ** 2, 'drover');

const flat = (name: string, sectors = 4096, more = ''): string => `RW ${sectors} FLAT "${name}"${more}`;
const descriptor = (...extents: string[]): string => vmdkDescriptor({ createType: 'twoGbMaxExtentFlat', extents });
const child = (parent: string, parentCid = '12345678', cid = 'abcdef01'): string =>
  vmdkDescriptor({ createType: 'monolithicFlat', parent, parentCid, cid, extents: [flat('data.bin')] });
const VMDK: readonly ImageRow[] = [
  ['an absolute extent', 'v1.vmdk', descriptor(flat('/etc/passwd')), 'source.unsafe-ref', /absolute/],
  ['an extent that climbs', 'v2.vmdk', descriptor(flat('../../etc/passwd')), 'source.unsafe-ref', /"\.\."/],
  [
    'an extent behind a link',
    'v3.vmdk',
    (g, f) => {
      symlinkSync('/etc/shadow', g.path('images/shadow.bin'));
      g.put(f, descriptor(flat('shadow.bin')));
    },
    'source.unsafe-ref',
    /leads out/,
  ],
  ['an extent that is a pipe', 'v4.vmdk', descriptor(flat('pipe.raw')), 'source.unsafe-ref', /no ordinary file/],
  ['an extent with a protocol', 'v5.vmdk', descriptor(flat('nbd:localhost:1')), 'source.unsafe-ref', /protocol/],
  [
    'an extent with a quote and a line feed',
    'v6.vmdk',
    descriptor('RW 4096 FLAT "a"\nb.bin" 0'),
    'flatten.chain-broken',
  ],
  ['an extent with a control character', 'v7.vmdk', descriptor(flat('a\x1b[2Jb.bin')), 'source.unsafe-ref', /control/],
  [
    'extents that are missing',
    'v8.vmdk',
    descriptor(flat('g1.bin'), flat('g2.bin')),
    'flatten.chain-broken',
    /2 are missing/,
  ],
  ['an extent that is too short', 'v9.vmdk', descriptor(flat('data.bin', 8192)), 'flatten.extent-short'],
  ['an offset behind the end', 'v10.vmdk', descriptor(flat('data.bin', 4096, ' 99999999')), 'flatten.extent-short'],
  [
    'a length that no number holds',
    'v11.vmdk',
    descriptor(`RW ${'9'.repeat(30)} FLAT "data.bin"`),
    'source.corrupt-image',
  ],
  ['no length', 'v12.vmdk', descriptor(flat('data.bin', 0)), 'source.corrupt-image'],
  ['two exabytes of nothing', 'v13.vmdk', descriptor(`RW 4503599627370495 ZERO`), 'source.too-large'],
  [
    'more extents than are read',
    'v14.vmdk',
    descriptor(...Array.from({ length: 20_000 }, () => flat('data.bin', 1))),
    'source.corrupt-image',
    /420192 bytes/,
  ],
  [
    'a device',
    'v15.vmdk',
    vmdkDescriptor({ createType: 'fullDevice', extents: [flat('/dev/sda')] }),
    'source.format-unsupported',
  ],
  [
    'a raw device mapping',
    'v16.vmdk',
    vmdkDescriptor({ createType: 'vmfs', extents: ['RW 4096 VMFSRDM "data.bin"'] }),
    'source.format-unsupported',
  ],
  ['a parent that is itself', 'v17.vmdk', child('v17.vmdk'), 'flatten.chain-loop'],
  [
    'a circle of parents',
    'v18.vmdk',
    (g, f) => {
      g.put(f, child('v18b.vmdk', 'abcdef02', 'abcdef01'));
      g.put('images/v18b.vmdk', child('v18.vmdk', 'abcdef01', 'abcdef02'));
    },
    'flatten.chain-loop',
  ],
  [
    'a hundred parents',
    'v19-0.vmdk',
    (g) => {
      for (let n = 0; n < 100; n += 1)
        g.put(`images/v19-${n}.vmdk`, child(`v19-${n + 1}.vmdk`, '00000001', '00000001'));
    },
    'flatten.chain-loop',
    /64/,
  ],
  [
    'a parent of another time',
    'v20.vmdk',
    (g, f) => {
      g.put('images/base.vmdk', vmdkDescriptor({ createType: 'monolithicFlat', extents: [flat('data.bin')] }));
      g.put(f, child('base.vmdk', 'deadbeef'));
    },
    'flatten.chain-cid',
    /deadbeef.*12345678/,
  ],
  ['a parent elsewhere', 'v21.vmdk', child('/etc/passwd'), 'source.unsafe-ref', /absolute/],
  ['a parent in Windows', 'v22.vmdk', child('C:\\vm\\base.vmdk'), 'source.unsafe-ref', /drive/],
  ['a parent that is no image', 'v23.vmdk', child('text.txt'), 'source.format-mismatch'],
  [
    'an id that is no number',
    'v24.vmdk',
    descriptor(flat('data.bin')).replace('CID=12345678', 'CID=$(id)'),
    'source.corrupt-image',
  ],
  [
    'an encoding of nowhere',
    'v25.vmdk',
    Buffer.from(descriptor(flat('\xe4.bin')).replace('UTF-8', 'klingon'), 'latin1'),
    'source.corrupt-image',
  ],
  ['bytes that are no text', 'v26.vmdk', Buffer.from(descriptor(flat('\xe4.bin')), 'latin1'), 'source.corrupt-image'],
  ['nothing but the first line', 'v27.vmdk', '# Disk DescriptorFile\n', 'source.format-unsupported'],
  [
    'a kind of tomorrow',
    'v28.vmdk',
    vmdkDescriptor({ createType: 'quantum', extents: [flat('data.bin')] }),
    'source.format-unsupported',
  ],
  ['a sparse header alone', 'v29.vmdk', hostedHeader({ capacity: 4096, directory: 1n }), 'source.corrupt-image'],
  [
    'a sparse disk of exabytes',
    'v30.vmdk',
    patched(hostedSparse(DISK, { descriptor: descriptor(flat('x')) }), 12, 255, 255, 255, 255, 255, 255, 255, 127),
    'source.too-large',
  ],
  [
    'grains of nothing',
    'v31.vmdk',
    patched(hostedSparse(DISK, { descriptor: descriptor(flat('x')) }), 20, 0, 0, 0, 0, 0, 0, 0, 0),
    'source.corrupt-image',
  ],
  ['a stream cut short', 'v32.vmdk', vmwareStream(DISK).subarray(0, 70_000), 'source.corrupt-image'],
  [
    'a sparse disk cut short',
    'v33.vmdk',
    hostedSparse(DISK, {
      descriptor: vmdkDescriptor({ createType: 'monolithicSparse', extents: ['RW 4096 SPARSE "x"'] }),
    }).subarray(0, 8192),
    'source.corrupt-image',
  ],
];

describe.skipIf(!(await requireTools('qemu-img')))('hostile VMDK disks', () => {
  hostileTable((ground) => {
    ground.put('images/data.bin', DISK);
    ground.put('images/text.txt', 'hello, world\n');
    ground.special('pipe', 'images/pipe.raw');
    writeRows(ground, VMDK);
  }, imageVms(VMDK));
});
