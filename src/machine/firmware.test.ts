import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHost } from '../host/index.js';
import { findFirmware, firmwareDirs, matchFirmware, parseFirmware, readFirmware } from './firmware.js';
import type { FirmwareDescriptor } from './firmware.js';

function descriptor(features: readonly string[], machines = ['pc-q35-*'], more: object = {}): string {
  return JSON.stringify({
    description: 'test',
    'interface-types': ['uefi'],
    mapping: {
      device: 'flash',
      executable: { filename: '/fw/code.fd', format: 'raw' },
      'nvram-template': { filename: '/fw/vars.fd', format: 'raw' },
    },
    targets: [{ architecture: 'x86_64', machines }],
    features,
    ...more,
  });
}

const SECURE = ['secure-boot', 'enrolled-keys', 'requires-smm'];

function all(...texts: string[]): FirmwareDescriptor[] {
  return texts.map((text, index) => parseFirmware(`${index}.json`, text) as FirmwareDescriptor);
}

describe('choosing firmware', () => {
  const list = all(
    descriptor(SECURE),
    descriptor(['secure-boot', 'requires-smm']),
    descriptor(['acpi-s3'], ['pc-i440fx-*', 'pc-q35-*']),
  );
  const q35 = { arch: 'x86_64', machineType: 'pc-q35-7.2' } as const;

  it.each([
    ['secure boot takes the one with keys', { ...q35, kind: 'uefi-secure' }, '0.json'],
    ['plain UEFI takes the one without secure boot', { ...q35, kind: 'uefi' }, '2.json'],
    ['the old machine type has one too', { ...q35, machineType: 'pc-i440fx-7.2', kind: 'uefi' }, '2.json'],
    ['but no secure one', { ...q35, machineType: 'pc-i440fx-7.2', kind: 'uefi-secure' }, undefined],
    ['nor one for another architecture', { ...q35, arch: 'aarch64', kind: 'uefi' }, undefined],
    ['nor for the short name, which descriptors do not know', { ...q35, machineType: 'q35', kind: 'uefi' }, undefined],
  ] as const)('%s', (_, want, file) => expect(matchFirmware(list, want)?.file).toBe(file));

  it.each([
    [
      'stateless',
      { mapping: { device: 'flash', mode: 'stateless', executable: { filename: '/fw/x', format: 'raw' } } },
    ],
    ['combined', { mapping: { device: 'flash', mode: 'combined', executable: { filename: '/fw/x', format: 'raw' } } }],
    ['loaded into memory', { mapping: { device: 'memory', filename: '/fw/x' } }],
    ['a BIOS', { 'interface-types': ['bios'] }],
  ])('leaves out firmware that is %s', (_, more) => {
    expect(matchFirmware(all(descriptor([], ['pc-q35-*'], more)), { ...q35, kind: 'uefi' })).toBeUndefined();
  });

  it.each(['', '{', '[]', 'null', '{"interface-types":"uefi"}'])('does not stumble over %j', (text) => {
    expect(parseFirmware('x.json', text)).toBeUndefined();
  });
});

describe('the folders of descriptors', () => {
  const host = createHost();
  let dir = '';
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'drover-fw-'));
    await mkdir(join(dir, 'a'));
    await mkdir(join(dir, 'b'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('are the usual three, that of the user first', () => {
    expect(firmwareDirs((name) => (name === 'HOME' ? '/home/u' : undefined))).toEqual([
      '/home/u/.config/qemu/firmware',
      '/etc/qemu/firmware',
      '/usr/share/qemu/firmware',
    ]);
  });

  it('hide files of the same name; an empty file switches one off; names give the order', async () => {
    await writeFile(join(dir, 'a/50-x.json'), descriptor(['from-a']));
    await writeFile(join(dir, 'b/50-x.json'), descriptor(['from-b']));
    await writeFile(join(dir, 'b/40-y.json'), descriptor(['first']));
    await writeFile(join(dir, 'a/60-z.json'), '');
    await writeFile(join(dir, 'b/60-z.json'), descriptor(['switched-off']));
    const found = await readFirmware(host, [join(dir, 'a'), join(dir, 'b'), join(dir, 'missing')]);
    expect(found.map((entry) => entry.features[0])).toEqual(['first', 'from-a']);
  });

  it('are named when nothing fits', async () => {
    await expect(findFirmware(host, { kind: 'uefi', arch: 'x86_64', machine: 'q35' }, {}, [dir])).rejects.toMatchObject(
      { code: 'vm.firmware.not-found', message: expect.stringContaining(dir) },
    );
  });

  it('may name files that are gone', async () => {
    await writeFile(join(dir, '1.json'), descriptor([]));
    await expect(findFirmware(host, { kind: 'uefi', arch: 'x86_64', machine: 'q35' }, {}, [dir])).rejects.toMatchObject(
      { message: expect.stringContaining('/fw/code.fd') },
    );
  });
});
