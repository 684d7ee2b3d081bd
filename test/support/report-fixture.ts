import type { FixStepId, StepReport } from '../../src/model/fix.js';
import type { RunReport, StageReport, VmReport } from '../../src/model/report.js';
import type { StageName } from '../../src/model/stage.js';

const T0 = Date.parse('2026-05-02T22:00:00.000Z');

function at(seconds: number): string {
  return new Date(T0 + seconds * 1000).toISOString();
}

function stage(name: StageName, from: number, to: number, more: Partial<StageReport> = {}): StageReport {
  return {
    stage: name,
    state: 'succeeded',
    attempts: 1,
    seconds: to - from,
    waitedSeconds: 0,
    estimatedSeconds: to - from,
    reasons: [],
    spans: [{ kind: 'run', startedAt: at(from), endedAt: at(to), attempt: 1 }],
    ...more,
  };
}

function step(id: FixStepId, more: Partial<StepReport> = {}): StepReport {
  return { id, status: 'unchanged', changes: [], notes: [], warnings: [], mapped: [], commands: [], ...more };
}

const FSTAB_DIFF = `--- /etc/fstab
+++ /etc/fstab
@@ -1,3 +1,3 @@
 # /etc/fstab: static file system information.
-/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1 / ext4 errors=remount-ro 0 1
+UUID=1f0c7b1e-6f4e-4a4b-9a57-2f0a9f1c9d11 / ext4 errors=remount-ro 0 1
 tmpfs /tmp tmpfs defaults 0 0
`;

/** A machine that was moved and proven. */
export function sampleVm(name: string, offset: number, more: Partial<VmReport> = {}): VmReport {
  return {
    name,
    vmKey: `images:${name}`,
    wave: 'pilot',
    state: 'succeeded',
    cached: false,
    seconds: 92,
    origin: { kind: 'ova', path: `/images/${name}.ova` },
    guest: { prettyName: 'Debian GNU/Linux 12 (bookworm)', hostname: name, firmware: 'bios', kernels: 1 },
    disks: [
      { index: 0, source: `${name}-disk1.vmdk`, format: 'vmdk', virtualSizeBytes: 2 * 1024 ** 3, bus: 'virtio-blk' },
    ],
    nics: [{ index: 0, mac: '00:50:56:3a:5b:7c', model: 'virtio', network: 'default', ifname: 'ens192' }],
    stages: [
      stage('FETCH', offset, offset + 3),
      stage('FLATTEN', offset + 3, offset + 4),
      stage('INSPECT', offset + 4, offset + 23, {
        spans: [
          { kind: 'wait', startedAt: at(offset + 4), endedAt: at(offset + 8), attempt: 1 },
          { kind: 'run', startedAt: at(offset + 8), endedAt: at(offset + 23), attempt: 1 },
        ],
        waitedSeconds: 4,
      }),
      stage('PLAN', offset + 23, offset + 23.2),
      stage('FIX', offset + 23.2, offset + 29),
      stage('CONVERT', offset + 29, offset + 41, { bytes: 812 * 1024 ** 2 }),
      stage('VALIDATE', offset + 41, offset + 92),
    ],
    decisions: [
      { what: 'firmware', value: 'bios', why: 'the descriptor says so' },
      {
        what: 'disk bus',
        value: 'virtio-blk',
        why: 'kernel 6.1.0-25-amd64 has the drivers as modules; its initramfs gets them',
      },
    ],
    fix: [
      step('fstab', {
        status: 'changed',
        notes: ['1 line rewritten'],
        mapped: [
          {
            from: '/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1',
            to: 'UUID=1f0c7b1e-6f4e-4a4b-9a57-2f0a9f1c9d11',
            where: '/etc/fstab line 2',
          },
        ],
        changes: [{ path: '/etc/fstab', kind: 'modified', diff: FSTAB_DIFF }],
      }),
      step('network', {
        status: 'changed',
        notes: ['ens192 keeps its name'],
        changes: [
          {
            path: '/etc/systemd/network/10-drover-ens192.link',
            kind: 'created',
            diff: '--- /dev/null\n+++ /etc/systemd/network/10-drover-ens192.link\n@@ -0,0 +1,5 @@\n+# Managed by Drover\n+[Match]\n+PermanentMACAddress=00:50:56:3a:5b:7c\n+[Link]\n+Name=ens192\n',
          },
        ],
      }),
      step('agents', {
        status: 'changed',
        notes: ['open-vm-tools removed'],
        commands: [
          {
            argv: ['dpkg', '--purge', 'open-vm-tools'],
            exitCode: 0,
            tail: 'Purging configuration files for open-vm-tools ...',
            seconds: 3.4,
          },
        ],
      }),
      step('initramfs', {
        status: 'changed',
        notes: ['4 modules appended (612 KiB)'],
        changes: [
          {
            path: '/boot/initrd.img-6.1.0-25-amd64',
            kind: 'binary',
            diff: 'binary file: 22 MiB before, 22.6 MiB after',
          },
        ],
      }),
      step('crypttab', { status: 'skipped' }),
    ],
    products: [
      {
        path: `/out/${name}/${name}-disk0.qcow2`,
        format: 'qcow2',
        virtualSizeBytes: 2 * 1024 ** 3,
        fileBytes: 812 * 1024 ** 2,
        allocatedBytes: 812 * 1024 ** 2,
        check: 'clean',
      },
    ],
    domainXml: `/out/${name}/${name}.xml`,
    xmlChecks: [
      { name: 'schema', result: 'pass' },
      { name: 'virsh define', result: 'pass' },
    ],
    validation: {
      level: 'network',
      verdict: 'pass',
      accelerator: 'tcg',
      checks: [
        { id: 'image.check', level: 'image', status: 'pass', evidence: 'no errors were found', seconds: 0.4 },
        { id: 'fs.root', level: 'fs', status: 'pass', evidence: 'clean', seconds: 2.1 },
        {
          id: 'boot.login',
          level: 'boot',
          status: 'pass',
          evidence: `Debian GNU/Linux 12 ${name} ttyS0\n\n${name} login: `,
          actual: `${name} login:`,
          seconds: 24.3,
        },
        {
          id: 'network.nic0',
          level: 'network',
          status: 'pass',
          evidence: '',
          expected: 'ens192 by dhcp',
          actual: 'ens192 10.0.2.15/24',
          seconds: 0,
        },
      ],
      guestReport: {
        hostname: name,
        kernel: '6.1.0-25-amd64',
        interfaces: [{ name: 'ens192', mac: '00:50:56:3a:5b:7c', state: 'up', addresses: ['10.0.2.15/24'] }],
        defaultRoutes: [{ via: '10.0.2.2', dev: 'ens192' }],
        failedUnits: [],
        systemState: 'running',
      },
      evidenceDir: `/state/runs/r/logs/${name}/boot`,
      warnings: [],
    },
    appliance: { calls: 21, launches: 1, launchSeconds: 13.2 },
    warnings: [],
    waivers: [],
    ...more,
  };
}

