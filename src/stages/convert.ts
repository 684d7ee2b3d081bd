/**
 * CONVERT: the one full pass over the data. Every fixed image with all that lies below it becomes one self-contained product, and
 * the machine becomes a libvirt domain XML beside the products.
 */
import { posix } from 'node:path';
import { digestOf } from '../lib/canonical-json.js';
import { DroverError } from '../lib/error.js';
import { DOMAIN_TEMPLATES, domainView, renderDomainXml, templateFile } from '../domain/index.js';
import type { DomainTemplate, TemplateTexts } from '../domain/index.js';
import type { Host } from '../host/index.js';
import { checkDomainXml, findFirmware, qemuFacts } from '../machine/index.js';
import type {
  ConvertedDisk,
  ConvertResult,
  DomainView,
  StageOutcome,
  StageOutput,
  StageRunner,
} from '../model/index.js';
import { checkSpace, convertAll, planJob } from './convert-disks.js';
import type { Job, Work } from './convert-disks.js';
import { guardPlace, placeProduct, productName, readProducts, removeStaleParts } from './products.js';
import type { ProductRecord } from './products.js';
import { machineCacheDir, taskHost } from './task-host.js';

async function templates(host: Host): Promise<TemplateTexts> {
  const texts: Partial<Record<DomainTemplate, string>> = {};
  for (const name of DOMAIN_TEMPLATES) texts[name] = await host.files.readText(templateFile(name));
  return texts as TemplateTexts;
}

async function machineTypes(host: Host): Promise<Readonly<Record<string, string>>> {
  if ((await host.toolVersion('qemu-system-x86_64')) === undefined) return {};
  return (await qemuFacts(host, machineCacheDir(host))).machineTypes;
}

/** Writes the domain XML beside the products and checks it. Throws `vm.domain.invalid` when a check fails. */
async function writeDomain(
  work: Work,
  tool: string,
  record: ProductRecord,
  disks: readonly ConvertedDisk[],
): Promise<{ readonly path: string; readonly view: DomainView; readonly checks: ConvertResult['xmlChecks'] }> {
  const { host, task, context } = work;
  const plan = context.input('PLAN');
  const fix = context.input('FIX');
  const kind = plan.firmware === 'bios' ? 'bios' : plan.secureBoot ? 'uefi-secure' : 'uefi';
  const view = domainView({
    name: task.vm.name,
    vmKey: task.vm.vmKey,
    playbook: task.playbook,
    tool,
    plan,
    fix,
    description: context.input('FETCH').description,
    arch: context.input('INSPECT').arch,
    products: disks.map((disk) => ({
      index: disk.index,
      path: disk.path,
      format: disk.format === 'raw' ? 'raw' : 'qcow2',
    })),
    firmware: await findFirmware(host, { kind, arch: 'x86_64', machine: plan.machine }, await machineTypes(host)),
  });
  const xml = renderDomainXml(view, await templates(host));
  const name = `${productName(task.vm.name)}.xml`;
  const path = posix.join(task.paths.out, name);
  const part = `${path}.part-${host.random.base32(10)}`;
  await host.files.writeAtomic(part, xml, 0o644);
  try {
    // Checked before it takes the place of an older one.
    const checks = await checkDomainXml(host, part, view, task.paths.work);
    const failed = checks.find((check) => check.result === 'fail');
    if (failed !== undefined) {
      await host.files.writeAtomic(posix.join(task.paths.logs, name), xml, 0o644);
      throw new DroverError({
        code: 'vm.domain.invalid',
        message: `the domain XML fails the ${failed.name} check: ${failed.note ?? ''}`,
        details: { file: posix.join(task.paths.logs, name), checks },
      });
    }
    if (checks.every((check) => check.name === 'structure' || check.result === 'skipped')) {
      work.warnings.push({ code: 'convert.xml-unchecked', message: 'no tool of libvirt checked the domain XML' });
    }
    await guardPlace(host, task.paths.out, record, name, task.vm.settings.convert.overwrite);
    await placeProduct(host, task.paths.out, part, name, digestOf(xml));
    return { path, view, checks };
  } finally {
    await host.files.remove(part);
  }
}

/**
 * @param options.tool what stands in the domain XML as its maker, such as `drover 0.1.0`
 */
export function createConvertStage(host: Host, options: { readonly tool: string }): StageRunner<'CONVERT'> {
  return {
    stage: 'CONVERT',
    implVersion: 1,
    readsSettings: ['/disk', '/disks', '/convert'],
    tools: ['qemu-img'],
    run: async (task, context): Promise<StageOutcome<'CONVERT'>> => {
      const work: Work = { host: taskHost(host, task, context), task, context, warnings: [] };
      const { files } = work.host;
      const { out } = task.paths;
      await files.makeDir(out, 0o755);
      await files.makeDir(task.paths.work);
      const record = await readProducts(work.host, out);
      const overwrite = task.vm.settings.convert.overwrite;
      const jobs: Job[] = [];
      for (const disk of [...context.input('FIX').disks].sort((a, b) => a.index - b.index)) {
        jobs.push(await planJob(work, record, disk));
      }
      const xmlName = `${productName(task.vm.name)}.xml`;
      const names = [...jobs.map((job) => job.name), xmlName];
      for (const name of names) await guardPlace(work.host, out, record, name, overwrite);
      for (const name of await removeStaleParts(work.host, out, names)) {
        context.log('info', `removed ${name}, which an interrupted run had left`);
      }
      await checkSpace(work.host, out, jobs);
      const disks = await convertAll(work, jobs);
      const domain = await writeDomain(work, options.tool, record, disks);
      const { warnings } = work;
      const outputs: StageOutput[] = [
        ...disks.map((disk) => ({
          role: `disk${disk.index}`,
          path: disk.path,
          kind: 'product' as const,
          ...(disk.sha256 === undefined ? {} : { sha256: disk.sha256 }),
        })),
        { role: 'domain-xml', path: domain.path, kind: 'product' },
      ];
      return {
        result: {
          disks,
          domainXml: domain.path,
          domain: domain.view,
          xmlChecks: domain.checks,
          warnings: warnings.map((warning) => warning.message),
        },
        outputs,
        degraded: warnings.some((warning) => warning.code === 'convert.checksum-failed'),
        warnings,
        bytes: disks.reduce((sum, disk) => sum + disk.allocatedBytes, 0),
      };
    },
  };
}
