/** Level `fs`: the product's filesystems and what it needs to start, read in the appliance from a throw-away overlay. */
import { posix } from 'node:path';
import { DroverError } from '../lib/error.js';
import { applyChanges, inspectGuest, openGuest, readLabeler } from '../guest/index.js';
import type { OpenGuest } from '../guest/index.js';
import type { Host } from '../host/index.js';
import { INSTRUMENT_LINK, instrumentFiles, withSerialConsole } from '../machine/index.js';
import type { ReportPatience } from '../machine/index.js';
import type {
  ConvertedDisk,
  DiskBus,
  DiskImage,
  FixResult,
  Inspection,
  KernelFacts,
  StageContext,
  ValidationCheck,
  VmDescription,
  WatchedDriver,
} from '../model/index.js';

export interface GuestPartRequest {
  readonly products: readonly ConvertedDisk[];
  readonly description: VmDescription;
  readonly fix: FixResult;
  readonly accelerator: 'kvm' | 'tcg';
  readonly root?: string;
  /** Existing private folders. */
  readonly overlayDir: string;
  readonly scratchDir: string;
  /** Instrument the overlays for a boot that follows. */
  readonly instrument?: ReportPatience;
  readonly context: StageContext;
}

export interface GuestPart {
  readonly checks: readonly ValidationCheck[];
  readonly warnings: readonly {
    readonly code: 'validate.not-instrumented' | 'validate.partial';
    readonly message: string;
  }[];
  /** The overlays for the boot; absent when a check failed or no boot follows. */
  readonly overlays?: readonly DiskImage[];
  readonly isInstrumented: boolean;
}

/** One line per filesystem: type, UUID, exit code, last words. Every tool is told to change nothing. */
const FSCK_SCRIPT = `
for d in $(blkid -o device); do
  t=$(blkid -p -o value -s TYPE "$d")
  u=$(blkid -p -o value -s UUID "$d")
  case $t in
    ext2|ext3|ext4) o=$(e2fsck -fn "$d" 2>&1); r=$? ;;
    xfs) o=$(xfs_repair -n "$d" 2>&1); r=$? ;;
    btrfs) o=$(btrfs check --readonly "$d" 2>&1); r=$? ;;
    vfat) o=$(fsck.vfat -n "$d" 2>&1); r=$? ;;
    *) continue ;;
  esac
  printf 'fsck %s %s %s %s\\n' "$t" "\${u:--}" "$r" "$(printf %s "$o" | tail -n 6 | base64 -w0)"
done
`;

interface FsckLine {
  readonly fsType: string;
  readonly uuid: string;
  readonly exitCode: number;
  readonly said: string;
}

/** What the file system checkers found. */
export function parseFsck(answer: string): readonly FsckLine[] {
  return [...answer.matchAll(/^fsck (\S+) (\S+) (\d+) ?(\S*)$/gm)].map((match) => ({
    fsType: match[1] ?? '',
    uuid: match[2] === '-' ? '' : (match[2] ?? ''),
    exitCode: Number(match[3]),
    said: Buffer.from(match[4] ?? '', 'base64')
      .toString('utf8')
      .replaceAll(/[^\P{Cc}\n]/gu, ''),
  }));
}

/** 127 and 126 say that the appliance lacks the program: nothing is known then. */
function fsckStatus(line: FsckLine, isNeeded: boolean): Pick<ValidationCheck, 'status' | 'evidence'> {
  if (line.exitCode === 126 || line.exitCode === 127) {
    return { status: 'skipped', evidence: `the appliance has no checker for ${line.fsType}` };
  }
  if (line.exitCode === 0) return { status: 'pass', evidence: `${line.fsType} is clean` };
  const said = `${line.fsType}: exit code ${line.exitCode}: ${line.said.trim()}`.slice(0, 2000);
  return isNeeded
    ? { status: 'fail', evidence: said }
    : { status: 'skipped', evidence: `not needed for starting; ${said}` };
}

const NEEDED_MOUNTS = new Set(['/', '/boot', '/boot/efi', '/usr', '/var']);

