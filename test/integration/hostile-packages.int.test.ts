/** OVA, OVF, VMX and bundles that were made to do harm, through the command line. */
import { createHash } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe } from 'vitest';
import { patched, hostileTable, writeRows } from '../support/hostile-table.js';
import type { HostileVm, ImageRow } from '../support/hostile-table.js';
import { makeOvf, vsphereItems } from '../support/ovf-maker.js';
import type { MadeOvf } from '../support/ovf-maker.js';
import { makeTar, paxRecords, tarBlock, tarMember } from '../support/tar-maker.js';
import type { MadeMember } from '../support/tar-maker.js';
import { requireTools } from '../support/tools.js';
import { vmdkDescriptor, vmwareStream } from '../support/vmdk-maker.js';

const MIB = 1024 ** 2;
const STREAM = vmwareStream(Buffer.alloc(MIB, 'drover'));
const SYSTEM = { id: 'web', items: vsphereItems([{ disk: 'd', unit: 0 }]) };

const made = (more: MadeOvf = {}): string =>
  makeOvf({
    files: [{ id: 'f', href: 'a.vmdk' }],
    disks: [{ id: 'd', file: 'f', capacity: String(MIB) }],
    systems: [SYSTEM],
    ...more,
  });
const OVF = made();
const DISK: MadeMember = { name: 'a.vmdk', data: STREAM };
const descriptor = (data: string | Uint8Array = OVF): MadeMember => ({ name: 'web.ovf', data });
const ova = (...members: readonly MadeMember[]): Buffer => makeTar([descriptor(), DISK, ...members]);
const ovaOf = (ovf: string | Uint8Array): Buffer => makeTar([descriptor(ovf), DISK]);
const manifest = (text: string): Buffer => makeTar([descriptor(), { name: 'web.mf', data: text }, DISK]);
const digest = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const withPax = (records: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat([
    tarMember(descriptor()),
    tarMember({ name: 'pax', flag: 'x', data: paxRecords(records) }),
    makeTar([{ name: 'harmless', data: 'x' }, DISK]),
  ]);
const doctype = (inside: string, use = ''): string =>
  OVF.replace('?>\n', `?>\n<!DOCTYPE x [${inside}]>\n`).replace('<Info>one', `<Info>${use}one`);

const LAUGHS = Array.from({ length: 12 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join('');

const OVAS: readonly ImageRow[] = [
  ['a pipe', 'pipe.ova', (g, f) => g.special('pipe', f), 'source.unsafe-ref', /no ordinary file/],
  ['a socket', 'socket.ova', (g, f) => g.special('socket', f), 'source.unsafe-ref', /no ordinary file/],
  ['a link out of the folder', 'out.ova', (g, f) => symlinkSync('/etc/passwd', g.path(f)), 'source.unsafe-ref'],
  ['nothing', 'gone.ova', () => undefined, 'source.missing'],
  ['no byte', 'o1.ova', '', 'source.archive-corrupt'],
  ['noise', 'o2.ova', Buffer.alloc(MIB, 0xa5), 'source.archive-corrupt'],
  ['zeros', 'o3.ova', Buffer.alloc(MIB), 'source.archive-corrupt'],
  ['packed', 'o4.ova', gzipSync(ova()), 'source.format-mismatch'],
  ['cut within a member', 'o5.ova', ova().subarray(0, -STREAM.length / 2), 'source.archive-corrupt'],
  ['cut within a header', 'o6.ova', ova().subarray(0, 700), 'source.archive-corrupt'],
  ['a member that climbs', 'o7.ova', ova({ name: '../../etc/cron.d/x', data: 'x' }), 'source.archive-unsafe'],
  ['an absolute member', 'o8.ova', ova({ name: '/etc/cron.d/x', data: 'x' }), 'source.archive-unsafe'],
  ['a member that climbs later', 'o9.ova', ova({ name: 'a/../../x', data: 'x' }), 'source.archive-unsafe'],
  ['a member of Windows', 'o10.ova', ova({ name: 'C:\\x', data: 'x' }), 'source.archive-unsafe'],
  ['a member with a line feed', 'o11.ova', ova({ name: 'a\nb', data: 'x' }), 'source.archive-unsafe'],
  ['a member with an escape', 'o12.ova', ova({ name: '\x1b[2J', data: 'x' }), 'source.archive-unsafe'],
  ['a member without a name', 'o13.ova', ova({ name: '', data: 'x' }), 'source.archive-unsafe'],
  ['a link that climbs', 'o14.ova', ova({ name: '../x', flag: '2', linkName: '/etc' }), 'source.archive-unsafe'],
  ['a long name that climbs', 'o15.ova', withPax({ path: '../../x' }), 'source.archive-unsafe'],
  ['a long name with a NUL', 'o16.ova', withPax({ path: 'a\0b' }), 'source.archive-unsafe'],
  ['a size beyond the end, said later', 'o17.ova', withPax({ size: '99999999999999' }), 'source.archive-corrupt'],
  ['a size that no number holds', 'o18.ova', withPax({ size: '9'.repeat(40) }), 'source.archive-corrupt'],
  ['a size below zero', 'o19.ova', withPax({ size: '-1' }), 'source.archive-corrupt'],
  ['two members of one name', 'o20.ova', ova({ name: './a.vmdk', data: 'x' }), 'source.archive-unsafe'],
  [
    'a size of exabytes',
    'o21.ova',
    ova({ name: 'x', claimedSize: 2 ** 60, binarySize: true }),
    'source.archive-corrupt',
  ],
  ['a header with a wrong checksum', 'o22.ova', ova({ name: 'x', badChecksum: true }), 'source.archive-corrupt'],
  [
    'a link where the disk should be',
    'o23.ova',
    makeTar([descriptor(), { name: 'a.vmdk', flag: '2', linkName: '/etc/passwd' }]),
    'source.missing',
  ],
  [
    'a hard link where the disk should be',
    'o24.ova',
    makeTar([descriptor(), { name: 'a.vmdk', flag: '1', linkName: '/etc/passwd' }]),
    'source.missing',
  ],
  [
    'a device where the disk should be',
    'o25.ova',
    makeTar([descriptor(), { name: 'a.vmdk', flag: '4' }]),
    'source.missing',
  ],
  [
    'a pipe where the disk should be',
    'o26.ova',
    makeTar([descriptor(), { name: 'a.vmdk', flag: '6' }]),
    'source.missing',
  ],
  [
    'a link where the descriptor should be',
    'o27.ova',
    makeTar([{ name: 'web.ovf', flag: '2', linkName: '/etc/passwd' }, DISK]),
    'source.descriptor',
  ],
  ['no disk', 'o28.ova', makeTar([descriptor()]), 'source.missing'],
  ['no descriptor', 'o29.ova', makeTar([DISK]), 'source.descriptor'],
  [
    'a hundred thousand members',
    'o30.ova',
    Buffer.concat([
      tarMember(descriptor()),
      ...Array.from({ length: 100_000 }, (_, n) => tarBlock({ name: `m${n}` })),
      Buffer.alloc(1024),
    ]),
    'source.archive-limit',
  ],
  [
    'a header of a gigabyte',
    'o31.ova',
    Buffer.concat([
      tarMember(descriptor()),
      tarBlock({ name: 'x', flag: 'x', claimedSize: 2 ** 30 }),
      Buffer.alloc(MIB),
    ]),
    'source.archive-limit',
  ],
  [
    'a thousand headers on headers',
    'o32.ova',
    Buffer.concat([
      ...Array.from({ length: 1000 }, () => tarMember({ name: 'L', flag: 'L', data: 'x' })),
      makeTar([descriptor(), DISK]),
    ]),
    'source.descriptor',
  ],
  [
    'a disk that is a descriptor',
    'o33.ova',
    makeTar([
      descriptor(),
      { name: 'a.vmdk', data: vmdkDescriptor({ createType: 'monolithicFlat', extents: ['RW 1 FLAT "/etc/passwd"'] }) },
    ]),
    'source.format-unsupported',
  ],
  [
    'a manifest with a wrong sum of the descriptor',
    'o34.ova',
    manifest(`SHA256(web.ovf)= ${'0'.repeat(64)}\n`),
    'source.manifest',
  ],
  [
    'a manifest that names what is not there',
    'o35.ova',
    manifest(`SHA256(web.ovf)= ${digest(OVF)}\nSHA256(gone)= ${digest('')}\n`),
    'source.manifest',
  ],
  ['a manifest that climbs', 'o37.ova', manifest(`SHA256(../../../etc/passwd)= ${digest('')}\n`), 'source.manifest'],
  ['a manifest of 6 MiB', 'o38.ova', manifest('x'.repeat(6 * MIB)), 'source.archive-limit'],
  ['a descriptor of 6 MiB', 'o39.ova', ovaOf(OVF + ' '.repeat(6 * MIB)), 'source.archive-limit'],
];

/** Descriptors; each is tried in an OVA and beside its disks. */
const OVFS: readonly (readonly [title: string, text: string | Uint8Array, code: string, says?: RegExp])[] = [
  ['a document type', doctype(''), 'source.descriptor', /document type/],
  ['an entity bomb', doctype(`<!ENTITY l0 "lol">${LAUGHS}`, '&l12;'), 'source.descriptor', /document type/],
  [
    'an entity of a file',
    doctype('<!ENTITY x SYSTEM "file:///etc/passwd">', '&x;'),
    'source.descriptor',
    /document type/,
  ],
  ['an entity without a type', OVF.replace('<Info>one', '<Info>&x;one'), 'source.descriptor'],
  ['no text', '', 'source.descriptor'],
  ['another document', '<html/>', 'source.descriptor'],
  ['no end', OVF.slice(0, -20), 'source.descriptor'],
  ['bytes that are not UTF-8', Buffer.from(OVF.replace('one', '\xff\xfe'), 'latin1'), 'source.descriptor'],
  ['NUL', OVF.replace('one', 'o\0e'), 'source.descriptor'],
  ['elements without end', OVF.replace('<Info>one', `<Info>${'<a>'.repeat(200_000)}`), 'source.descriptor'],
  ['a disk that climbs', made({ files: [{ id: 'f', href: '../a.vmdk' }] }), 'source.unsafe-ref'],
  ['an absolute disk', made({ files: [{ id: 'f', href: '/etc/passwd' }] }), 'source.unsafe-ref'],
  [
    'a disk behind escapes',
    made({ files: [{ id: 'f', href: '%2e%2e%2f%2e%2e%2fetc%2fpasswd' }] }),
    'source.unsafe-ref',
  ],
  ['a disk in the web', made({ files: [{ id: 'f', href: 'http://127.0.0.1:9/a.vmdk' }] }), 'source.unsafe-ref'],
  ['a disk in JSON', made({ files: [{ id: 'f', href: 'json:{}' }] }), 'source.unsafe-ref'],
  ['a disk in Windows', made({ files: [{ id: 'f', href: '..\\a.vmdk' }] }), 'source.unsafe-ref'],
  ['a disk that is not there', made({ files: [{ id: 'f', href: 'gone.vmdk' }] }), 'source.missing'],
  ['a disk of a file that is not listed', made({ files: [] }), 'source.descriptor'],
  ['a file of the wrong size', made({ files: [{ id: 'f', href: 'a.vmdk', size: 5 }] }), 'source.size-mismatch'],
  [
    'two drives of one disk',
    made({
      systems: [
        {
          id: 'web',
          items: vsphereItems([
            { disk: 'd', unit: 0 },
            { disk: 'd', unit: 1 },
          ]),
        },
      ],
    }),
    'source.descriptor',
    /two drives/,
  ],
  [
    'a drive of a disk that is not there',
    made({ systems: [{ id: 'web', items: vsphereItems([{ disk: 'nope', unit: 0 }]) }] }),
    'source.descriptor',
  ],
  ['no drive', made({ disks: [], systems: [{ id: 'web', items: vsphereItems([]) }] }), 'source.no-disks'],
  ['no system', made({ systems: [] }), 'source.descriptor'],
  ['two systems', made({ systems: [SYSTEM, { ...SYSTEM, id: '\u202eweb2' }] }), 'source.several-systems'],
  [
    'a packing of tomorrow',
    made({ files: [{ id: 'f', href: 'a.vmdk', compression: 'quantum' }] }),
    'source.descriptor',
  ],
  ['pieces that are not there', made({ files: [{ id: 'f', href: 'a.vmdk', chunkSize: 512 }] }), 'source.missing'],
  [
    'a disk that lies on itself',
    made({ disks: [{ id: 'd', file: 'f', capacity: '1', parent: 'd' }] }),
    'source.descriptor',
  ],
  [
    'a disk on one that is not described',
    made({ disks: [{ id: 'd', file: 'f', capacity: '1', parent: 'nope' }] }),
    'source.descriptor',
  ],
  [
    'an empty disk of exabytes',
    made({ disks: [{ id: 'd', capacity: '999999', units: 'byte * 2^60' }] }),
    'source.descriptor',
  ],
  ['an empty disk below zero', made({ disks: [{ id: 'd', capacity: '-5' }] }), 'source.descriptor'],
  [
    'a unit without end',
    made({ disks: [{ id: 'd', capacity: '1', units: 'byte * 2^99999999' }] }),
    'source.descriptor',
  ],
];

const VMX = (lines: string): string => `displayName = "w"\n${lines}\n`;
const VMXS: readonly ImageRow[] = [
  ['a pipe', 'pipe.vmx', (g, f) => g.special('pipe', f), 'source.unsafe-ref'],
  ['nothing', 'v1.vmx', '', 'source.descriptor'],
  ['noise', 'v2.vmx', Buffer.alloc(4096, 0xa5), 'source.descriptor'],
  ['2 MiB', 'v3.vmx', 'a = "b"\n'.repeat(300_000), 'source.descriptor'],
  ['no disk', 'v4.vmx', VMX('firmware = "efi"'), 'source.no-disks'],
  ['a disk that climbs', 'v5.vmx', VMX('scsi0:0.fileName = "../../x.vmdk"'), 'source.unsafe-ref'],
  ['an absolute disk', 'v6.vmx', VMX('scsi0:0.fileName = "/etc/passwd"'), 'source.unsafe-ref'],
  ['a disk with an escaped line feed', 'v7.vmx', VMX('scsi0:0.fileName = "a|0Ab.vmdk"'), 'source.unsafe-ref'],
  ['a disk with an escaped way up', 'v8.vmx', VMX('scsi0:0.fileName = "|2E|2E|2Fx.vmdk"'), 'source.unsafe-ref'],
  ['a disk over the net', 'v9.vmx', VMX('scsi0:0.fileName = "nbd:127.0.0.1:9"'), 'source.unsafe-ref'],
  ['a disk that is a pipe', 'v10.vmx', VMX('scsi0:0.fileName = "pipe.vmx"'), 'source.unsafe-ref'],
  ['a physical disk', 'v11.vmx', VMX('scsi0:0.fileName = "phys.vmdk"'), 'source.format-unsupported'],
  [
    'an encrypted machine',
    'v12.vmx',
    VMX('encryption.keySafe = "vmware:key"\nscsi0:0.fileName = "a.vmdk"'),
    'source.encrypted',
  ],
];

const nested = (levels: number): Buffer => {
  let bytes = Buffer.alloc(MIB, 0x41);
  let name = 'x.raw';
  for (let n = 0; n < levels; n += 1) {
    bytes = gzipSync(makeTar([{ name, data: bytes }]));
    name = `l${n}.tar.gz`;
  }
  return bytes;
};
const BUNDLES: readonly ImageRow[] = [
  ['a pipe', 'pipe.tar', (g, f) => g.special('pipe', f), 'source.unsafe-ref'],
  ['no byte', 'b1.tar', '', 'source.no-disks'],
  ['noise', 'b2.tar', Buffer.alloc(MIB, 0xa5), 'source.no-disks'],
  [
    'a bomb',
    'b3.tar.gz',
    gzipSync(makeTar([{ name: 'x.raw', data: Buffer.alloc(200 * MIB, 'x') }]), { level: 9 }),
    'source.archive-limit',
    /bomb/,
  ],
  [
    'a bomb in an archive',
    'b4.tar',
    makeTar([{ name: 'x.raw.gz', data: gzipSync(Buffer.alloc(200 * MIB, 'x'), { level: 9 }) }]),
    'source.archive-limit',
    /bomb/,
  ],
  ['archives in archives in archives', 'b5.tar.gz', nested(8), 'source.no-disks'],
  [
    'a member that climbs',
    'b6.tar',
    makeTar([{ name: '../x.raw', data: Buffer.alloc(2 * MIB) }]),
    'source.archive-unsafe',
  ],
  [
    'a packed member that climbs',
    'b7.tar.gz',
    gzipSync(makeTar([{ name: '../x.raw', data: Buffer.alloc(2 * MIB) }])),
    'source.archive-unsafe',
  ],
  [
    'gzip cut short',
    'b8.tar.gz',
    gzipSync(makeTar([{ name: 'x.raw', data: Buffer.alloc(2 * MIB, 1) }])).subarray(0, -50),
    'source.archive-corrupt',
  ],
  [
    'gzip of noise',
    'b9.tar.gz',
    patched(gzipSync(Buffer.alloc(MIB, 'drover')), 10, 255, 255, 255, 255),
    'source.archive-corrupt',
  ],
  ['xz of nothing', 'b10.tar.xz', Buffer.from('fd377a585a000004', 'hex'), 'source.archive-corrupt'],
  ['zstd of nothing', 'b11.tar.zst', Buffer.from('28b52ffd00000000', 'hex'), 'source.archive-corrupt'],
  ['bzip2 of nothing', 'b12.tar.bz2', Buffer.from('425a683931415926', 'hex'), 'source.archive-corrupt'],
  ['a zip', 'b13.zip', Buffer.from(`504b0304${'00'.repeat(100)}`, 'hex'), 'source.no-disks'],
  ['links only', 'b14.tar', makeTar([{ name: 'x.raw', flag: '2', linkName: '/dev/sda' }]), 'source.no-disks'],
];

const machines = (rows: readonly ImageRow[], kind: 'ova' | 'vmx' | 'bundle'): HostileVm[] =>
  rows.map(([title, file, , code, says]) => ({
    title: `${kind}: ${title}`,
    vm: `${kind}: ${file}`,
    codes: [code],
    ...(says === undefined ? {} : { says }),
  }));

describe.skipIf(!(await requireTools('qemu-img', 'xz', 'zstd', 'bzip2')))('hostile packages', () => {
  hostileTable(
    (ground) => {
      ground.put('images/a.vmdk', STREAM);
      ground.put('images/phys.vmdk', vmdkDescriptor({ createType: 'fullDevice', extents: ['RW 1 FLAT "/dev/sda" 0'] }));
      writeRows(ground, [...OVAS, ...VMXS, ...BUNDLES]);
      const onTop = [
        { id: 'd', file: 'f', capacity: '1', parent: 'e' },
        { id: 'e', file: 'f', capacity: '1' },
      ];
      ground.put('images/top/web.ovf', made({ disks: onTop }));
      ground.put('images/top/a.vmdk', STREAM);
      for (const [n, [, text]] of OVFS.entries()) {
        ground.put(`images/d${n}/web.ovf`, text);
        ground.put(`images/d${n}/a.vmdk`, STREAM);
        ground.put(`images/d${n}.ova`, ovaOf(text));
      }
    },
    [
      {
        title: 'ovf: a disk on another, by the descriptor but not by the image',
        vm: 'ovf: top/web.ovf',
        codes: ['source.descriptor'],
        says: /stands alone/,
      },
      ...machines(OVAS, 'ova'),
      ...machines(VMXS, 'vmx'),
      ...machines(BUNDLES, 'bundle'),
      ...OVFS.flatMap(([title, , code, says], n): HostileVm[] => [
        { title: `ovf: ${title}`, vm: `ovf: d${n}/web.ovf`, codes: [code], ...(says === undefined ? {} : { says }) },
        { title: `ovf in ova: ${title}`, vm: `ova: d${n}.ova`, codes: [code], ...(says === undefined ? {} : { says }) },
      ]),
    ],
  );
});
