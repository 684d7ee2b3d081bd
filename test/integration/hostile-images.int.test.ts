/** Disk images that are not what they should be, through the command line: refused before anything is opened by a tool. */
import { mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { describe } from 'vitest';
import { makeQcow2, makeVdi, makeVhdx } from '../support/header-maker.js';
import { hostileTable, imageVms, patched, writeRows } from '../support/hostile-table.js';
import type { ImageRow } from '../support/hostile-table.js';
import { requireTools } from '../support/tools.js';
import { dynamicVhd, fixedVhd, vhdFooter } from '../support/vhd-maker.js';

const MIB = 1024 ** 2;
const DISK = Buffer.alloc(2 * MIB, 'drover');

const LINKS: readonly ImageRow[] = [
  ['a pipe', 'pipe.raw', (g, f) => g.special('pipe', f), 'source.unsafe-ref', /no ordinary file/],
  ['a socket', 'socket.raw', (g, f) => g.special('socket', f), 'source.unsafe-ref', /no ordinary file/],
  ['a device', 'device.raw', (g, f) => g.special('device', f), 'source.unsafe-ref', /no ordinary file/],
  ['a folder', 'folder.raw', (g, f) => mkdirSync(g.path(f)), 'source.unsafe-ref', /no ordinary file/],
  ['a link to nowhere', 'nowhere.raw', (g, f) => symlinkSync('gone', g.path(f)), 'source.missing', /symbolic link/],
  ['a link to itself', 'itself.raw', (g, f) => symlinkSync('itself.raw', g.path(f)), 'source.missing', /symbolic link/],
  [
    'a link out of the folder',
    'out.raw',
    (g, f) => symlinkSync('/etc/passwd', g.path(f)),
    'source.unsafe-ref',
    /leads out/,
  ],
  ['a link to a device', 'zero.raw', (g, f) => symlinkSync('/dev/zero', g.path(f)), 'source.unsafe-ref'],
  [
    'a link to a pipe',
    'to-pipe.raw',
    (g, f) => symlinkSync('pipe.raw', g.path(f)),
    'source.unsafe-ref',
    /no ordinary file/,
  ],
  ['nothing', 'gone.raw', () => undefined, 'source.missing'],
];

/** Names that lead nowhere good, as they stand in a playbook. */
const NAMES: readonly (readonly [title: string, yaml: string, code: string, says?: RegExp])[] = [
  ['an absolute name', '/etc/passwd', 'source.unsafe-ref', /absolute/],
  ['a way up', '../p.yaml', 'source.unsafe-ref', /"\.\."/],
  ['a way up and back', 'sub/../../images/data.bin', 'source.unsafe-ref', /"\.\."/],
  ['a protocol', "'nbd:localhost:10809'", 'source.unsafe-ref', /protocol/],
  ['a name with a colon', 'b:c.raw', 'source.unsafe-ref', /Write "\.\/b:c\.raw"/],
  ['a web address', "'http://127.0.0.1:9/x.vmdk'", 'source.unsafe-ref', /protocol/],
  ['a description in JSON', `'json:{"driver":"file","filename":"/etc/passwd"}'`, 'source.unsafe-ref', /protocol/],
  ['a drive', "'C:/x.vmdk'", 'source.unsafe-ref', /drive/],
  ['a backslash', "'..\\x.vmdk'", 'source.unsafe-ref', /backslash/],
  ['a line feed', '"a\\nb.vmdk"', 'source.unsafe-ref', /control/],
  ['a NUL', '"a\\0b.vmdk"', 'source.unsafe-ref', /control/],
  ['an escape', '"\\e[2J.vmdk"', 'source.unsafe-ref', /control/],
  ['a name of 300 bytes', 'x'.repeat(300), 'source.missing'],
  ['a name of 5000 bytes', 'x'.repeat(5000), 'source.unsafe-ref', /4096/],
  ['a file as a folder', 'data.bin/x.raw', 'source.missing'],
  ['the folder itself', '.', 'source.unsafe-ref', /no ordinary file/],
];

const QCOW2: readonly ImageRow[] = [
  [
    'a backing file elsewhere',
    'q1.qcow2',
    makeQcow2({ sizeBytes: MIB, backing: '/etc/passwd', backingFormat: 'raw' }),
    'source.unsafe-ref',
    /absolute/,
  ],
  [
    'a backing file that climbs',
    'q2.qcow2',
    makeQcow2({ sizeBytes: MIB, backing: '../p.yaml', backingFormat: 'raw' }),
    'source.unsafe-ref',
  ],
  [
    'a backing file in JSON',
    'q3.qcow2',
    makeQcow2({ sizeBytes: MIB, backing: 'json:{"driver":"nbd","host":"127.0.0.1"}' }),
    'source.unsafe-ref',
    /protocol/,
  ],
  [
    'a backing file over the net',
    'q4.qcow2',
    makeQcow2({ sizeBytes: MIB, backing: 'nbd://127.0.0.1/x' }),
    'source.unsafe-ref',
    /protocol/,
  ],
  [
    'a backing file behind a link',
    'q5.qcow2',
    makeQcow2({ sizeBytes: MIB, backing: 'out.raw', backingFormat: 'raw' }),
    'source.unsafe-ref',
    /leads out/,
  ],
  [
    'a backing file that is itself',
    'q6.qcow2',
    makeQcow2({ sizeBytes: MIB, backing: 'q6.qcow2', backingFormat: 'qcow2' }),
    'flatten.chain-loop',
  ],
  [
    'a backing file that is missing',
    'q7.qcow2',
    makeQcow2({ sizeBytes: MIB, backing: 'gone.qcow2', backingFormat: 'qcow2' }),
    'flatten.chain-broken',
  ],
  [
    'a backing file of an odd format',
    'q8.qcow2',
    makeQcow2({ sizeBytes: MIB, backing: 'data.bin', backingFormat: 'blkdebug' }),
    'source.format-unsupported',
  ],
  [
    'a name of a gigabyte',
    'q9.qcow2',
    patched(makeQcow2({ sizeBytes: MIB, backing: 'x' }), 16, 64, 0, 0, 0),
    'source.corrupt-image',
  ],
  [
    'a data file',
    'q10.qcow2',
    makeQcow2({ sizeBytes: MIB, features: 4n, extensions: [[0x44415441, '/etc/passwd']] }),
    'source.format-unsupported',
  ],
  [
    'a data file without its mark',
    'q11.qcow2',
    makeQcow2({ sizeBytes: MIB, extensions: [[0x44415441, '/etc/passwd']] }),
    'source.format-unsupported',
  ],
  ['encryption', 'q12.qcow2', makeQcow2({ sizeBytes: MIB, crypt: 1 }), 'source.encrypted'],
  [
    'LUKS',
    'q13.qcow2',
    makeQcow2({ sizeBytes: MIB, crypt: 2, extensions: [[0x0537be77, '\0'.repeat(16)]] }),
    'source.encrypted',
  ],
  [
    'exabytes',
    'q14.qcow2',
    patched(makeQcow2({ sizeBytes: MIB }), 24, 127, 255, 255, 255, 255, 255, 254, 0),
    'source.too-large',
  ],
  ['clusters of nothing', 'q15.qcow2', patched(makeQcow2({ sizeBytes: MIB }), 20, 0, 0, 0, 0), 'source.corrupt-image'],
  [
    'clusters of exabytes',
    'q16.qcow2',
    patched(makeQcow2({ sizeBytes: MIB }), 20, 0, 0, 0, 63),
    'source.corrupt-image',
  ],
  [
    'features of tomorrow',
    'q17.qcow2',
    makeQcow2({ sizeBytes: MIB, features: 1n << 40n }),
    'source.format-unsupported',
  ],
  ['the mark of damage', 'q18.qcow2', makeQcow2({ sizeBytes: MIB, features: 2n }), 'source.corrupt-image'],
  ['a header of 20 bytes', 'q19.qcow2', makeQcow2({ sizeBytes: MIB }).subarray(0, 20), 'source.corrupt-image'],
  [
    'a header extension without end',
    'q20.qcow2',
    patched(makeQcow2({ sizeBytes: MIB, extensions: [[0x12345678, 'x']] }), 108, 127, 255, 255, 255),
    'source.corrupt-image',
  ],
];

const OTHERS: readonly ImageRow[] = [
  [
    'a VHD of exabytes',
    'h1.vhd',
    Buffer.concat([DISK, vhdFooter({ type: 2, sizeBytes: 2 ** 53 - 512, geometry: [65535, 16, 255] })]),
    'source.too-large',
  ],
  [
    'a VHD that ends early',
    'h2.vhd',
    Buffer.concat([DISK.subarray(0, MIB), vhdFooter({ type: 2, sizeBytes: DISK.length })]),
    'source.corrupt-image',
  ],
  [
    'a VHD with a bad checksum',
    'h3.vhd',
    patched(fixedVhd(DISK), DISK.length + 64, 1, 2, 3, 4),
    'source.corrupt-image',
  ],
  [
    'a VHD of no kind',
    'h4.vhd',
    Buffer.concat([DISK, vhdFooter({ type: 99, sizeBytes: DISK.length })]),
    'source.corrupt-image',
  ],
  [
    'a VHD without its parent',
    'h5.vhd',
    dynamicVhd(DISK, { parent: { id: '22'.repeat(16), name: 'gone.vhd', relative: '.\\gone.vhd' } }),
    'flatten.chain-broken',
  ],
  [
    'a VHD with a parent elsewhere',
    'h6.vhd',
    dynamicVhd(DISK, { parent: { id: '22'.repeat(16), name: '..\\..\\etc\\passwd', relative: '..\\..\\etc\\passwd' } }),
    'source.unsafe-ref',
  ],
  [
    'a VHD with itself as its parent',
    'h7.vhd',
    dynamicVhd(DISK, { parent: { id: '11'.repeat(16), name: 'h7.vhd', relative: '.\\h7.vhd' } }),
    'flatten.chain-loop',
  ],
  ['a dynamic VHD without its table', 'h8.vhd', dynamicVhd(DISK).subarray(0, 1000), 'source.corrupt-image'],
  [
    'a dynamic VHD with blocks of nothing',
    'h9.vhd',
    patched(dynamicVhd(DISK), 512 + 32, 0, 0, 0, 0),
    'source.corrupt-image',
  ],
  ['a VHDX of exabytes', 'x1.vhdx', makeVhdx({ sizeBytes: 2 ** 60 }), 'source.too-large'],
  ['a VHDX with a parent', 'x2.vhdx', makeVhdx({ sizeBytes: 8 * MIB, hasParent: true }), 'source.format-unsupported'],
  [
    'a VHDX without headers',
    'x3.vhdx',
    makeVhdx({ sizeBytes: 8 * MIB }).fill(0, 65536, 3 * 65536),
    'source.corrupt-image',
  ],
  [
    'a VHDX without regions',
    'x4.vhdx',
    makeVhdx({ sizeBytes: 8 * MIB }).fill(0, 3 * 65536, 5 * 65536),
    'source.corrupt-image',
  ],
  ['a VHDX without metadata', 'x5.vhdx', makeVhdx({ sizeBytes: 8 * MIB }).fill(0, 10 * 65536), 'source.corrupt-image'],
  ['a VHDX of its first line', 'x6.vhdx', Buffer.from('vhdxfile'), 'source.corrupt-image'],
  [
    'a VHDX with sectors of no size',
    'x7.vhdx',
    makeVhdx({ sizeBytes: 8 * MIB, sectorBytes: 0 }),
    'source.format-unsupported',
  ],
  [
    'a VDI of exabytes',
    'd1.vdi',
    patched(makeVdi({ sizeBytes: MIB }), 0x170, 0, 0, 0, 0, 0, 0, 0, 64),
    'source.too-large',
  ],
  ['a VDI of an odd kind', 'd2.vdi', makeVdi({ sizeBytes: MIB, type: 77 }), 'source.format-unsupported'],
  ['a VDI with a parent', 'd3.vdi', makeVdi({ sizeBytes: MIB, parent: true }), 'source.format-unsupported'],
  [
    'a VDI whose map lies behind its end',
    'd4.vdi',
    patched(makeVdi({ sizeBytes: MIB }), 0x154, 255, 255, 255, 255),
    'source.corrupt-image',
  ],
  [
    'a VDI with more blocks in use than there are',
    'd5.vdi',
    patched(makeVdi({ sizeBytes: MIB }), 0x184, 255, 255, 255, 255),
    'source.corrupt-image',
  ],
  ['a VDI of its header alone', 'd6.vdi', makeVdi({ sizeBytes: MIB }).subarray(0, 100), 'source.corrupt-image'],
  ['no byte at all', 'e1.img', '', 'source.format-unknown'],
  ['one byte', 'e2.img', 'x', 'source.format-unknown'],
  ['noise', 'e3.img', Buffer.alloc(MIB, 0xa5), 'source.format-unknown', /begins with a5 a5/],
  ['a text', 'text.txt', 'hello, world\n', 'source.format-unknown'],
  [
    'a terabyte of holes',
    'e5.img',
    (g, f) => {
      g.put(f, '');
      truncateSync(g.path(f), 1024 ** 4);
    },
    'source.format-unknown',
  ],
];

/** Raw images are taken as they are said to be; these are not even that. */
const RAW: readonly ImageRow[] = [
  ['raw without a byte', 'r1.raw', '', 'source.corrupt-image'],
  ['raw, said of a folder', 'folder.raw', () => undefined, 'source.unsafe-ref'],
  ['qcow2, said of noise', 'e3.img', () => undefined, 'source.format-mismatch'],
];

describe.skipIf(!(await requireTools('qemu-img')))('hostile images', () => {
  hostileTable(
    (ground) => {
      ground.put('images/data.bin', DISK);
      ground.put('images/b:c.raw', DISK);
      writeRows(ground, [...LINKS, ...QCOW2, ...OTHERS, ...RAW]);
    },
    [
      ...imageVms([...LINKS, ...QCOW2, ...OTHERS]),
      ...imageVms(RAW, (file) => `{ file: ${file}, format: ${file === 'e3.img' ? 'qcow2' : 'raw'} }`),
      ...NAMES.map(([title, yaml, code, says]) => ({
        title,
        vm: `disks: [${yaml}]`,
        codes: [code],
        ...(says === undefined ? {} : { says }),
      })),
      { title: 'two bad disks', vm: 'disks: [gone.raw, text.txt]', codes: ['source.missing', 'source.format-unknown'] },
    ],
  );
});