/** A report with one success, one failure and one machine that had nothing to do. */
export function sampleReport(vms: readonly VmReport[]): RunReport {
  const counts: Record<string, number> = {};
  for (const vm of vms) counts[vm.cached ? 'cached' : vm.state] = (counts[vm.cached ? 'cached' : vm.state] ?? 0) + 1;
  return {
    schema: 'drover/report/v1',
    run: {
      id: '20260502T220000Z-k3f9qa',
      playbook: 'dc1-exit',
      planHash: '7c1e5d0f4a3b2c1d7c1e5d0f4a3b2c1d',
      startedAt: at(0),
      endedAt: at(130),
      seconds: 130,
      outcome: vms.some((vm) => vm.state === 'failed') ? 'failed' : 'succeeded',
      exitCode: 0,
      user: 'alice',
      host: 'conv1',
      version: '0.1.0',
      dir: '/state/runs/20260502T220000Z-k3f9qa',
    },
    playbookDigests: [{ file: 'playbook.yaml', sha256: 'ab'.repeat(32) }],
    host: {
      accelerator: 'tcg',
      acceleratorReason: 'KVM did not run the probe in time',
      cpus: 2,
      memoryBytes: 24 * 1024 ** 3,
      tools: { 'qemu-img': '7.2.22', guestfish: '1.48.6' },
    },
    counts,
    waves: [{ name: 'pilot', vms: vms.length, counts }],
    vms,
    timeLost: [{ reason: 'pools', seconds: 4 }],
    pools: [{ pool: 'local.appliance', peak: 1, capacity: 1 }],
    failures: [],
    warnings: [],
    leftBehind: [],
    next: ['virsh define /out/web01/web01.xml'],
  };
}

/** A machine whose names and texts try to break out of the page. */
export function hostileVm(): VmReport {
  const evil = '<script>window.broken = 1</script>"onload="window.broken=2" \u202e';
  return sampleVm(evil, 20, {
    guest: { prettyName: evil, hostname: evil, firmware: 'bios', kernels: 1 },
    warnings: [evil],
    fix: [
      step('fstab', {
        status: 'changed',
        notes: [evil],
        changes: [{ path: evil, kind: 'modified', diff: `+${evil}\n` }],
      }),
    ],
  });
}

/** A machine that failed. */
export function failedVm(name: string): VmReport {
  const { validation: _, ...vm } = sampleVm(name, 10, {
    state: 'failed',
    seconds: 40,
    failedStage: 'CONVERT',
    error: {
      code: 'file.no-space',
      class: 'resource',
      message: 'no space on /out: 212 GiB are needed, 40 GiB are free',
      hint: 'Free space or move the target, then `drover resume`.',
      retryable: false,
    },
    stages: [
      stage('FETCH', 10, 13),
      stage('FLATTEN', 13, 14),
      stage('INSPECT', 14, 33),
      stage('PLAN', 33, 33.2),
      stage('FIX', 33.2, 39),
      stage('CONVERT', 39, 62, {
        state: 'failed',
        attempts: 2,
        spans: [
          { kind: 'run', startedAt: at(39), endedAt: at(47), attempt: 1 },
          { kind: 'retry', startedAt: at(47), endedAt: at(53), attempt: 1 },
          { kind: 'run', startedAt: at(53), endedAt: at(62), attempt: 2 },
        ],
      }),
      stage('VALIDATE', 62, 62, { state: 'skipped', attempts: 0, spans: [], seconds: 0 }),
    ],
    products: [],
    warnings: ['the disks go to sata instead of virtio-blk'],
  });
  return vm;
}
