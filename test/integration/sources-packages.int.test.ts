/** Packages and machines: OVA, OVF, VMX, bundles, loose disks, from description to an image with the right bytes. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DroverError } from '../../src/lib/error.js';
import type { FetchResult } from '../../src/model/index.js';
import { createLab, sampleDisk } from '../support/image-lab.js';
import type { ImageLab } from '../support/image-lab.js';
import { makeOvf, vsphereItems } from '../support/ovf-maker.js';
import type { MadeOvf } from '../support/ovf-maker.js';
import { settings } from '../support/plan-fixture.js';
import { createStageLab, treeDigest } from '../support/stage-lab.js';
import type { LabVm, StageLab } from '../support/stage-lab.js';
import { makeTar } from '../support/tar-maker.js';
import type { MadeMember } from '../support/tar-maker.js';
import { requireTools } from '../support/tools.js';
import { fixedVhd } from '../support/vhd-maker.js';
import { vmdkDescriptor, vmwareStream } from '../support/vmdk-maker.js';

const MIB = 1024 ** 2;

describe.skipIf(!(await requireTools('qemu-img', 'prlimit', 'xz', 'bzip2', 'zstd')))('packages', () => {
  const diskA = sampleDisk(6 * MIB, 200 * 1024, 'A');
  const diskB = sampleDisk(4 * MIB, 300 * 1024, 'B');
  const streamA = vmwareStream(diskA);
  const streamB = vmwareStream(diskB);
  let lab: ImageLab;
  let stages: StageLab;

  beforeAll(() => {
    stages = createStageLab();
  });
  afterAll(() => stages.remove());
  beforeEach(() => {
    lab = createLab();
    return () => lab.remove();
  });

  const twoDisks = (more: Partial<MadeOvf> = {}, b: Partial<NonNullable<MadeOvf['files']>[number]> = {}): MadeOvf => ({
    files: [
      { id: 'fb', href: 'b.vmdk', size: streamB.length, ...b },
      { id: 'fa', href: 'a.vmdk', size: streamA.length },
    ],
    disks: [
      { id: 'db', file: 'fb', capacity: String(diskB.length) },
      { id: 'da', file: 'fa', capacity: '6', units: 'byte * 2^20' },
    ],
    systems: [
      {
        id: 'web',
        items: vsphereItems([
          { disk: 'db', unit: 1 },
          { disk: 'da', unit: 0 },
        ]),
        config: { firmware: 'efi' },
      },
    ],
    ...more,
  });

  const digestLine = (algorithm: string, name: string, data: Uint8Array | string): string =>
    `${algorithm.toUpperCase()}(${name})= ${createHash(algorithm).update(data).digest('hex')}\n`;

  function putOva(name: string, ovf: string, members: readonly MadeMember[], manifest?: string): LabVm {
    const all: MadeMember[] = [{ name: 'web.ovf', data: ovf }];
    if (manifest !== undefined) all.push({ name: 'web.mf', data: manifest });
    lab.put(name, makeTar([...all, ...members]));
    return { madeOf: { kind: 'ova', file: name } };
  }

  const plainOva = (): LabVm =>
    putOva(
      'web.ova',
      makeOvf(twoDisks()),
      [
        { name: 'b.vmdk', data: streamB },
        { name: 'a.vmdk', data: streamA },
      ],
      digestLine('sha256', 'web.ovf', makeOvf(twoDisks())) +
        digestLine('sha1', 'a.vmdk', streamA) +
        digestLine('sha512', 'b.vmdk', streamB),
    );

  function expectDisk(image: { path: string; format: string }, original: Buffer): void {
    lab.put('expected.raw', original);
    const out = lab.run('qemu-img', 'compare', '-f', 'raw', '-F', image.format, 'expected.raw', image.path);
    expect(out).toContain('identical');
  }

  async function expectMachine(vm: LabVm, disks: readonly Buffer[]): Promise<FetchResult> {
    const before = treeDigest(lab.dir);
    const { fetched, flat } = await stages.run(lab.dir, vm);
    expect(treeDigest(lab.dir)).toBe(before);
    expect(flat.disks).toHaveLength(disks.length);
    for (const [index, disk] of disks.entries()) {
      const image = flat.disks[index];
      if (image === undefined) throw new Error('a disk is missing');
      expect(image.virtualSizeBytes).toBe(disk.length);
      expectDisk(image, disk);
    }
    return fetched;
  }

  async function problems(vm: LabVm): Promise<string[]> {
    const { description, diagnostics } = await stages.describe(lab.dir, vm);
    expect(description).toBeUndefined();
    return diagnostics.filter((d) => d.severity === 'error').map((d) => `${d.code} ${d.message}`);
  }

  async function fetchFailure(vm: LabVm): Promise<DroverError> {
    const before = new Set(readdirSync(stages.scratch));
    try {
      await stages.fetch(lab.dir, vm);
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      // Nothing that was unpacked stays.
      for (const folder of readdirSync(stages.scratch)) {
        if (!before.has(folder)) expect(readdirSync(`${stages.scratch}/${folder}`)).toEqual([]);
      }
      return error;
    }
    throw new Error('was fetched');
  }

  describe('OVA', () => {
    it('two disks against the order of the hardware, read in place, checked against three kinds of digests', async () => {
      const vm = plainOva();
      const { description, diagnostics } = await stages.describe(lab.dir, vm);
      expect(diagnostics).toEqual([]);
      expect(description).toMatchObject({
        name: 'web01',
        vmKey: 'images:web01',
        firmware: 'uefi',
        cpus: 2,
        memoryBytes: 1024 * MIB,
        nics: [{ index: 0, mac: '00:50:56:3a:5b:7c', model: 'vmxnet3' }],
      });
      expect(description?.disks.map((d) => [d.id, d.bus, d.controller, d.unit, d.virtualSizeBytes])).toEqual([
        ['disk0', 'scsi', 0, 0, diskA.length],
        ['disk1', 'scsi', 0, 1, diskB.length],
      ]);
      const fetched = await expectMachine(vm, [diskA, diskB]);
      expect(fetched.disks.map((d) => [d.how, d.bytes])).toEqual([
        ['in-place', 0],
        ['in-place', 0],
      ]);
      expect(fetched.disks[0]?.checksum?.algorithm).toBe('sha1');
    });

    it('with fetch.copy everything is unpacked, sparsely', async () => {
      const vm = { ...plainOva(), settings: { fetch: { ...settings().fetch, copy: true } } };
      const fetched = await expectMachine(vm, [diskA, diskB]);
      expect(fetched.disks.map((d) => d.how)).toEqual(['extracted', 'extracted']);
    });

    it('a wrong digest fails in FETCH with both digests, unless that was waived', async () => {
      const ovf = makeOvf(twoDisks());
      const wrong = digestLine('sha256', 'a.vmdk', 'something else');
      const vm = putOva('bad.ova', ovf, [
        { name: 'b.vmdk', data: streamB },
        { name: 'a.vmdk', data: streamA },
        { name: 'web.mf', data: wrong },
      ]);
      const error = await fetchFailure(vm);
      expect(error.code).toBe('source.manifest');
      expect(error.message).toContain(createHash('sha256').update(streamA).digest('hex'));
      const waived = { ...vm, settings: { fetch: { ...settings().fetch, verifyManifest: false } } };
      const { diagnostics } = await stages.describe(lab.dir, waived);
      expect(diagnostics.map((d) => d.code)).toEqual(['source.manifest-incomplete']);
      await expectMachine(waived, [diskA, diskB]);
    });

    it('a wrong digest of the descriptor and a listed file that is missing are found before anything is read', async () => {
      const members = [
        { name: 'b.vmdk', data: streamB },
        { name: 'a.vmdk', data: streamA },
      ];
      const one = putOva('one.ova', makeOvf(twoDisks()), members, digestLine('sha256', 'web.ovf', 'other'));
      expect((await problems(one))[0]).toContain('source.manifest');
      const two = putOva('two.ova', makeOvf(twoDisks()), members, digestLine('sha256', 'gone.iso', 'x'));
      expect((await problems(two))[0]).toContain('gone.iso');
      const odd = putOva('odd.ova', makeOvf(twoDisks()), members, 'CRC32(a.vmdk)= 12345678\nnonsense\n');
      const { description, diagnostics } = await stages.describe(lab.dir, odd);
      expect(description).toBeDefined();
      expect(diagnostics.filter((d) => d.code === 'source.manifest-incomplete').length).toBeGreaterThanOrEqual(3);
    });

    it('a bad digest of a file that is no disk fails, too', async () => {
      const vm = putOva(
        'nvram.ova',
        makeOvf(twoDisks()),
        [
          { name: 'b.vmdk', data: streamB },
          { name: 'a.vmdk', data: streamA },
          { name: 'web.nvram', data: 'abc' },
        ],
        digestLine('sha256', 'web.nvram', 'abd'),
      );
      expect((await fetchFailure(vm)).message).toContain('web.nvram');
    });

    it('a gzipped disk, and one in pieces', async () => {
      const packed = gzipSync(streamB);
      const gz = putOva('gz.ova', makeOvf(twoDisks({}, { compression: 'gzip', size: packed.length })), [
        { name: 'b.vmdk', data: packed },
        { name: 'a.vmdk', data: streamA },
      ]);
      const fetched = await expectMachine(gz, [diskA, diskB]);
      expect(fetched.disks.map((d) => d.how)).toEqual(['in-place', 'extracted']);
      expect(fetched.description.disks[1]?.location).toMatchObject({ format: 'vmdk' });

      const half = Math.ceil(streamB.length / 2);
      const pieces = [
        { name: 'b.vmdk.000000000', data: streamB.subarray(0, half) },
        { name: 'b.vmdk.000000001', data: streamB.subarray(half) },
      ];
      const manifest = pieces.map((p) => digestLine('sha256', p.name, p.data)).join('');
      const chunked = makeOvf(twoDisks({}, { chunkSize: half }));
      const vm = putOva('chunk.ova', chunked, [...pieces, { name: 'a.vmdk', data: streamA }], manifest);
      await expectMachine(vm, [diskA, diskB]);
      const lost = putOva('lost.ova', chunked, [pieces[0] as MadeMember, { name: 'a.vmdk', data: streamA }]);
      expect((await problems(lost))[0]).toContain('source.size-mismatch');
      const evil = pieces.map((p, i) => ({ ...p, data: i === 0 ? p.data : Buffer.alloc(p.data.length) }));
      const bad = putOva('bad.ova', chunked, [...evil, { name: 'a.vmdk', data: streamA }], manifest);
      expect((await fetchFailure(bad)).code).toBe('source.manifest');
    });

    it('a blank disk is created with its capacity', async () => {
      const made = twoDisks({
        disks: [
          { id: 'db', capacity: '3', units: 'byte * 2^20' },
          { id: 'da', file: 'fa', capacity: '6', units: 'byte * 2^20' },
        ],
      });
      const vm = putOva('blank.ova', makeOvf(made), [
        { name: 'b.vmdk', data: streamB },
        { name: 'a.vmdk', data: streamA },
      ]);
      const fetched = await expectMachine(vm, [diskA, Buffer.alloc(3 * MIB)]);
      expect(fetched.disks[1]?.how).toBe('blank');
    });

    it('qcow2, VHD and raw inside', async () => {
      lab.put('a.raw', diskA);
      lab.run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', 'a.raw', 'a.qcow2');
      const vhd = fixedVhd(diskB);
      const made = twoDisks({
        files: [
          { id: 'fb', href: 'b.vhd' },
          { id: 'fa', href: 'a.qcow2' },
          { id: 'fc', href: 'c.bin' },
        ],
        disks: [
          { id: 'db', file: 'fb', capacity: String(diskB.length) },
          { id: 'da', file: 'fa', capacity: String(diskA.length) },
          { id: 'dc', file: 'fc', capacity: String(diskB.length), format: 'http://en.wikipedia.org/wiki/Byte' },
        ],
        systems: [
          {
            id: 'x',
            items: vsphereItems([
              { disk: 'da', unit: 0 },
              { disk: 'db', unit: 1 },
              { disk: 'dc', unit: 2 },
            ]),
          },
        ],
      });
      const vm = putOva('mixed.ova', makeOvf(made), [
        { name: 'b.vhd', data: vhd },
        { name: 'a.qcow2', data: lab.read('a.qcow2') },
        { name: 'c.bin', data: diskB },
      ]);
      const fetched = await expectMachine(vm, [diskA, diskB, diskB]);
      expect(fetched.disks.map((d) => [d.how, d.format])).toEqual([
        ['in-place', 'qcow2'],
        ['in-place', 'vhd'],
        ['in-place', 'raw'],
      ]);
    });

    it('several systems: one must be chosen', async () => {
      const system = (id: string, disk: string) => ({
        id,
        name: id.toUpperCase(),
        items: vsphereItems([{ disk, unit: 0 }]),
      });
      const vm = putOva('two.ova', makeOvf(twoDisks({ systems: [system('one', 'da'), system('two', 'db')] })), [
        { name: 'b.vmdk', data: streamB },
        { name: 'a.vmdk', data: streamA },
      ]);
      expect((await problems(vm))[0]).toMatch(/source\.several-systems.*"one".*"two"/);
      await expectMachine({ madeOf: { kind: 'ova', file: 'two.ova', system: 'TWO' } }, [diskB]);
      expect((await problems({ madeOf: { kind: 'ova', file: 'two.ova', system: 'three' } }))[0]).toContain('"three"');
    });

    it('hostile archives', async () => {
      const ovf = makeOvf(twoDisks());
      const good: MadeMember[] = [
        { name: 'b.vmdk', data: streamB },
        { name: 'a.vmdk', data: streamA },
      ];
      const link = putOva('link.ova', ovf, [
        { name: 'b.vmdk', flag: '2', linkName: '/etc/passwd' },
        { name: 'a.vmdk', data: streamA },
      ]);
      expect((await problems(link)).join()).toContain('source.missing');
      const harmless = putOva('harmless.ova', ovf, [...good, { name: 'x', flag: '2', linkName: '/etc/passwd' }]);
      const { diagnostics } = await stages.describe(lab.dir, harmless);
      expect(diagnostics.map((d) => d.message).join()).toContain('symlink');
      await expectMachine(harmless, [diskA, diskB]);
      for (const name of ['../x', '/x', 'a/../../b', 'C:\\x', 'a\\b', 'a\nb']) {
        const vm = putOva('evil.ova', ovf, [...good, { name, data: 'x' }]);
        expect((await problems(vm))[0], name).toContain('source.archive-unsafe');
      }
      const twice = putOva('twice.ova', ovf, [...good, { name: './a.vmdk', data: streamA }]);
      expect((await problems(twice))[0]).toContain('two members named');
      for (const href of ['../a.vmdk', '/etc/passwd', 'http://host/a.vmdk', '%2e%2e/a.vmdk', 'file:///etc/passwd']) {
        const made = twoDisks({}, { href });
        expect((await problems(putOva('href.ova', makeOvf(made), good)))[0], href).toContain('source.unsafe-ref');
      }
      const doctype = ovf.replace('?>', '?><!DOCTYPE x [<!ENTITY a "b">]>');
      expect((await problems(putOva('dtd.ova', doctype, good)))[0]).toContain('document type');
      lab.put('cut.ova', makeTar([{ name: 'web.ovf', data: ovf }, ...good]).subarray(0, -40_000));
      expect((await problems({ madeOf: { kind: 'ova', file: 'cut.ova' } }))[0]).toContain('source.archive-corrupt');
      const sum = putOva('sum.ova', ovf, [...good, { name: 'x', badChecksum: true }]);
      expect((await problems(sum))[0]).toContain('checksum');
      lab.put('packed.ova', gzipSync(makeTar([{ name: 'web.ovf', data: ovf }, ...good])));
      expect((await problems({ madeOf: { kind: 'ova', file: 'packed.ova' } }))[0]).toContain('source.format-mismatch');
      lab.put('none.ova', makeTar(good));
      expect((await problems({ madeOf: { kind: 'ova', file: 'none.ova' } }))[0]).toContain('no .ovf');
      const many = Array.from({ length: 10_001 }, (_, i) => ({ name: `m${i}` }));
      expect((await problems(putOva('many.ova', ovf, many)))[0]).toContain('source.archive-limit');
      const size = putOva('size.ova', makeOvf(twoDisks({}, { size: 5 })), good);
      expect((await problems(size))[0]).toContain('source.size-mismatch');
      const hint = vmdkDescriptor({ createType: 'monolithicFlat', extents: ['RW 1 FLAT "/etc/passwd" 0'] });
      const text = putOva('text.ova', makeOvf(twoDisks({}, { size: hint.length })), [
        { name: 'b.vmdk', data: hint },
        { name: 'a.vmdk', data: streamA },
      ]);
      expect((await problems(text))[0]).toContain('source.format-unsupported');
    });

    it('a bomb is stopped while it unpacks', async () => {
      // 1040 to 1, which only zeros or repetition reach; not zeros, so nothing is spared.
      const bomb = gzipSync(Buffer.alloc(200 * MIB, 'x'), { level: 9 });
      const vm = putOva('bomb.ova', makeOvf(twoDisks({}, { compression: 'gzip', size: bomb.length })), [
        { name: 'b.vmdk', data: bomb },
        { name: 'a.vmdk', data: streamA },
      ]);
      const error = await fetchFailure(vm);
      expect(error.code).toBe('source.archive-limit');
      expect(error.message).toContain('bomb');
    });

    it('zeros are no bomb: they become holes', async () => {
      const zeros = gzipSync(Buffer.alloc(160 * MIB), { level: 9 });
      const made = twoDisks(
        {
          disks: [
            { id: 'db', file: 'fb', capacity: String(160 * MIB), format: 'http://en.wikipedia.org/wiki/Byte' },
            { id: 'da', file: 'fa', capacity: String(diskA.length) },
          ],
        },
        { compression: 'gzip', size: zeros.length },
      );
      const vm = putOva('zeros.ova', makeOvf(made), [
        { name: 'b.vmdk', data: zeros },
        { name: 'a.vmdk', data: streamA },
      ]);
      const fetched = await expectMachine(vm, [diskA, Buffer.alloc(160 * MIB)]);
      const path = fetched.disks[1]?.path ?? '';
      expect(statSync(path).size).toBe(160 * MIB);
      expect(statSync(path).blocks * 512).toBeLessThan(MIB);
    });

    it('a file that changes between plan and FETCH is noticed', async () => {
      const vm = plainOva();
      const { description } = await stages.describe(lab.dir, vm);
      if (description === undefined) throw new Error('not described');
      const bytes = lab.read('web.ova');
      bytes[bytes.length - 3000] = (bytes[bytes.length - 3000] ?? 0) ^ 1;
      lab.put('web.ova', bytes);
      await expect(stages.fetch(lab.dir, vm, { description })).rejects.toMatchObject({ code: 'source.changed' });
    });
  });

  describe('OVF', () => {
    it('beside its disks, with a manifest, gzip and pieces', async () => {
      const packed = gzipSync(streamB);
      const half = Math.ceil(packed.length / 2);
      mkdirSync(lab.path('export'));
      const ovf = makeOvf(twoDisks({}, { compression: 'gzip', chunkSize: half, size: packed.length }));
      lab.put('export/web.ovf', ovf);
      lab.put('export/b.vmdk.000000000', packed.subarray(0, half));
      lab.put('export/b.vmdk.000000001', packed.subarray(half));
      lab.put('export/a.vmdk', streamA);
      lab.put(
        'export/web.mf',
        digestLine('sha256', 'web.ovf', ovf) +
          digestLine('sha256', 'a.vmdk', streamA) +
          digestLine('sha256', 'b.vmdk.000000001', packed.subarray(half)),
      );
      const vm: LabVm = { madeOf: { kind: 'ovf', file: 'export/web.ovf' } };
      const fetched = await expectMachine(vm, [diskA, diskB]);
      expect(fetched.disks.map((d) => d.how)).toEqual(['in-place', 'extracted']);
      lab.put('export/web.mf', digestLine('sha256', 'a.vmdk', streamB));
      expect((await fetchFailure(vm)).code).toBe('source.manifest');
      lab.run('rm', 'export/a.vmdk');
      expect((await problems(vm)).join()).toContain('a.vmdk');
    });

    it('hrefs are followed in the folder of the descriptor only', async () => {
      mkdirSync(lab.path('export'));
      lab.put('a.vmdk', streamA);
      const make = (href: string): void => {
        const made = twoDisks({
          files: [{ id: 'fa', href }],
          disks: [{ id: 'da', file: 'fa', capacity: '6', units: 'byte * 2^20' }],
          systems: [{ id: 'web', items: vsphereItems([{ disk: 'da', unit: 0 }]) }],
        });
        lab.put('export/web.ovf', makeOvf(made));
      };
      const vm: LabVm = { madeOf: { kind: 'ovf', file: 'export/web.ovf' } };
      make('../a.vmdk');
      expect((await problems(vm))[0]).toContain('source.unsafe-ref');
      await expectMachine({ ...vm, allowDirs: [lab.dir] }, [diskA]);
      symlinkSync('../a.vmdk', lab.path('export/l.vmdk'));
      make('l.vmdk');
      expect((await problems(vm))[0]).toContain('symbolic link');
    });
  });

  describe('VMX and loose disks', () => {
    const vmx = `displayName = "w"\nfirmware = "efi"\nmemsize = "512"\nuuid.bios = "56 4d 00 00 00 00 00 00-00 00 00 00 00 00 00 01"
scsi0.present = "TRUE"\nscsi0:0.fileName = "w.vmdk"\nscsi0:1.fileName = "sub/data.vmdk"\nscsi0:1.present = "TRUE"
ethernet0.present = "TRUE"\nethernet0.generatedAddress = "00:0c:29:11:22:33"\nethernet0.virtualDev = "e1000e"\n`;

    it('a VMX with its disks', async () => {
      mkdirSync(lab.path('vm/sub'), { recursive: true });
      lab.put('vm/w.vmx', vmx);
      lab.put('vm/w.vmdk', streamA);
      lab.put('vm/sub/data.vmdk', streamB);
      const vm: LabVm = { madeOf: { kind: 'vmx', file: 'vm/w.vmx' } };
      const fetched = await expectMachine(vm, [diskA, diskB]);
      expect(fetched.description).toMatchObject({
        vmKey: 'images:564d0000-0000-0000-0000-000000000001',
        firmware: 'uefi',
        memoryBytes: 512 * MIB,
        nics: [{ mac: '00:0c:29:11:22:33', model: 'e1000e' }],
      });
      lab.run('rm', 'vm/sub/data.vmdk');
      expect((await problems(vm))[0]).toMatch(/source\.missing.*scsi0:1/);
      lab.put('vm/w.vmx', vmx.replace('sub/data.vmdk', '/etc/passwd'));
      expect((await problems(vm))[0]).toContain('source.unsafe-ref');
      lab.put('vm/w.vmx', vmx.replace('sub/data.vmdk', '..\\data.vmdk'));
      expect((await problems(vm))[0]).toContain('source.unsafe-ref');
    });

    it('a loose VMDK takes NIC and firmware from the VMX beside it', async () => {
      lab.put('w.vmdk', streamA);
      lab.put('w.vmx', vmx);
      const vm: LabVm = { madeOf: { kind: 'disks', disks: [{ file: 'w.vmdk' }] } };
      const { description, diagnostics } = await stages.describe(lab.dir, vm);
      expect(description).toMatchObject({ firmware: 'uefi', nics: [{ mac: '00:0c:29:11:22:33' }] });
      expect(description?.disks[0]).toMatchObject({ bus: 'scsi', controller: 0, unit: 0 });
      expect(diagnostics.map((d) => d.code)).toEqual(['source.descriptor-note']);
      lab.put('w.vmx', 'garbage');
      expect((await stages.describe(lab.dir, vm)).description?.nics).toEqual([]);
    });

    it('every problem of a list of disks is told at once', async () => {
      lab.put('good.vmdk', streamA);
      lab.put('noise.img', Buffer.alloc(4096, 7));
      lab.put('CASE.vmdk', streamA);
      const disks = [
        { file: 'gone.vmdk' },
        { file: 'good.vmdk' },
        { file: 'noise.img' },
        { file: 'case.vmdk' },
        { file: '../x' },
      ];
      const found = await problems({ madeOf: { kind: 'disks', disks } });
      expect(found).toHaveLength(4);
      expect(found.map((text) => text.split(' ')[0])).toEqual([
        'source.missing',
        'source.format-unknown',
        'source.missing',
        'source.unsafe-ref',
      ]);
      expect(found[2]).toContain('CASE.vmdk');
    });

    it('machines by name', async () => {
      const vm: LabVm = { madeOf: { kind: 'by-name' } };
      expect((await problems(vm))[0]).toContain('source.missing');
      lab.put('web01.img', diskA);
      expect((await stages.describe(lab.dir, vm)).diagnostics[0]?.hint).toContain('web01.img');
      lab.put('web01.vmdk', streamA);
      await expectMachine(vm, [diskA]);
      lab.put('web01.qcow2', 'x');
      expect((await problems(vm))[0]).toContain('source.ambiguous');
      mkdirSync(lab.path('web01'));
      lab.put('web01/web01.vmx', vmx);
      lab.put('web01/w.vmdk', streamA);
      mkdirSync(lab.path('web01/sub'));
      lab.put('web01/sub/data.vmdk', streamB);
      await expectMachine(vm, [diskA, diskB]);
      expect((await problems({ ...vm, name: 'gone' }))[0]).toContain('source.missing');
    });

    it('a folder that is not there is told at the source', async () => {
      const { diagnostics } = await stages.describe(lab.path('nowhere'), { madeOf: { kind: 'by-name' } });
      expect(diagnostics.map((d) => d.code)).toEqual(['source.missing']);
    });
  });

  describe('bundles', () => {
    const bootable = (): Buffer => {
      const disk = Buffer.from(diskA);
      disk.writeUInt16BE(0x55aa, 510);
      return disk;
    };
    const content = (): MadeMember[] => [
      { name: './readme.txt', data: 'hello' },
      { name: './initrd.img', data: Buffer.concat([Buffer.from('070701'), Buffer.alloc(2 * MIB)]) },
      { name: './disk10.raw', data: diskB },
      { name: './disk2.bin', data: bootable() },
      { name: './dev', flag: '3' },
    ];
    const bundle = (file: string): LabVm => ({ madeOf: { kind: 'bundle', file } });

    it('a plain tar is read in place', async () => {
      lab.put('b.tar', makeTar(content()));
      const fetched = await expectMachine(bundle('b.tar'), [bootable(), diskB]);
      expect(fetched.disks.map((d) => d.how)).toEqual(['in-place', 'in-place']);
      const warnings = fetched.description.warnings.join();
      expect(warnings).toContain('readme.txt');
      expect(warnings).toContain('initrd.img');
    });

    it.each([
      ['gzip', 'gz'],
      ['xz', 'xz'],
      ['bzip2', 'bz2'],
      ['zstd', 'zst'],
    ])('a tarball packed with %s', async (tool, suffix) => {
      lab.put('b.tar', makeTar(content()));
      lab.run(tool, '-q', 'b.tar');
      const fetched = await expectMachine(bundle(`b.tar.${suffix}`), [bootable(), diskB]);
      expect(fetched.disks.map((d) => d.how)).toEqual(['extracted', 'extracted']);
      const bytes = lab.read(`b.tar.${suffix}`);
      lab.put(`cut.tar.${suffix}`, bytes.subarray(0, bytes.length - 100));
      expect((await problems(bundle(`cut.tar.${suffix}`)))[0]).toContain('source.archive-corrupt');
      const damaged = Buffer.from(bytes);
      damaged.fill(0x42, bytes.length >> 1, (bytes.length >> 1) + 64);
      lab.put(`bad.tar.${suffix}`, damaged);
      expect((await problems(bundle(`bad.tar.${suffix}`)))[0]).toContain('source.archive-corrupt');
    });

    it('archives in archives, down to the allowed level, and lone packed images', async () => {
      const inner = gzipSync(makeTar([{ name: 'root.vmdk', data: streamA }]));
      lab.put(
        'outer.tar',
        makeTar([
          { name: 'in.tgz', data: inner },
          { name: 'data.vhd', data: fixedVhd(diskB) },
        ]),
      );
      lab.run('xz', '-q', 'outer.tar');
      const fetched = await expectMachine(bundle('outer.tar.xz'), [diskB, diskA]);
      expect(fetched.disks.map((d) => d.format)).toEqual(['vhd', 'vmdk']);
      const none = { ...bundle('outer.tar.xz'), settings: { fetch: { ...settings().fetch, nested: 0 } } };
      await expectMachine(none, [diskB]);
      lab.put('lone.img.gz', gzipSync(bootable()));
      await expectMachine(bundle('lone.img.gz'), [bootable()]);
    });

    it('select: largest and globs', async () => {
      lab.put('b.tar', makeTar(content()));
      const select = (word: string): LabVm => ({
        ...bundle('b.tar'),
        settings: { fetch: { ...settings().fetch, select: word } },
      });
      await expectMachine(select('largest'), [bootable()]);
      await expectMachine(select('*.raw'), [diskB]);
      expect((await problems(select('*.nope')))[0]).toContain('source.no-disks');
    });

    it('bombs and hostile names', async () => {
      lab.put('bomb.tar', makeTar([{ name: 'x.raw', data: Buffer.alloc(150 * MIB, 0x41) }]));
      lab.run('xz', '-q', '-0', 'bomb.tar');
      expect((await problems(bundle('bomb.tar.xz')))[0]).toContain('source.archive-limit');
      lab.put('evil.tar', makeTar([{ name: '../x.raw', data: diskB }]));
      lab.run('gzip', 'evil.tar');
      expect((await problems(bundle('evil.tar.gz')))[0]).toContain('source.archive-unsafe');
      lab.put(
        'desc.tar',
        makeTar([{ name: 'x.vmdk', data: vmdkDescriptor({ createType: 'vmfs', extents: ['RW 1 VMFS "y"'] }) }]),
      );
      expect((await problems(bundle('desc.tar')))[0]).toContain('source.format-unsupported');
      lab.put('empty.tar', makeTar([{ name: 'readme', data: 'x' }]));
      expect((await problems(bundle('empty.tar')))[0]).toContain('source.no-disks');
    });
  });
});
