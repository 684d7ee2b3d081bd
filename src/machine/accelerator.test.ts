import { describe, expect, it } from 'vitest';
import { judgeRuns, slownessOf } from './accelerator.js';
import type { ProbeRun } from './accelerator.js';
import { bootDisk, exitDisk } from './boot-sector.js';
import { parseQemuHelp } from './qemu-facts.js';

function run(
  accelerator: 'kvm' | 'tcg',
  outcome: ProbeRun['outcome'],
  milliseconds: number,
  cpuModel = 'host',
): ProbeRun {
  return { accelerator, cpuModel, outcome, milliseconds, note: 'qemu said so' };
}

describe('the verdict over accelerators', () => {
  it.each([
    ['KVM that runs is taken', [run('tcg', 'ran', 300), run('kvm', 'ran', 120)], 'kvm', 'host'],
    [
      'the plain processor where the exact one aborts',
      [run('tcg', 'ran', 300), run('kvm', 'failed', 60), run('kvm', 'ran', 150, 'qemu64')],
      'kvm',
      'qemu64',
    ],
    ['KVM that aborts is not', [run('tcg', 'ran', 300), run('kvm', 'failed', 60)], 'tcg', 'max'],
    ['nor KVM that crawls', [run('tcg', 'ran', 300), run('kvm', 'ran', 2500)], 'tcg', 'max'],
    ['nor KVM over the deadline', [run('tcg', 'ran', 300), run('kvm', 'too-slow', 3000)], 'tcg', 'max'],
    ['no device, no KVM', [run('tcg', 'ran', 300)], 'tcg', 'max'],
    ['a loaded machine does not make KVM slow', [run('tcg', 'ran', 100), run('kvm', 'ran', 450)], 'kvm', 'host'],
  ])('%s', (_, runs, accelerator, cpuModel) => {
    const verdict = judgeRuns(runs, 1);
    expect([verdict.accelerator, verdict.cpuModel]).toEqual([accelerator, cpuModel]);
  });

  it('says why, with what was measured', () => {
    const verdict = judgeRuns(
      [run('tcg', 'ran', 300), run('kvm', 'failed', 60), run('kvm', 'too-slow', 3000, 'qemu64')],
      1,
    );
    expect(verdict.reason).toBe(
      'KVM is not usable: cpu host failed (qemu said so); cpu qemu64 did not end within 3000 ms',
    );
  });

  it.each([
    [100, 5],
    [400, 6],
    [600, 9],
    [5000, 12],
  ])('scales limits by the time of the probe: %i ms gives %d', (ms, factor) => expect(slownessOf(ms)).toBe(factor));
});

describe('boot disks', () => {
  it('have a signature, a MiB, and what they were given', () => {
    const disk = bootDisk(Uint8Array.from([1, 2]), Buffer.from('data'));
    expect([disk.length, disk.readUInt16BE(510), disk.subarray(512, 516).toString()]).toEqual([
      1024 ** 2,
      0x55aa,
      'data',
    ]);
    expect(exitDisk().subarray(0, 4)).toEqual(Buffer.from([0xba, 0xf4, 0x00, 0xb0]));
    expect(() => bootDisk(new Uint8Array(511))).toThrow(RangeError);
  });
});

describe('the help of QEMU', () => {
  it('tells what the build has', () => {
    const facts = parseQemuHelp(
      'QEMU emulator version 7.2.22 (Debian 1:7.2)\n',
      '-netdev user,id=str[,ipv4=on|off]\n-sandbox on[,obsolete=allow|deny]\n',
      'Supported machines are:\npc                   Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-7.2)\nq35   Standard PC (alias of pc-q35-7.2)\npc-q35-7.2 x\n',
    );
    expect(facts).toEqual({
      version: '7.2.22',
      sandbox: true,
      userNetwork: true,
      machineTypes: { pc: 'pc-i440fx-7.2', q35: 'pc-q35-7.2' },
    });
    expect(parseQemuHelp('', '', '')).toEqual({
      version: 'unknown',
      sandbox: false,
      userNetwork: false,
      machineTypes: {},
    });
  });
});
