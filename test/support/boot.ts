/** Boots images in QEMU and watches the serial port: what a guest really does, seen without any code of the product. */
import { spawn } from 'node:child_process';

export interface Boot {
  /** The first pattern that the serial output matched; undefined when the time ran out or QEMU ended. */
  readonly seen: RegExp | undefined;
  /** All that was printed, terminal sequences removed. */
  readonly text: string;
}

const common = [
  '-machine',
  'q35,accel=tcg',
  '-cpu',
  'max',
  '-smp',
  '2',
  '-m',
  '1024',
  '-display',
  'none',
  '-no-reboot',
];

/** A machine as Drover's products get it. */
export function kvmHardware(disk: string, mac: string): readonly string[] {
  return ['-drive', `file=${disk},format=raw,if=virtio`, '-nic', `user,model=virtio-net-pci,mac=${mac}`];
}

/** A machine as vSphere shows it: the pvscsi controller at 0000:03:00.0, which by-path names speak of, and a vmxnet3. */
export function vmwareHardware(disk: string, mac: string): readonly string[] {
  return [
    ...[1, 2, 3].flatMap((port) => ['-device', `pcie-root-port,id=port${port},chassis=${port}`]),
    ...['-drive', `file=${disk},format=raw,if=none,id=disk`, '-device', 'pvscsi,bus=port3,id=scsi'],
    ...['-device', 'scsi-hd,bus=scsi.0,drive=disk,scsi-id=0', '-netdev', 'user,id=net'],
    ...['-device', `vmxnet3,netdev=net,bus=port2,mac=${mac}`],
  ];
}

/** Boots until the serial port shows one of the patterns. Writes go to a throw-away layer, never to the image. */
export async function bootUntil(
  hardware: readonly string[],
  patterns: readonly RegExp[],
  timeoutMs: number,
): Promise<Boot> {
  const qemu = spawn('qemu-system-x86_64', [...common, ...hardware, '-snapshot', '-serial', 'stdio'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  let seen: RegExp | undefined;
  const timer = setTimeout(() => qemu.kill('SIGKILL'), timeoutMs);
  qemu.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).replace(/\u001b\[[0-9;?]*[A-Za-z]|\u001bc/g, '');
    seen ??= patterns.find((pattern) => pattern.test(text));
    if (seen !== undefined) qemu.kill('SIGKILL');
  });
  qemu.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  try {
    await new Promise((resolve, reject) => qemu.on('close', resolve).on('error', reject));
  } finally {
    clearTimeout(timer);
  }
  return { seen, text };
}
