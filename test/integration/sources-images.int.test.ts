/** Every layout of every format is admitted, and what tools see through our view is the disk, byte for byte. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAllZero } from '../../src/lib/bytes.js';
import { DroverError } from '../../src/lib/error.js';
import { createHost } from '../../src/host/index.js';
import type { DiskFormat } from '../../src/model/index.js';
import { admitImage } from '../../src/sources/admission.js';
import type { AdmittedDisk } from '../../src/sources/admission.js';
import { buildView } from '../../src/sources/view.js';
import { createLab, sampleDisk } from '../support/image-lab.js';
import type { ImageLab } from '../support/image-lab.js';
import { requireTools } from '../support/tools.js';
import { dynamicVhd, fixedVhd, vhdFooter } from '../support/vhd-maker.js';
import { cowdExtent, hostedHeader, hostedSparse, vmdkDescriptor, vmwareStream } from '../support/vmdk-maker.js';

const MIB = 1024 ** 2;
const host = createHost();
let views = 0;

describe.skipIf(!(await requireTools('qemu-img', 'prlimit')))('images', () => {
  let lab: ImageLab;
  const raw = sampleDisk(24 * MIB + 64 * 1024);
  const sectors = raw.length / 512;

  beforeAll(() => {
    lab = createLab();
    lab.put('disk.raw', raw);
  });
  afterAll(() => lab.remove());

  async function admit(name: string, more: { format?: DiskFormat; allowDirs?: string[]; ignoreCid?: boolean } = {}) {
    return admitImage(host.files, {
      path: lab.path(name),
      policy: { allowDirs: more.allowDirs ?? [] },
      ...(more.format === undefined ? {} : { format: more.format }),
      ...(more.ignoreCid === undefined ? {} : { ignoreCid: more.ignoreCid }),
    });
  }

  async function refusal(name: string, more: Parameters<typeof admit>[1] = {}): Promise<DroverError> {
    try {
      await admit(name, more);
    } catch (error) {
      if (error instanceof DroverError) return error;
      throw error;
    }
    throw new Error(`${name} was admitted`);
  }

  /** Reads the disk through a fresh overlay on our view, as FLATTEN makes it, and compares it with what it should be. */
  async function expectContent(disk: AdmittedDisk, original: string): Promise<void> {
    views += 1;
    const dir = lab.path(`view${views}`);
    mkdirSync(dir);
    const view = await buildView(host.files, dir, disk.layers);
    const overlay = lab.path(`overlay${views}.qcow2`);
    lab.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', view.name, '-F', view.driver, overlay);
    const info = JSON.parse(lab.run('qemu-img', 'info', '--output=json', overlay)) as { 'virtual-size': number };
    expect(info['virtual-size']).toBe(disk.virtualSizeBytes);
    expect(lab.run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', original, overlay)).toContain('identical');
  }

  describe('VMDK', () => {
    it.each(['monolithicSparse', 'streamOptimized', 'twoGbMaxExtentSparse', 'monolithicFlat', 'twoGbMaxExtentFlat'])(
      '%s as qemu-img writes it',
      async (subformat) => {
        const name = `${subformat}.vmdk`;
        lab.run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', `subformat=${subformat}`, 'disk.raw', name);
        const before = lab.sha256(name);
        const disk = await admit(name);
        expect(disk.layers[0]?.subformat).toBe(subformat);
        expect(disk.virtualSizeBytes).toBe(raw.length);
        expect(disk.allocatedBytes).toBeGreaterThan(0);
        expect(disk.allocatedBytes).toBeLessThanOrEqual(raw.length);
        await expectContent(disk, 'disk.raw');
        expect(lab.sha256(name)).toBe(before);
      },
    );

    it('streamOptimized as VMware writes it, with the maps at the end', async () => {
      lab.put('vmware-stream.vmdk', vmwareStream(raw));
      const disk = await admit('vmware-stream.vmdk');
      expect(disk.layers[0]?.subformat).toBe('streamOptimized');
      await expectContent(disk, 'disk.raw');
    });

    it('several sparse and several flat extents, of more than 2 GiB together', async () => {
      lab.run('qemu-img', 'create', '-q', '-f', 'raw', 'large.raw', '4500M');
      const fill =
        'qemu-io -f raw -c "write -P 0x11 0 1M" -c "write -P 0x22 2147418112 128k" -c "write -P 0x33 4717543424 64k"';
      lab.run('sh', '-c', `${fill} large.raw`);
      for (const subformat of ['twoGbMaxExtentSparse', 'twoGbMaxExtentFlat']) {
        const name = `large-${subformat}.vmdk`;
        lab.run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', `subformat=${subformat}`, 'large.raw', name);
        const disk = await admit(name);
        expect(disk.layers[0]?.extents?.length).toBe(3);
        expect(disk.chain).toHaveLength(4);
        await expectContent(disk, 'large.raw');
      }
    });

    it('vmfs, vmfsThin, custom and mixed extents with offsets, zeros, read-only parts and empty lines', async () => {
      const flat = Buffer.concat([raw.subarray(0, 8 * MIB), raw.subarray(20 * MIB)]);
      lab.put('mixed-flat.vmdk', flat);
      lab.put('mixed-s001.vmdk', hostedSparse(raw.subarray(8 * MIB, 16 * MIB)));
      const expected = Buffer.from(raw);
      expected.fill(0, 16 * MIB, 20 * MIB);
      lab.put('mixed.raw', expected);
      for (const createType of ['vmfs', 'vmfsThin', 'vmfsPreallocated', 'custom']) {
        const text = vmdkDescriptor({
          createType,
          extents: [
            'RW 16384 FLAT "mixed-flat.vmdk" 0',
            '',
            'RDONLY 16384 SPARSE "mixed-s001.vmdk"',
            'RW 8192 ZERO',
            '',
            `RW ${sectors - 40960} FLAT "mixed-flat.vmdk" 16384`,
          ],
        });
        lab.put('mixed.vmdk', text.replaceAll('\n', '\r\n'));
        await expectContent(await admit('mixed.vmdk'), 'mixed.raw');
      }
    });

    it('a chain of three, with deltas of both kinds', async () => {
      const s1 = sampleDisk(raw.length, 700 * 1024, 'snap1');
      const s2 = sampleDisk(raw.length, 1100 * 1024, 'snap2');
      const holds1 = (grain: number): boolean => grain % 3 === 0;
      const holds2 = (sector: number): boolean => sector % 500 === 7;
      lab.put('base-flat.vmdk', raw);
      lab.put(
        'base.vmdk',
        vmdkDescriptor({ cid: 'a', createType: 'vmfs', extents: [`RW ${sectors} VMFS "base-flat.vmdk"`] }),
      );
      const part = { createType: 'monolithicSparse', extents: [`RW ${sectors} SPARSE "base-000001.vmdk"`] };
      const text = vmdkDescriptor({ ...part, cid: 'b', parentCid: '0000000a', parent: 'base.vmdk' });
      lab.put('base-000001.vmdk', hostedSparse(s1, { descriptor: text, holds: holds1 }));
      lab.put('base-000002-delta.vmdk', cowdExtent(s2, holds2));
      lab.put(
        'base-000002.vmdk',
        vmdkDescriptor({
          cid: 'c',
          parentCid: 'b',
          parent: 'base-000001.vmdk',
          createType: 'vmfsSparse',
          extents: [`RW ${sectors} VMFSSPARSE "base-000002-delta.vmdk"`],
        }),
      );
      const expected = Buffer.from(raw);
      for (let g = 0; g * 65536 < raw.length; g += 1) {
        if (holds1(g)) s1.copy(expected, g * 65536, g * 65536, (g + 1) * 65536);
      }
      for (let s = 0; s < sectors; s += 1) if (holds2(s)) s2.copy(expected, s * 512, s * 512, (s + 1) * 512);
      lab.put('snap.raw', expected);
      const disk = await admit('base-000002.vmdk');
      expect(disk.layers).toHaveLength(3);
      expect(disk.chain.map((file) => file.role)).toEqual(['image', 'extent', 'parent', 'parent', 'parent-extent']);
      await expectContent(disk, 'snap.raw');
    });

    it('a stream on top of a stream on top of a flat disk', async () => {
      const s1 = sampleDisk(raw.length, 700 * 1024, 'stream1');
      const s2 = sampleDisk(raw.length, 900 * 1024, 'stream2');
      const text = (cid: string, parentCid: string, parent: string): string =>
        vmdkDescriptor({
          cid,
          parentCid,
          parent,
          createType: 'streamOptimized',
          extents: [`RW ${sectors} SPARSE "x"`],
        });
      lab.put('st1.vmdk', vmwareStream(s1, { descriptor: text('e1', 'a', 'base.vmdk') }));
      lab.put('st2.vmdk', vmwareStream(s2, { descriptor: text('e2', 'e1', 'st1.vmdk') }));
      const desc = { cid: 'e3', parentCid: 'e1', parent: 'st1.vmdk', createType: 'twoGbMaxExtentSparse' };
      lab.put('st3.vmdk', vmdkDescriptor({ ...desc, extents: [`RW ${sectors} SPARSE "st3-s001.vmdk"`] }));
      lab.put('st3-s001.vmdk', hostedSparse(Buffer.alloc(raw.length)));
      const grainWise = (over: Buffer, under: Buffer): Buffer => {
        const result = Buffer.from(under);
        for (let at = 0; at < over.length; at += 65536) {
          const grain = over.subarray(at, at + 65536);
          if (!isAllZero(grain)) grain.copy(result, at);
        }
        return result;
      };
      lab.put('st1.raw', grainWise(s1, raw));
      lab.put('st2.raw', grainWise(s2, grainWise(s1, raw)));
      await expectContent(await admit('st1.vmdk'), 'st1.raw');
      await expectContent(await admit('st2.vmdk'), 'st2.raw');
      await expectContent(await admit('st3.vmdk'), 'st1.raw');
    });

    it('a parent with another content id is refused with both names and ids, or accepted loudly', async () => {
      lab.put(
        'cid-child.vmdk',
        vmdkDescriptor({
          cid: 'd',
          parentCid: 'beef',
          parent: 'base.vmdk',
          createType: 'vmfsSparse',
          extents: [`RW ${sectors} VMFSSPARSE "base-000002-delta.vmdk"`],
        }),
      );
      const error = await refusal('cid-child.vmdk');
      expect(error.code).toBe('flatten.chain-cid');
      expect(error.message).toContain(lab.path('cid-child.vmdk'));
      expect(error.message).toContain(lab.path('base.vmdk'));
      expect(error.message).toContain('0000beef');
      expect(error.message).toContain('0000000a');
      const disk = await admit('cid-child.vmdk', { ignoreCid: true });
      expect(disk.notes.join()).toContain('0000beef');
      const expected = Buffer.from(raw);
      const s2 = sampleDisk(raw.length, 1100 * 1024, 'snap2');
      for (let s = 7; s < sectors; s += 500) s2.copy(expected, s * 512, s * 512, (s + 1) * 512);
      lab.put('cid.raw', expected);
      await expectContent(disk, 'cid.raw');
    });

    it('missing, short, absolute and escaping extents', async () => {
      const with1 = (extent: string): string => vmdkDescriptor({ createType: 'monolithicFlat', extents: [extent] });
      lab.put('gone.vmdk', with1('RW 100 FLAT "gone-flat.vmdk" 0'));
      expect((await refusal('gone.vmdk')).message).toContain('gone-flat.vmdk');
      expect((await refusal('gone.vmdk')).code).toBe('flatten.chain-broken');
      lab.put('short.vmdk', with1(`RW ${sectors + 1} FLAT "disk.raw" 0`));
      expect((await refusal('short.vmdk')).code).toBe('flatten.extent-short');
      lab.put('offset.vmdk', with1(`RW ${sectors} FLAT "disk.raw" 1`));
      expect((await refusal('offset.vmdk')).code).toBe('flatten.extent-short');
      for (const name of ['/etc/passwd', '../x', 'a/../../x', '..\\\\x', 'json:{}', 'nbd:localhost:1', 'C:\\\\x']) {
        lab.put('evil.vmdk', with1(`RW 1 FLAT "${name.replaceAll('\\\\', '\\')}" 0`));
        expect((await refusal('evil.vmdk')).code, name).toBe('source.unsafe-ref');
      }
      symlinkSync('/etc/passwd', lab.path('link-flat.vmdk'));
      lab.put('link.vmdk', with1('RW 1 FLAT "link-flat.vmdk" 0'));
      expect((await refusal('link.vmdk')).code).toBe('source.unsafe-ref');
      mkdirSync(lab.path('folder-flat.vmdk'));
      lab.put('folder.vmdk', with1('RW 1 FLAT "folder-flat.vmdk" 0'));
      expect((await refusal('folder.vmdk')).code).toBe('source.unsafe-ref');
    });

    it('an absolute extent below an allowed folder is followed', async () => {
      const other = createLab();
      other.put('x-flat.vmdk', raw);
      lab.put(
        'allowed.vmdk',
        vmdkDescriptor({ createType: 'vmfs', extents: [`RW ${sectors} VMFS "${other.path('x-flat.vmdk')}"`] }),
      );
      expect((await refusal('allowed.vmdk')).code).toBe('source.unsafe-ref');
      await expectContent(await admit('allowed.vmdk', { allowDirs: [other.dir] }), 'disk.raw');
      other.remove();
    });

    it('a parent hidden in a comment is not followed, though qemu-img would', async () => {
      lab.put('secret.raw', 'TOP SECRET'.repeat(100));
      lab.put('secret.vmdk', vmdkDescriptor({ createType: 'monolithicFlat', extents: ['RW 1 FLAT "secret.raw" 0'] }));
      const text = vmdkDescriptor({ createType: 'monolithicSparse', extents: [`RW ${sectors} SPARSE "c.vmdk"`] });
      const hiding = text.replace('version=1', 'version=1\n# parentFileNameHint="secret.vmdk"');
      lab.put('comment.vmdk', hostedSparse(raw, { descriptor: hiding }));
      const theirs = lab.run('qemu-img', 'info', '-f', 'vmdk', 'comment.vmdk');
      expect(theirs).toContain('secret.vmdk');
      const disk = await admit('comment.vmdk');
      expect(disk.layers).toHaveLength(1);
      await expectContent(disk, 'disk.raw');
    });

    it('damaged headers', async () => {
      const good = hostedSparse(raw.subarray(0, 4 * MIB), {
        descriptor: vmdkDescriptor({ createType: 'monolithicSparse', extents: ['RW 8192 SPARSE "x.vmdk"'] }),
      });
      lab.put('cut.vmdk', good.subarray(0, good.length - 300 * 1024));
      expect((await refusal('cut.vmdk')).code).toBe('source.corrupt-image');
      const stream = vmwareStream(raw.subarray(0, 4 * MIB));
      lab.put('cut-stream.vmdk', stream.subarray(0, stream.length - 512));
      expect((await refusal('cut-stream.vmdk')).message).toContain('cut short');
      lab.put('bomb.vmdk', Buffer.concat([hostedHeader({ capacity: 2 ** 45 }), Buffer.alloc(4096)]));
      expect((await refusal('bomb.vmdk')).code).toBe('source.too-large');
      // With capacity 0 QEMU would read extents from the embedded descriptor.
      const evil = vmdkDescriptor({ createType: 'monolithicFlat', extents: ['RW 1 FLAT "/etc/passwd" 0'] });
      const zero = Buffer.concat([
        hostedHeader({ capacity: 0, descriptorOffset: 1, descriptorSectors: 20 }),
        Buffer.from(evil.padEnd(20 * 512, '\0')),
      ]);
      lab.put('zero.vmdk', zero);
      expect((await refusal('zero.vmdk')).code).toBe('source.corrupt-image');
      const text = Buffer.from(good);
      text.write('\n', 75, 'latin1');
      lab.put('text.vmdk', text);
      expect((await refusal('text.vmdk')).message).toContain('text mode');
    });

    it('device mappings, bare extents and loops', async () => {
      for (const createType of ['vmfsRawDeviceMap', 'fullDevice', 'vmfsRDMP']) {
        lab.put('rdm.vmdk', vmdkDescriptor({ createType, extents: ['RW 10 VMFSRDM "x-rdm.vmdk"'] }));
        const error = await refusal('rdm.vmdk');
        expect(error.code).toBe('source.format-unsupported');
        expect(error.message).toContain(createType);
      }
      expect((await refusal('base-000002-delta.vmdk')).hint).toBeDefined();
      expect((await refusal('base-000002-delta.vmdk')).code).toBe('source.format-unsupported');
      lab.run('sh', '-c', 'cp disk.raw some-flat.vmdk');
      const bare = await refusal('some-flat.vmdk');
      expect(bare.code).toBe('source.format-unknown');
      expect(bare.hint).toContain('descriptor');
      for (const [name, parent] of [
        ['loop1.vmdk', 'loop2.vmdk'],
        ['loop2.vmdk', 'loop1.vmdk'],
        ['self.vmdk', 'self.vmdk'],
      ] as const) {
        const parts = { cid: '1', parentCid: '1', parent, createType: 'monolithicFlat' };
        lab.put(name, vmdkDescriptor({ ...parts, extents: ['RW 1 FLAT "disk.raw" 0'] }));
      }
      expect((await refusal('loop1.vmdk')).code).toBe('flatten.chain-loop');
      expect((await refusal('self.vmdk')).code).toBe('flatten.chain-loop');
      for (let i = 0; i < 66; i += 1) {
        const parts = { cid: '1', parentCid: '1', parent: `deep${i + 1}.vmdk`, createType: 'monolithicFlat' };
        lab.put(`deep${i}.vmdk`, vmdkDescriptor({ ...parts, extents: ['RW 1 FLAT "disk.raw" 0'] }));
      }
      expect((await refusal('deep0.vmdk')).code).toBe('flatten.chain-loop');
    });
  });

  describe('VHD', () => {
    it('fixed, which a probe takes for raw', async () => {
      lab.put('fixed.vhd', fixedVhd(raw));
      const probed = JSON.parse(lab.run('qemu-img', 'info', '--output=json', 'fixed.vhd')) as { format: string };
      expect(probed.format).toBe('raw');
      const disk = await admit('fixed.vhd');
      expect(disk.virtualSizeBytes).toBe(raw.length);
      await expectContent(disk, 'disk.raw');
    });

    it('dynamic and fixed as qemu-img writes them', async () => {
      for (const subformat of ['dynamic', 'fixed']) {
        const name = `qemu-${subformat}.vhd`;
        const options = `subformat=${subformat},force_size=on`;
        lab.run('qemu-img', 'convert', '-f', 'raw', '-O', 'vpc', '-o', options, 'disk.raw', name);
        const disk = await admit(name);
        expect(disk.layers[0]?.subformat).toBe(subformat);
        await expectContent(disk, 'disk.raw');
      }
    });

    it('the size of the footer, where the tool alone would take the geometry', async () => {
      lab.put('vpc.vhd', dynamicVhd(raw, { creator: 'vpc' }));
      const alone = JSON.parse(lab.run('qemu-img', 'info', '--output=json', '-f', 'vpc', 'vpc.vhd')) as object;
      expect(alone).not.toMatchObject({ 'virtual-size': raw.length });
      await expectContent(await admit('vpc.vhd'), 'disk.raw');
    });

    it('bad checksums', async () => {
      const dynamic = dynamicVhd(raw.subarray(0, 4 * MIB));
      const end = Buffer.from(dynamic);
      end[end.length - 512 + 20] = 0x55;
      lab.put('end.vhd', end);
      expect((await admit('end.vhd')).notes.join()).toContain('copy at the beginning');
      const both = Buffer.from(end);
      both[20] = 0x55;
      lab.put('both.vhd', both);
      expect((await refusal('both.vhd')).code).toBe('source.corrupt-image');
      const fixed = fixedVhd(raw.subarray(0, 4 * MIB));
      fixed[fixed.length - 512 + 20] = 0x55;
      lab.put('badfixed.vhd', fixed);
      expect((await refusal('badfixed.vhd')).code).toBe('source.corrupt-image');
      const table = Buffer.from(dynamic);
      table[512 + 100] = 7;
      lab.put('table.vhd', table);
      expect((await refusal('table.vhd')).message).toContain('dynamic disk header');
      lab.put('cutfixed.vhd', Buffer.concat([raw.subarray(0, 3 * MIB), vhdFooter({ type: 2, sizeBytes: 4 * MIB })]));
      expect((await refusal('cutfixed.vhd')).code).toBe('source.corrupt-image');
      lab.put('odd.vhd', Buffer.concat([raw.subarray(0, MIB), vhdFooter({ type: 99, sizeBytes: MIB })]));
      expect((await refusal('odd.vhd')).code).toBe('source.corrupt-image');
    });

    it('differencing: chain, ids and missing parents', async () => {
      lab.put('vparent.vhd', dynamicVhd(raw, { id: 'aa'.repeat(16) }));
      const child = (id: string, relative: string): Buffer =>
        dynamicVhd(raw, { holds: (s) => s % 5 === 0, parent: { id, relative, name: 'gone.vhd' } });
      lab.put('vchild.vhd', child('aa'.repeat(16), '.\\vparent.vhd'));
      const disk = await admit('vchild.vhd');
      expect(disk.layers.map((layer) => layer.subformat)).toEqual(['differencing', 'dynamic']);
      lab.put('vwrong.vhd', child('bb'.repeat(16), '.\\vparent.vhd'));
      expect((await refusal('vwrong.vhd')).code).toBe('flatten.chain-cid');
      lab.put('vgone.vhd', child('aa'.repeat(16), '.\\nothere.vhd'));
      expect((await refusal('vgone.vhd')).code).toBe('flatten.chain-broken');
      lab.put('vup.vhd', child('aa'.repeat(16), '..\\vparent.vhd'));
      expect((await refusal('vup.vhd')).code).toBe('source.unsafe-ref');
    });
  });

  describe('other formats', () => {
    it.each([
      ['vhdx', 'vhdx', 'dynamic', ['-o', 'subformat=dynamic']],
      ['vhdx', 'vhdx', 'fixed', ['-o', 'subformat=fixed']],
      ['vdi', 'vdi', 'dynamic', []],
      ['vdi', 'vdi', 'fixed', ['-o', 'static=on']],
      ['qcow2', 'qcow2', 'v3', []],
      ['qcow2', 'qcow2', 'v2', ['-o', 'compat=0.10']],
      ['qcow2', 'qcow2', 'v3', ['-c', '-o', 'compression_type=zstd,extended_l2=on,cluster_size=128k']],
    ] as const)('%s %s %s %j', async (_, format, subformat, options) => {
      const name = `other-${subformat}.${format}`;
      lab.run('qemu-img', 'convert', '-f', 'raw', '-O', format, ...options, 'disk.raw', name);
      const disk = await admit(name);
      expect(disk.layers[0]).toMatchObject({ format, subformat });
      await expectContent(disk, 'disk.raw');
    });

    it('raw only when it is said', async () => {
      expect((await refusal('disk.raw')).code).toBe('source.format-unknown');
      await expectContent(await admit('disk.raw', { format: 'raw' }), 'disk.raw');
      expect((await refusal('disk.raw', { format: 'qcow2' })).code).toBe('source.format-mismatch');
    });

    it('qcow2 chains inside the folder, with and without a backing format', async () => {
      lab.run('qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', 'disk.raw', 'qbase.vmdk');
      lab.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'qbase.vmdk', '-F', 'vmdk', 'q1.qcow2');
      lab.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'q1.qcow2', '-F', 'qcow2', 'q2.qcow2');
      lab.run('qemu-io', '-f', 'qcow2', '-c', 'write -P 0x5a 1M 100k', 'q2.qcow2');
      const expected = Buffer.from(raw);
      expected.fill(0x5a, MIB, MIB + 100 * 1024);
      lab.put('q.raw', expected);
      await expectContent(await admit('q2.qcow2'), 'q.raw');
      // Over raw without a format in the header: nobody vouches for it, so it is not taken.
      lab.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'disk.raw', '-F', 'raw', 'qraw.qcow2');
      await expectContent(await admit('qraw.qcow2'), 'disk.raw');
      const bytes = lab.read('qraw.qcow2');
      const at = bytes.indexOf(Buffer.from('e2792aca', 'hex'));
      bytes.writeUInt32BE(0x12345678, at);
      lab.put('qraw2.qcow2', bytes);
      expect((await refusal('qraw2.qcow2')).code).toBe('source.format-unknown');
    });

    it('evil qcow2 headers', async () => {
      lab.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'data_file=ext.raw', 'data.qcow2', '1M');
      expect((await refusal('data.qcow2')).code).toBe('source.format-unsupported');
      lab.run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', 'passwd.qcow2', '1M');
      expect((await refusal('passwd.qcow2')).code).toBe('source.unsafe-ref');
      const json = 'json:{"driver":"file","filename":"/etc/passwd"}';
      lab.run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', json, '-F', 'raw', 'json.qcow2', '1M');
      expect((await refusal('json.qcow2')).code).toBe('source.unsafe-ref');
      lab.run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', 'nbd:127.0.0.1:1', '-F', 'raw', 'nbd.qcow2', '1M');
      expect((await refusal('nbd.qcow2')).code).toBe('source.unsafe-ref');
      const plain = lab.read('other-v3.qcow2');
      plain.writeUInt32BE(2, 32);
      lab.put('luks.qcow2', plain);
      expect((await refusal('luks.qcow2')).code).toBe('source.encrypted');
      plain.writeUInt32BE(0, 32);
      plain.writeBigUInt64BE(2n, 72);
      lab.put('corrupt.qcow2', plain);
      expect((await refusal('corrupt.qcow2')).code).toBe('source.corrupt-image');
      plain.writeBigUInt64BE(0x100n, 72);
      lab.put('future.qcow2', plain);
      expect((await refusal('future.qcow2')).code).toBe('source.format-unsupported');
      plain.writeBigUInt64BE(0n, 72);
      plain.writeBigUInt64BE(2n ** 62n, 24);
      lab.put('size.qcow2', plain);
      expect((await refusal('size.qcow2')).code).toBe('source.too-large');
    });

    it('archives named as disks are refused with the right word', async () => {
      lab.run('tar', 'cf', 'x.tar', 'mixed.vmdk');
      expect((await refusal('x.tar')).hint).toContain('ova');
      lab.put('x.ovf', '<?xml version="1.0"?><Envelope/>');
      expect((await refusal('x.ovf')).hint).toContain('ovf');
    });
  });

  it('paths that are long or hold quotes, commas and spaces', async () => {
    const dir = `q"uo,te\\ d/${'long'.repeat(50)}`;
    mkdirSync(lab.path(dir), { recursive: true });
    lab.put(`${dir}/a b.vhd`, fixedVhd(raw));
    await expectContent(await admit(`${dir}/a b.vhd`), 'disk.raw');
    lab.put(`${dir}/f"lat.bin`, raw);
    lab.put(
      `${dir}/x.vmdk`,
      vmdkDescriptor({ createType: 'monolithicFlat', extents: [`RW ${sectors} FLAT "f"lat.bin" 0`] }),
    );
    await expectContent(await admit(`${dir}/x.vmdk`), 'disk.raw');
  });
});
