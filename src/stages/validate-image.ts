/** Level `image`: the products are what CONVERT left, sound, and the domain XML describes them. */
import { DroverError } from '../lib/error.js';
import { sha256 } from '../lib/canonical-json.js';
import { parseDomainXml } from '../domain/index.js';
import { formatSize } from '../lib/units.js';
import type { Host } from '../host/index.js';
import { checkImage, imageInfo } from '../machine/index.js';
import type { ConvertResult, ValidationCheck } from '../model/index.js';

const MIB = 1024 ** 2;

/** What tells that a file was written to: size, time, and samples of its beginning and end. */
export async function productSample(host: Host, path: string): Promise<string> {
  const facts = await host.files.stat(path);
  if (facts === undefined) return 'absent';
  await using file = await host.files.open(path);
  const head = await file.read(0, MIB);
  const tail = await file.read(Math.max(0, facts.sizeBytes - MIB), MIB);
  return `${facts.sizeBytes} ${facts.mtimeNs} ${sha256(Buffer.concat([head, tail]))}`;
}

/** Samples of all products, by path. */
export async function sampleProducts(host: Host, converted: ConvertResult): Promise<ReadonlyMap<string, string>> {
  const samples = new Map<string, string>();
  for (const path of [...converted.disks.map((disk) => disk.path), converted.domainXml]) {
    samples.set(path, await productSample(host, path));
  }
  return samples;
}

/** Runs one check and times it; what it throws becomes its failure. */
async function timedCheck(
  host: Host,
  id: string,
  level: ValidationCheck['level'],
  run: () => Promise<Pick<ValidationCheck, 'status' | 'evidence'> & Partial<ValidationCheck>>,
): Promise<ValidationCheck> {
  const began = host.clock.monotonic();
  const seconds = (): number => Math.round((host.clock.monotonic() - began) / 100) / 10;
  try {
    const found = await run();
    return { id, level, ...found, evidence: found.evidence.slice(0, 4096), seconds: seconds() };
  } catch (thrown) {
    if (!(thrown instanceof DroverError) || thrown.class === 'cancelled') throw thrown;
    return { id, level, status: 'fail', evidence: thrown.message.slice(0, 4096), seconds: seconds() };
  }
}

/** The checks of this level. */
export async function imageChecks(
  host: Host,
  converted: ConvertResult,
  signal: AbortSignal,
): Promise<readonly ValidationCheck[]> {
  const checks: ValidationCheck[] = [];
  for (const disk of converted.disks) {
    checks.push(
      await timedCheck(host, `image.disk${disk.index}`, 'image', async () => {
        const info = await imageInfo(host, disk);
        if (info.virtualSizeBytes !== disk.virtualSizeBytes) {
          const [expected, actual] = [String(disk.virtualSizeBytes), String(info.virtualSizeBytes)];
          return { status: 'fail', evidence: 'the virtual size is not that of the disk', expected, actual };
        }
        if (info.backing !== undefined) return { status: 'fail', evidence: 'the product leans on another file' };
        const found = await checkImage(host, disk, signal);
        if (found.result === 'corrupt') return { status: 'fail', evidence: found.note };
        const what = { clean: 'no errors', unsupported: 'this format has no check', leaks: 'wastes space, no errors' };
        return {
          status: 'pass',
          evidence: `${formatSize(info.virtualSizeBytes)} (${info.virtualSizeBytes} bytes), ${what[found.result]}`,
        };
      }),
    );
  }
  checks.push(
    await timedCheck(host, 'image.xml', 'image', async () => {
      const view = parseDomainXml(await host.files.readText(converted.domainXml, 10 * MIB));
      for (const disk of view.disks) {
        if (!(await host.files.exists(disk.path))) return { status: 'fail', evidence: `${disk.path} does not exist` };
      }
      const { loader, varsTemplate } = view.firmware;
      for (const path of [loader, varsTemplate]) {
        if (path !== undefined && !(await host.files.exists(path))) {
          return { status: 'fail', evidence: `the firmware file ${path} does not exist` };
        }
      }
      return { status: 'pass', evidence: `${view.disks.length} disks, ${view.nics.length} adapters, all files exist` };
    }),
  );
  return checks;
}
