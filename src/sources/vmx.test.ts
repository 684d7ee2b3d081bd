import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DroverError } from '../lib/error.js';
import { normaliseMac, parseVmx } from './vmx.js';

const FULL = `#!/usr/bin/vmware
.encoding = "UTF-8"
displayName = "web 01 |22prod|22"
guestOS = "debian11-64"
Firmware = "EFI"
uefi.secureBoot.enabled = "TRUE"
vtpm.present = "TRUE"
memSize = "4096"
NUMVCPUS = "4"
uuid.bios = "56 4d 11 22 33 44 55 66-77 88 99 aa bb cc dd ee"
vc.uuid = "50 2b 11 22 33 44 55 66-77 88 99 aa bb cc dd ee"
scsi1.present = "TRUE"
scsi0.present = "TRUE"
scsi0:10.fileName = "late.vmdk"
scsi0:2.present = "TRUE"
SCSI0:2.FILENAME = "second.vmdk"
scsi0:0.fileName = "first.vmdk"
scsi0:0.mode = "independent-persistent"
scsi0:3.present = "FALSE"
scsi0:3.fileName = "hidden.vmdk"
scsi2.present = "FALSE"
scsi2:0.fileName = "hidden2.vmdk"
nvme0:0.fileName = "fast.vmdk"
sata0:0.fileName = "install.iso"
sata0:0.deviceType = "cdrom-image"
sata0:1.fileName = "third.vmdk"
ide1:0.fileName = "auto detect"
ide0:0.fileName = "old.vmdk"
ide0:1.fileName = "/dev/sr0"
ethernet1.present = "TRUE"
ethernet1.addressType = "static"
ethernet1.address = "00:50:56:AA:BB:CC"
ethernet1.generatedAddress = "00:0c:29:00:00:00"
ethernet1.networkName = "VM Network"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.addressType = "generated"
ethernet0.generatedAddress = "00:0C:29:01:02:03"
ethernet0.connectionType = "nat"
ethernet0.pciSlotNumber = "192"
ethernet1.pciSlotNumber = "-1"
ethernet2.present = "FALSE"
ethernet2.address = "00:50:56:00:00:01"
this is no setting
`;

function refusal(text: string | Buffer): string {
  try {
    parseVmx('x.vmx', Buffer.from(text));
  } catch (error) {
    if (error instanceof DroverError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('parseVmx', () => {
  it('reads a whole machine', () => {
    const { notes, ...machine } = parseVmx('x.vmx', Buffer.from(FULL.replaceAll('\n', '\r\n')));
    expect(machine).toEqual({
      name: 'web 01 "prod"',
      disks: [
        { bus: 'scsi', controller: 0, unit: 0, file: 'first.vmdk' },
        { bus: 'scsi', controller: 0, unit: 2, file: 'second.vmdk' },
        { bus: 'scsi', controller: 0, unit: 10, file: 'late.vmdk' },
        { bus: 'nvme', controller: 0, unit: 0, file: 'fast.vmdk' },
        { bus: 'sata', controller: 0, unit: 1, file: 'third.vmdk' },
        { bus: 'ide', controller: 0, unit: 0, file: 'old.vmdk' },
      ],
      nics: [
        { index: 0, mac: '00:0c:29:01:02:03', model: 'vmxnet3', network: 'nat', pciSlot: 192 },
        { index: 1, mac: '00:50:56:aa:bb:cc', network: 'VM Network' },
      ],
      firmware: 'uefi',
      secureBoot: true,
      tpm: true,
      cpus: 4,
      memoryBytes: 4 * 1024 ** 3,
      guestId: 'debian11-64',
      uuid: '502b1122-3344-5566-7788-99aabbccddee',
    });
    expect(notes).toHaveLength(2);
    expect(notes.join()).toContain('independent');
    expect(notes.join()).toContain('this is no setting');
  });

  it('has the defaults of the hypervisor', () => {
    expect(parseVmx('x', Buffer.from('displayName = "a"'))).toMatchObject({
      firmware: 'bios',
      secureBoot: false,
      cpus: 1,
      memoryBytes: 32 * 1024 ** 2,
      disks: [],
      nics: [],
    });
  });

  it('decodes by the declared charset', () => {
    const text = Buffer.from('.encoding = "windows-1252"\ndisplayName = "caf\xe9"\n', 'latin1');
    expect(parseVmx('x', text).name).toBe('café');
    expect(refusal(Buffer.from('.encoding = "KLINGON"\nx = "\xe9"', 'latin1'))).toBe('source.descriptor');
  });

  it('refuses what it cannot stand for', () => {
    expect(refusal('')).toBe('source.descriptor');
    expect(refusal('GIF89a')).toBe('source.descriptor');
    expect(refusal(Buffer.alloc(1024 ** 2 + 1, 0x61))).toBe('source.descriptor');
    expect(refusal('encryption.keySafe = "x"')).toBe('source.encrypted');
    expect(refusal('memSize = "lots"')).toBe('source.descriptor');
    expect(refusal('numvcpus = "-1"')).toBe('source.descriptor');
  });

  it('stays quick with very many keys', () => {
    const text = Array.from({ length: 40_000 }, (_, i) => `scsi0:${i}.x = "y"`).join('\n');
    const began = performance.now();
    parseVmx('x', Buffer.from(text));
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it('never crashes on mutated files', () => {
    const good = Buffer.from(FULL);
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 10 }), (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        expect(refusal(bytes)).toMatch(/^(accepted|source[.](descriptor|encrypted))$/);
      }),
    );
  });
});

it('normaliseMac accepts every common form and no group address', () => {
  expect(normaliseMac('00-50-56-AA-BB-CC')).toBe('00:50:56:aa:bb:cc');
  expect(normaliseMac('080027123456')).toBe('08:00:27:12:34:56');
  expect(normaliseMac('01:00:5e:00:00:01')).toBeUndefined();
  expect(normaliseMac('00:00:00:00:00:00')).toBeUndefined();
  expect(normaliseMac('00:50:56:aa:bb')).toBeUndefined();
});