/** The appliance sees disks of its own too: only file systems that the guest has are judged. */
function fsckChecks(lines: readonly FsckLine[], inspection: Inspection): ValidationCheck[] {
  return lines.flatMap((line) => {
    const device = inspection.block.find((one) => one.uuid !== undefined && one.uuid === line.uuid)?.device;
    if (device === undefined) return [];
    const mounts = inspection.mountpoints.filter((mount) => mount.device === device).map((mount) => mount.path);
    const isNeeded = mounts.some((path) => NEEDED_MOUNTS.has(path));
    return [{ id: `fs.check ${mounts[0] ?? device}`, level: 'fs' as const, ...fsckStatus(line, isNeeded), seconds: 0 }];
  });
}

/** Drivers that must be there before the root filesystem can be mounted, by bus. */
const BUS_DRIVERS: Readonly<Record<DiskBus, readonly WatchedDriver[]>> = {
  'virtio-blk': ['virtio_pci', 'virtio_blk'],
  'virtio-scsi': ['virtio_pci', 'virtio_scsi', 'sd_mod'],
  sata: ['ahci', 'sd_mod'],
  ide: ['ata_piix', 'sd_mod'],
};

function kernelChecks(inspection: Inspection, fix: FixResult): ValidationCheck[] {
  const kernel: KernelFacts | undefined =
    inspection.kernels.find((one) => one.isDefault) ?? inspection.kernels.find((one) => !one.isRescue);
  const check = (id: string, status: ValidationCheck['status'], evidence: string): ValidationCheck => ({
    ...{ id, level: 'fs', status, evidence, seconds: 0 },
  });
  if (kernel === undefined) return [check('fs.kernel', 'fail', 'there is no kernel that could be started')];
  const found = `${kernel.vmlinuz}${kernel.initramfs === undefined ? ', no initramfs' : `, ${kernel.initramfs.path} (${kernel.initramfs.sizeBytes} bytes)`}`;
  const rootDisk = inspection.block.find((one) => one.device === inspection.root?.device)?.diskIndex ?? 0;
  const bus = fix.buses.find((one) => one.index === rootDisk)?.bus ?? 'virtio-blk';
  const states = BUS_DRIVERS[bus].map((driver) => {
    const facts = kernel.drivers.find((one) => one.driver === driver);
    const state = facts === undefined ? 'unknown' : facts.presence === 'builtin' ? 'builtin' : facts.inInitramfs;
    return { driver, state };
  });
  const evidence = `${kernel.version}, disk on ${bus}: ${states.map(({ driver, state }) => `${driver} ${state}`).join(', ')}`;
  const status = states.some(({ state }) => state === 'no')
    ? 'fail'
    : states.some(({ state }) => state === 'unknown')
      ? 'skipped'
      : 'pass';
  return [check('fs.kernel', 'pass', found), check('fs.drivers', status, evidence)];
}

/** Names of devices that change with the machine must be gone from what is needed for starting. */
function nameCheck(inspection: Inspection): ValidationCheck {
  const left = [
    ...inspection.fstab
      .filter((entry) => entry.class === 'volatile' && entry.bootCritical)
      .map((entry) => `/etc/fstab:${entry.line}: ${entry.spec}`),
    ...inspection.crypttab
      .filter((entry) => entry.class === 'volatile')
      .map((entry) => `/etc/crypttab:${entry.line}: ${entry.device}`),
    ...[
      ...(inspection.bootloader.cmdline ?? '').matchAll(
        /(?:^|\s)((?:root|resume)=\/dev\/(?:disk\/by-path\/|(?:[shv]|xv)d[a-z]|nvme)\S*)/g,
      ),
    ].map((match) => `kernel arguments: ${match[1] ?? ''}`),
  ];
  return {
    ...{ id: 'fs.names', level: 'fs', seconds: 0 },
    status: left.length === 0 ? 'pass' : 'fail',
    evidence: left.length === 0 ? 'no device name that changes with the machine' : left.join('; ').slice(0, 4096),
  };
}

