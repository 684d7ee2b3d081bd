/** Checks a domain XML as libvirt would, as far as this machine has the tools. */
import { canonicalJson } from '../lib/canonical-json.js';
import { DroverError } from '../lib/error.js';
import { parseXml } from '../lib/xml.js';
import type { XmlElement } from '../lib/xml.js';
import type { Host } from '../host/index.js';
import { parseDomainXml } from '../domain/index.js';
import type { DomainView } from '../model/index.js';

const SCHEMA = '/usr/share/libvirt/schemas/domain.rng';
const TIMEOUT_MS = 60_000;

export interface XmlCheck {
  readonly name: 'structure' | 'schema' | 'define';
  readonly result: 'pass' | 'fail' | 'skipped';
  readonly note?: string;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function write(element: XmlElement): string {
  const attributes = element.attributes.map(({ local, value }) => ` ${local}="${escape(value)}"`).join('');
  const inside = escape(element.text.trim()) + element.children.map(write).join('');
  return `<${element.local}${attributes}>${inside}</${element.local}>`;
}

/** A domain with nothing in it but one device. */
function minimalDomain(device: string): string {
  return (
    '<domain type="kvm"><name>x</name><memory unit="KiB">1024</memory><os><type arch="x86_64">hvm</type></os>' +
    `<devices>${device}</devices></domain>\n`
  );
}

/** Runs one checker over a file: undefined when it passes, else what it said. */
async function run(
  host: Host,
  tool: 'virt-xml-validate' | 'xmllint' | 'virsh',
  args: readonly string[],
  purpose: string,
): Promise<string | undefined> {
  try {
    await host.exec({ tool, args, purpose, mutates: false, timeoutMs: TIMEOUT_MS });
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof DroverError) || thrown.code !== 'exec.failed') throw thrown;
    const tail = thrown.details?.['tail'];
    return typeof tail === 'string' && tail !== '' ? tail : thrown.message;
  }
}

async function schemaChecker(host: Host): Promise<((path: string) => Promise<string | undefined>) | undefined> {
  const purpose = "check domain XML against libvirt's schema";
  if ((await host.toolVersion('virt-xml-validate')) !== undefined) {
    return (path) => run(host, 'virt-xml-validate', [path, 'domain'], purpose);
  }
  if ((await host.toolVersion('xmllint')) !== undefined && (await host.files.exists(SCHEMA))) {
    return (path) => run(host, 'xmllint', ['--nonet', '--noout', '--relaxng', SCHEMA, path], purpose);
  }
  return undefined;
}

/**
 * The devices that break the schema. What a RELAX NG checker says about a whole domain ("extra element devices") helps nobody, so
 * each device is checked alone.
 */
async function culprits(
  host: Host,
  xml: string,
  workDir: string,
  check: (path: string) => Promise<string | undefined>,
): Promise<readonly string[]> {
  const devices = parseXml(xml).children.find((child) => child.local === 'devices');
  const found: string[] = [];
  for (const device of devices?.children ?? []) {
    const path = `${workDir}/device.xml`;
    const text = write(device);
    await host.files.writeAtomic(path, minimalDomain(text));
    if ((await check(path)) !== undefined) found.push(`line ${device.line}: ${text.slice(0, 200)}`);
    await host.files.remove(path);
  }
  return found;
}

async function structure(host: Host, xml: string, view: DomainView): Promise<XmlCheck> {
  const read = parseDomainXml(xml);
  if (canonicalJson(read) !== canonicalJson(view)) {
    return { name: 'structure', result: 'fail', note: 'reading the XML back does not give the machine that was meant' };
  }
  for (const disk of read.disks) {
    if ((await host.files.stat(disk.path))?.kind !== 'file') {
      return { name: 'structure', result: 'fail', note: `disk ${disk.index}: ${disk.path} does not exist` };
    }
  }
  return { name: 'structure', result: 'pass' };
}

/**
 * Climbs the ladder: our own reading of the file, libvirt's schema, and libvirt's test driver, which defines the machine in memory
 * without any daemon. A missing tool makes its rung `skipped`.
 * @param workDir a folder for scratch files
 */
export async function checkDomainXml(
  host: Host,
  path: string,
  view: DomainView,
  workDir: string,
): Promise<readonly XmlCheck[]> {
  const xml = await host.files.readText(path, 10 * 1024 ** 2);
  const checks: XmlCheck[] = [await structure(host, xml, view)];
  const check = await schemaChecker(host);
  if (check === undefined) {
    checks.push({ name: 'schema', result: 'skipped', note: 'neither virt-xml-validate nor xmllint with the schemas' });
  } else {
    const said = await check(path);
    if (said === undefined) checks.push({ name: 'schema', result: 'pass' });
    else {
      const devices = await culprits(host, xml, workDir, check);
      const note = devices.length === 0 ? said.split('\n').slice(-3).join(' ').slice(0, 800) : devices.join('; ');
      checks.push({ name: 'schema', result: 'fail', note });
    }
  }
  if ((await host.toolVersion('virsh')) === undefined) {
    checks.push({ name: 'define', result: 'skipped', note: 'virsh is not installed' });
  } else {
    // The test driver lives in the memory of virsh itself and is gone with it.
    const said = await run(
      host,
      'virsh',
      ['-c', 'test:///default', 'define', '--validate', path],
      "define the machine in libvirt's test driver",
    );
    if (said === undefined) checks.push({ name: 'define', result: 'pass' });
    else checks.push({ name: 'define', result: 'fail', note: said.split('\n').slice(0, 4).join(' ').slice(0, 800) });
  }
  return checks;
}
