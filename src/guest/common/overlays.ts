/** Throw-away layers over the images of a VM: the appliance writes there and nowhere else. */
import { basename, isAbsolute, join } from 'node:path';
import type { Host } from '../../host/index.js';
import { DroverError } from '../../lib/error.js';
import type { DiskImage } from '../../model/results.js';
import { qemuFormat } from '../../model/vm.js';

const TIMEOUT_MS = 60_000;

/** Makes one qcow2 overlay per image in `dir`, which exists. The format of the image below is always said. */
export async function createOverlays(host: Host, disks: readonly DiskImage[], dir: string): Promise<DiskImage[]> {
  const overlays: DiskImage[] = [];
  for (const disk of disks) {
    if (!isAbsolute(disk.path)) {
      throw new DroverError({ code: 'internal.bug', message: `the image ${disk.path} has no absolute path` });
    }
    const path = join(dir, `guest-${disk.index}.qcow2`);
    await host.exec({
      tool: 'qemu-img',
      args: ['create', '-q', '-f', 'qcow2', '-F', qemuFormat(disk.format), '-b', disk.path, path],
      purpose: `make a throw-away layer over disk ${disk.index}`,
      mutates: false,
      timeoutMs: TIMEOUT_MS,
    });
    overlays.push({ ...disk, path, format: 'qcow2' });
  }
  return overlays;
}

/** Moves the overlays into another folder of the same filesystem. */
export async function moveOverlays(host: Host, overlays: readonly DiskImage[], dir: string): Promise<DiskImage[]> {
  const moved: DiskImage[] = [];
  for (const disk of overlays) {
    const path = join(dir, basename(disk.path));
    if (path !== disk.path) await host.files.rename(disk.path, path);
    moved.push({ ...disk, path });
  }
  return moved;
}

/** Removes them; what is gone already is fine. */
export async function removeOverlays(host: Host, overlays: readonly DiskImage[]): Promise<void> {
  for (const disk of overlays) await host.files.remove(disk.path);
}
