/** Places for products that are none, and images that only turn out to be bad while they are read. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ENTRY } from '../support/cli.js';
import { census, expectPolite, hostileGround, processesNaming } from '../support/hostile.js';
import type { HostileGround } from '../support/hostile.js';
import { patched, playbookOf } from '../support/hostile-table.js';
import { makeVhdx } from '../support/header-maker.js';
import { sampleDisk } from '../support/image-lab.js';
import { makeOvf, vsphereItems } from '../support/ovf-maker.js';
import { makeTar } from '../support/tar-maker.js';
import { requireTools } from '../support/tools.js';
import { hostedSparse, vmdkDescriptor, vmwareStream } from '../support/vmdk-maker.js';

const MIB = 1024 ** 2;
const DISK = sampleDisk(2 * MIB, 100 * 1024, 'out');
const RAW = 'disks: [{ file: a.raw, format: raw }]';

describe.skipIf(!(await requireTools('qemu-img')))('hostile outputs', () => {
  let ground: HostileGround;
  beforeEach(() => {
    ground = hostileGround();
    ground.put('images/a.raw', DISK);
  });
  afterEach(() => ground.remove());

  describe('places that cannot hold products', () => {
    /** `plan` and `run` refuse with one of these codes, and nothing at all changes. */
    async function refused(code: string, says: string | RegExp, exit = 4): Promise<void> {
      const before = census(ground.dir);
      for (const args of [
        ['plan', 'p.yaml'],
        ['run', 'p.yaml', '--yes'],
      ]) {
        const said = await ground.drover(args);
        const text = said.out + said.err;
        expect(said.code, text).toBe(exit);
        expect(text).toContain(code);
        expect(text).toMatch(says);
        expect(text).not.toMatch(/internal\.|^\s+at .*:\d+:\d+/m);
        expect(census(ground.dir)).toEqual(before);
        expect(processesNaming(ground.dir)).toEqual([]);
      }
    }

    const places: readonly (readonly [title: string, make: () => void, code: string, says: RegExp])[] = [
      ['the target is a file', () => ground.put('out', 'x'), 'preflight.output-place', /out is no folder \(file\)/],
      ['the target is a pipe', () => ground.special('pipe', 'out'), 'preflight.output-place', /no folder/],
      ['the target leads nowhere', () => symlinkSync('gone', ground.path('out')), 'preflight.output-place', /nowhere/],
      ['the target is itself', () => symlinkSync('out', ground.path('out')), 'preflight.output-place', /nowhere/],
      [
        'the folder of the machine is a file',
        () => ground.put('out/m0', 'x'),
        'preflight.output-place',
        /out\/m0 is no/,
      ],
      [
        'the folder of the machine leads to the source',
        () => {
          mkdirSync(ground.path('out'));
          symlinkSync('../images', ground.path('out/m0'));
        },
        'preflight.output-place',
        /leads to .*images, which lies in .*images, which holds source files/,
      ],
      [
        'the folder of the machine leads into the system',
        () => {
          mkdirSync(ground.path('out'));
          symlinkSync('/etc/drover', ground.path('out/m0'));
          symlinkSync('/usr/share', ground.path('out/m1'));
        },
        'preflight.output-place',
        /leads nowhere[^]*\/usr, which belongs to the operating system/,
      ],
      [
        'another file is there',
        () => ground.put('out/m0/m0-disk0.qcow2', 'mine'),
        'preflight.output-exists',
        /m0-disk0\.qcow2/,
      ],
      [
        'a folder is there',
        () => mkdirSync(ground.path('out/m0/m0.xml'), { recursive: true }),
        'preflight.output-exists',
        /m0\.xml/,
      ],
      [
        'a link out is there',
        () => {
          mkdirSync(ground.path('out/m0'), { recursive: true });
          symlinkSync('/etc/passwd', ground.path('out/m0/m0-disk0.qcow2'));
        },
        'preflight.output-exists',
        /m0-disk0\.qcow2/,
      ],
      [
        'a pipe is there, and one for the record',
        () => {
          mkdirSync(ground.path('out/m0'), { recursive: true });
          ground.special('pipe', 'out/m0/m0-disk0.qcow2');
          ground.special('pipe', 'out/m0/.drover.json');
        },
        'preflight.output-exists',
        /m0-disk0\.qcow2/,
      ],
    ];
    it.each(places)('%s', async (_title, make, code, says) => {
      make();
      ground.put('p.yaml', playbookOf([RAW, RAW]));
      await refused(code, says);
    });

    it('the target leads to the source', async () => {
      symlinkSync('images', ground.path('out'));
      ground.put('p.yaml', playbookOf([RAW]));
      await refused('playbook.target-in-source', /p\.yaml:\d+:\d+: error/, 3);
    });

    it.skipIf(process.getuid?.() !== 0)('the target cannot be written by an ordinary user', async ({ skip }) => {
      ground.put('p.yaml', playbookOf([RAW]));
      mkdirSync(ground.path('out'), { mode: 0o755 });
      mkdirSync(ground.path('state'));
      chmodSync(ground.dir, 0o755);
      chownSync(ground.path('state'), 65534, 65534);
      const before = census(ground.path('out'));
      const words = [ENTRY, 'plan', 'p.yaml', '--state-dir', ground.path('state')];
      const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--', process.execPath, ...words];
      let said = '';
      try {
        execFileSync('setpriv', nobody, { cwd: ground.dir, stdio: 'pipe', encoding: 'utf8' });
      } catch (failed) {
        const { status, stdout, stderr } = failed as { status: number; stdout: string; stderr: string };
        said = stdout + stderr;
        // Where the checkout itself may not be read by others, there is nothing to learn.
        skip(/EACCES: permission denied|Cannot find module/.test(said), 'the checkout cannot be read by other users');
        expect(status, said).toBe(4);
      }
      expect(said).toContain('preflight.target-read-only');
      expect(census(ground.path('out'))).toEqual(before);
    });

    it('a link to a folder of its own is followed', async () => {
      mkdirSync(ground.path('out'));
      mkdirSync(ground.path('elsewhere'));
      symlinkSync('../elsewhere', ground.path('out/m0'));
      ground.put('p.yaml', playbookOf([RAW]));
      const { code, err } = await ground.drover(['run', 'p.yaml', '--yes'], 60_000);
      expect(code, err).toBe(0);
      expect(existsSync(ground.path('elsewhere/m0-disk0.qcow2'))).toBe(true);
      expect(lstatSync(ground.path('out/m0')).isSymbolicLink()).toBe(true);
    });
  });

  it('two machines may read one image', async () => {
    ground.put(
      'p.yaml',
      playbookOf([RAW, RAW, 'disks: [{ file: a.raw, format: raw }, { file: ./a.raw, format: raw }]']),
    );
    const before = census(ground.path('images'));
    const { code, err } = await ground.drover(['run', 'p.yaml', '--yes'], 60_000);
    expect(code, err).toBe(0);
    expect(err).toContain('disk0 and disk1 are the same image');
    expect(census(ground.path('images'))).toEqual(before);
    for (const product of ['m0/m0-disk0', 'm1/m1-disk0', 'm2/m2-disk0', 'm2/m2-disk1']) {
      const args = [
        'compare',
        '-f',
        'raw',
        '-F',
        'qcow2',
        ground.path('images/a.raw'),
        ground.path(`out/${product}.qcow2`),
      ];
      expect(execFileSync('qemu-img', args).toString()).toContain('identical');
    }
  });

  it('what shows only while it is read fails that machine alone, by name and stage', async () => {
    const stream = vmwareStream(DISK);
    const ovf = (compression?: string): string =>
      makeOvf({
        files: [{ id: 'f', href: 'd', ...(compression === undefined ? {} : { compression }) }],
        disks: [{ id: 'd', file: 'f', capacity: String(DISK.length) }],
        systems: [
          { id: 'web', items: vsphereItems([{ disk: 'd', unit: 0 }]).filter((item) => item['ResourceType'] !== 10) },
        ],
      });
    const inOva = (
      text: string,
      data: Uint8Array | string,
      more: readonly { name: string; data: string }[] = [],
    ): Buffer => makeTar([{ name: 'web.ovf', data: text }, ...more, { name: 'd', data }]);
    const rows: readonly (readonly [
      vm: string,
      file: string,
      data: Uint8Array | string,
      stage: string,
      code: string,
    ])[] = [
      // The first grain's packed bytes, behind its marker of 12 bytes.
      [
        'disks: [grain.vmdk]',
        'grain.vmdk',
        patched(stream, 128 * 512 + 14, 255, 255, 255, 255),
        'INSPECT',
        'exec.failed',
      ],
      ['disks: [empty.vhdx]', 'empty.vhdx', makeVhdx({ sizeBytes: 8 * MIB }), 'FETCH', 'source.corrupt-image'],
      ['disks: [log.vhdx]', 'log.vhdx', makeVhdx({ sizeBytes: 8 * MIB, logPending: true }), 'FETCH', 'exec.failed'],
      ['ova: gzip.ova', 'gzip.ova', inOva(ovf('gzip'), 'no gzip at all'), 'FETCH', 'source.archive-corrupt'],
      [
        'ova: sum.ova',
        'sum.ova',
        inOva(ovf(), stream, [{ name: 'web.mf', data: `SHA256(d)= ${'0'.repeat(64)}\n` }]),
        'FETCH',
        'source.manifest',
      ],
    ];
    for (const [, file, data] of rows) ground.put(`images/${file}`, data);
    const sparse = vmdkDescriptor({ createType: 'monolithicSparse', extents: [`RW ${DISK.length / 512} SPARSE "x"`] });
    // Two grains in one place are no contradiction that anybody could see; the rest of the run is not held up.
    const twins = hostedSparse(DISK, { descriptor: sparse });
    twins.copy(twins, 22 * 512 + 4, 22 * 512, 22 * 512 + 4);
    ground.put('images/twins.vmdk', twins);
    ground.put('p.yaml', playbookOf([...rows.map(([vm]) => vm), 'disks: [twins.vmdk]', RAW]));
    const before = census(ground.path('images'));
    const { code, out, err } = await ground.drover(['run', 'p.yaml', '--yes', '--json', '--renderer', 'plain'], 60_000);
    expect(code, err).toBe(1);
    const report = JSON.parse(out) as {
      readonly vms: readonly {
        name: string;
        state: string;
        failedStage?: string;
        error?: { code: string; hint: string };
      }[];
    };
    const found = report.vms.map(({ name, state, failedStage, error }) => [name, state, failedStage, error?.code]);
    expect(found.sort()).toEqual([
      ...rows.map(([, , , stage, failure], n) => [`m${n}`, 'failed', stage, failure]),
      [`m${rows.length}`, 'succeeded', undefined, undefined],
      [`m${rows.length + 1}`, 'succeeded', undefined, undefined],
    ]);
    for (const { error } of report.vms) if (error !== undefined) expect(error.hint).not.toBe('');
    expect(err).not.toMatch(/internal\.|^\s+at .*:\d+:\d+/m);
    expect(census(ground.path('images'))).toEqual(before);
    expect(processesNaming(ground.dir)).toEqual([]);
    for (const n of rows.keys()) expect(existsSync(ground.path(`out/m${n}`))).toBe(false);
    expect(readFileSync(ground.path('p.yaml'), 'utf8')).toContain('twins');
  });

  it('the refusals of one machine do not hold up the others with --skip-blocked', async () => {
    ground.put('out/m1', 'x');
    ground.put('p.yaml', playbookOf(['disks: [gone.raw]', RAW, RAW]));
    const said = await ground.drover(['run', 'p.yaml', '--yes', '--skip-blocked'], 60_000);
    expect(said.err).toContain('source.missing');
    expect(said.err).toContain('out/m1 is no folder');
    expect(existsSync(ground.path('out/m2/m2-disk0.qcow2')), said.err).toBe(true);
    expect(readFileSync(ground.path('out/m1'), 'utf8')).toBe('x');
  });

  it('a refusal of everything is polite', async () => {
    ground.put('p.yaml', playbookOf(['disks: [gone.raw]']));
    expectPolite(ground, await ground.drover(['run', 'p.yaml', '--yes', '--skip-blocked']), 4);
  });
});