/** Puts console and reporting unit into the overlay. Gives the reason when that is not possible. */
async function instrument(
  host: Host,
  guest: OpenGuest,
  request: GuestPartRequest,
  patience: ReportPatience,
): Promise<string | undefined> {
  const { inspection, tree } = guest;
  if (inspection.init !== 'systemd')
    return `the guest starts with ${inspection.init}, the reporting unit needs systemd`;
  if (inspection.immutable) return 'the guest is of the immutable kind';
  await guest.remount('rw');
  const files = instrumentFiles(request.fix.nics, patience);
  for (const file of files) tree.write(file.path, file.content, file.mode);
  tree.symlink(INSTRUMENT_LINK.target, INSTRUMENT_LINK.path);
  const entries = ['/boot/loader/entries', '/boot/efi/loader/entries', '/efi/loader/entries'].flatMap((dir) =>
    tree.list(dir).map((name) => posix.join(dir, name)),
  );
  for (const path of new Set([...inspection.bootloader.configs, ...entries])) {
    const real = tree.resolve(path) ?? path;
    const text = tree.text(real);
    const changed = text === undefined ? undefined : withSerialConsole(real, text);
    if (changed !== undefined) tree.write(real, Buffer.from(changed, 'latin1'));
  }
  const usesLabels = inspection.selinux === 'enforcing' || inspection.selinux === 'permissive';
  const label = usesLabels ? readLabeler(tree) : undefined;
  await applyChanges(host, guest.session, tree, {
    scratchDir: request.scratchDir,
    mountpoints: inspection.mountpoints,
    ...(label === undefined ? {} : { label }),
  });
  return undefined;
}

/** One launch of the appliance: checks first, then, for a boot that follows, the instrumentation of the same overlays. */
export async function checkGuest(host: Host, request: GuestPartRequest): Promise<GuestPart> {
  const { products, description, fix, context } = request;
  const isLinux = fix.guest === 'linux';
  const session = await openGuest(host, {
    disks: products,
    workDir: request.overlayDir,
    accelerator: request.accelerator,
    signal: context.signal,
  });
  let opened: OpenGuest | undefined;
  try {
    const guest: OpenGuest = await inspectGuest(host, session, {
      scratchDir: request.scratchDir,
      disks: description.disks,
      ...(request.root === undefined ? {} : { root: request.root }),
      blockOnly: !isLinux,
    });
    opened = guest;
    const { inspection } = guest;
    const checks: ValidationCheck[] = [];
    if (isLinux) {
      const isRead = inspection.mountpoints.some((mount) => mount.path === '/');
      const evidence = isRead
        ? `${inspection.distro.prettyName}, ${inspection.mountpoints.map((mount) => mount.path).join(' ')}`
        : `no root filesystem was found (${inspection.family})`;
      checks.push({ id: 'fs.root', level: 'fs', status: isRead ? 'pass' : 'fail', evidence, seconds: 0 });
      if (isRead) checks.push(nameCheck(inspection), ...kernelChecks(inspection, fix));
    }
    await session.tryCall(['umount-all']);
    const began = host.clock.monotonic();
    const answer = await session.script(FSCK_SCRIPT, { timeoutMs: 6 * 3600 * 1000 });
    const seconds = Math.round((host.clock.monotonic() - began) / 100) / 10;
    const found = fsckChecks(parseFsck(answer.toString('latin1')), inspection);
    checks.push(...found.map((check, at) => (at === 0 ? { ...check, seconds } : check)));

    const isFailed = checks.some((check) => check.status === 'fail');
    if (request.instrument === undefined || isFailed) {
      await guest[Symbol.asyncDispose]();
      return { checks, warnings: [], isInstrumented: false };
    }
    const why = await instrument(host, guest, request, request.instrument);
    const overlays = await session.finish(request.overlayDir);
    const message = `the reporting unit was not added: ${why ?? ''}`;
    return {
      checks,
      warnings: why === undefined ? [] : [{ code: 'validate.not-instrumented', message }],
      overlays,
      isInstrumented: why === undefined,
    };
  } catch (thrown) {
    await (opened ?? session)[Symbol.asyncDispose]();
    if (thrown instanceof DroverError) throw thrown.at({ step: 'fs' });
    throw thrown;
  }
}
