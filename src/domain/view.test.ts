import { describe, expect, it } from 'vitest';
import type { FixPlan, VmDescription } from '../model/index.js';
import { domainUuid, domainView } from './index.js';
import type { DomainInputs } from './index.js';

const plan: FixPlan = {
  version: 1,
  guest: 'linux',
  firmware: 'bios',
  secureBoot: false,
  machine: 'q35',
  disks: [
    { index: 0, bus: 'virtio-blk', target: 'vda' },
    { index: 1, bus: 'virtio-blk', target: 'vdb' },
  ],
  nics: [
    { index: 1, model: 'e1000e', network: 'bridge:br0', naming: 'none' },
    { index: 0, mac: '00:50:56:AA:BB:CC', model: 'virtio', network: 'default', naming: 'pin' },
  ],
  kernels: [],
  steps: [],
  memoryBytes: 1024 ** 3 + 1,
  cpus: 3,
  tpm: false,
  decisions: [],
  warnings: [],
};
const description: VmDescription = {
  name: 'Web 01\n(prod)\u0007',
  vmKey: 'images:web01',
  origin: { kind: 'disks', path: '/x' },
  disks: [
    { id: 'disk0', index: 0, bus: 'scsi', serial: 'ok-1', location: { kind: 'blank' } },
    { id: 'disk1', index: 1, bus: 'scsi', serial: 'no spaces & such', location: { kind: 'blank' } },
  ],
  nics: [],
  warnings: [],
};
const inputs: DomainInputs = {
  name: 'web01',
  vmKey: 'images:web01',
  playbook: 'first',
  tool: 'drover 0.1.0',
  plan,
  description,
  arch: 'x86_64',
  products: [
    { index: 1, path: '/out/web01-disk1.raw', format: 'raw' },
    { index: 0, path: '/out/web01-disk0.qcow2', format: 'qcow2' },
  ],
  firmware: { kind: 'bios' },
};

describe('the view of a domain', () => {
  const view = domainView(inputs);

  it('has its disks and adapters in order, whatever the order they came in', () => {
    expect(view.disks.map((disk) => disk.path)).toEqual(['/out/web01-disk0.qcow2', '/out/web01-disk1.raw']);
    expect(view.nics).toEqual([
      { index: 0, mac: '00:50:56:aa:bb:cc', model: 'virtio', attach: { kind: 'network', name: 'default' } },
      { index: 1, model: 'e1000e', attach: { kind: 'bridge', name: 'br0' } },
    ]);
  });

  it.each([
    [undefined, [1, 2]],
    [0, [1, 2]],
    [1, [2, 1]],
    [7, [1, 2]],
  ] as const)('with boot disk %s the firmware tries the disks in the order %j', (bootDisk, expected) => {
    const { bootDisk: _none, ...rest } = plan;
    const { disks } = domainView({ ...inputs, plan: bootDisk === undefined ? rest : { ...plan, bootDisk } });
    expect(disks.map((disk) => disk.bootOrder)).toEqual(expected);
  });

  it('keeps serials that libvirt takes and drops the others', () => {
    expect(view.disks.map((disk) => disk.serial)).toEqual(['ok-1', undefined]);
  });

  it('makes one clean line of the name at the origin', () => {
    expect(view.title).toBe('Web 01 (prod)');
    expect(domainView({ ...inputs, name: 'Web 01 (prod)' }).title).toBeUndefined();
  });

  it('rounds memory up to a MiB', () => expect(view.memoryBytes).toBe(1024 ** 3 + 1024 ** 2));

  it('takes the buses that FIX ended with', () => {
    const buses = [0, 1].map((index) => ({ index, bus: 'sata' as const, target: `sd${'ab'[index]}` }));
    expect(domainView({ ...inputs, fix: { buses } }).disks.map((disk) => disk.target)).toEqual(['sda', 'sdb']);
  });

  it('refuses a guest of another architecture', () => {
    expect(() => domainView({ ...inputs, arch: 'aarch64' })).toThrow(
      expect.objectContaining({ code: 'vm.domain.unsupported' }),
    );
  });
});

describe('the UUID of a domain', () => {
  it('is the same for a machine every time, and another for another machine', () => {
    expect(domainUuid('images:web01')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(domainUuid('images:web01')).toBe(domainUuid('images:web01'));
    expect(domainUuid('images:web01')).not.toBe(domainUuid('images:web02'));
  });
});
