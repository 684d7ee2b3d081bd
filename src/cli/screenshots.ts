import { join } from 'node:path';
import type { Host } from '../host/index.js';
import type { RunReport } from '../model/report.js';

const PICTURE_LIMIT = 512 * 1024;

/** The last picture of each booted guest, by VM, for the report. A picture that is missing or too large is left out. */
export async function readScreenshots(host: Host, report: RunReport): Promise<ReadonlyMap<string, Buffer>> {
  const pictures = new Map<string, Buffer>();
  for (const vm of report.vms.slice(0, 20)) {
    const dir = vm.validation?.evidenceDir;
    if (dir === undefined || (await host.files.stat(dir))?.kind !== 'directory') continue;
    const last = (await host.files.list(dir)).filter((name) => name.endsWith('.png')).at(-1);
    if (last === undefined) continue;
    const facts = await host.files.stat(join(dir, last));
    if (facts === undefined || facts.sizeBytes > PICTURE_LIMIT) continue;
    pictures.set(vm.vmKey, await host.files.read(join(dir, last)));
  }
  return pictures;
}
