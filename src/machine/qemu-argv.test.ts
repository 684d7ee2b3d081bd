import { describe, expect, it } from 'vitest';
import { MACHINES } from '../../test/fixtures/boot/machines.js';
import type { DomainView } from '../model/index.js';
import { optionValue, qemuArgv } from './qemu-argv.js';
import type { QemuRuntime } from './qemu-argv.js';

function runtime(view: DomainView, more: Partial<QemuRuntime> = {}): QemuRuntime {
  return {
    accelerator: 'tcg',
    cpuModel: 'max',
    cpus: 2,
    memoryBytes: view.memoryBytes,
    images: view.disks.map((disk) => ({
      index: disk.index,
      image: {
        path: `/work/overlay${disk.index}.qcow2`,
        format: 'qcow2',
        backing: { path: disk.path, format: disk.format },
      },
    })),
    ...(view.firmware.kind === 'bios'
      ? {}
      : { nvram: { path: '/work/vars.fd', format: view.firmware.format ?? 'raw' } }),
    qmpSocket: '/run/x/qmp.sock',
    pidFile: '/run/x/qemu.pid',
    serialLog: '/logs/serial.log',
    debugLog: '/logs/debugcon.log',
    agentSocket: '/run/x/agent.sock',
    network: 'isolated',
    captures: view.nics.map((nic) => ({ index: nic.index, path: `/logs/net${nic.index}.pcap` })),
    sandbox: true,
    onReboot: 'shutdown',
    ...more,
  };
}

interface Node {
  readonly [key: string]: unknown;
  readonly backing: {
    readonly driver: string;
    readonly 'read-only': boolean;
    readonly file: Node;
    readonly backing: null;
  };
}

/** The JSON values of an option, in order. */
function valuesOf(argv: readonly string[], option: string): readonly Node[] {
  return argv.filter((_, at) => argv[at - 1] === option).map((text) => JSON.parse(text) as Node);
}

/** One option with its value per line. */
function lines(argv: readonly string[]): string {
  const out: string[] = [];
  for (const word of argv) {
    if (word.startsWith('-') || out.length === 0) out.push(word);
    else out[out.length - 1] += ` ${word}`;
  }
  return `${out.join('\n')}\n`;
}

describe("QEMU's command line", () => {
  it.each(Object.keys(MACHINES))('for %s is as kept', async (name) => {
    const view = MACHINES[name] as DomainView;
    const text = lines(qemuArgv(view, runtime(view)));
    await expect(text).toMatchFileSnapshot(`../../test/fixtures/boot/golden/${name}.argv`);
  });

  it('names every image format and every layer below, for every machine', () => {
    for (const view of Object.values(MACHINES)) {
      const argv = qemuArgv(view, runtime(view));
      const nodes = valuesOf(argv, '-blockdev');
      const disks = nodes.filter((node) => String(node['node-name']).startsWith('disk'));
      expect(disks).toHaveLength(view.disks.length);
      for (const [at, node] of disks.entries()) {
        expect(node['driver']).toBe('qcow2');
        expect(node.backing.driver).toBe(view.disks[at]?.format);
        expect(node.backing['read-only']).toBe(true);
        expect(node.backing.file['read-only']).toBe(true);
        if (node.backing.driver === 'qcow2') expect(node.backing.backing).toBeNull();
      }
    }
  });

  it('has no network card that could reach anything', () => {
    for (const view of Object.values(MACHINES)) {
      const argv = qemuArgv(view, runtime(view));
      const nets = valuesOf(argv, '-netdev');
      for (const net of nets) expect([net['type'], net['restrict']]).toEqual(['user', true]);
      expect(new Set(nets.map((net) => net['net'])).size).toBe(nets.length);
    }
  });

  it('differs only where the run time says so', () => {
    const view = MACHINES['bios-q35'] as DomainView;
    const base = lines(qemuArgv(view, runtime(view))).split('\n');
    const other = lines(
      qemuArgv(
        view,
        runtime(view, {
          accelerator: 'kvm',
          cpuModel: 'host',
          sandbox: false,
          onReboot: 'reset',
          network: 'unplugged',
          captures: [],
        }),
      ),
    ).split('\n');
    expect(other.filter((line) => !base.includes(line))).toEqual([
      '-accel kvm',
      '-cpu host',
      '-action panic=pause,shutdown=pause,reboot=reset',
      '-netdev {"type":"hubport","id":"net0","hubid":0}',
    ]);
  });

  it('doubles commas in string options', () => expect(optionValue('/a,b/c')).toBe('/a,,b/c'));
});
