import { join } from 'node:path';
import { TOOL_NAMES, TOOLS } from '../../host/index.js';
import type { ToolName } from '../../host/index.js';
import { formatDuration, formatSize } from '../../lib/units.js';
import { printResult, stateDirOf } from '../context.js';
import type { Cli } from '../context.js';
import { Exit } from '../exit-codes.js';
import { probeHost } from '../host-facts.js';

interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'missing' | 'optional' | 'slow';
  readonly found: string;
  readonly serves: string;
  readonly remedy?: string;
}

async function toolFinding(cli: Cli, tool: ToolName): Promise<Finding> {
  const facts = TOOLS[tool];
  const version = await cli.host.toolVersion(tool);
  if (version !== undefined) {
    // Some programs say a good deal about themselves; the number is what people compare.
    const number = /\d+(?:\.\d+)+/.exec(version)?.[0] ?? version;
    return { name: facts.command, status: 'ok', found: number, serves: facts.serves };
  }
  return {
    name: facts.command,
    status: facts.required ? 'missing' : 'optional',
    found: 'not installed',
    serves: facts.serves,
    remedy: `apt install ${facts.apt} | dnf install ${facts.dnf} | zypper install ${facts.zypper}`,
  };
}

/** The appliance is built from a kernel of this machine, which must be readable for the user. */
async function applianceKernel(cli: Cli): Promise<Finding> {
  const kernels = (await cli.host.files.exists('/boot'))
    ? (await cli.host.files.list('/boot')).filter((name) => name.startsWith('vmlinuz-'))
    : [];
  const readable: string[] = [];
  for (const name of kernels) {
    const readIt = await cli.host.files.open(join('/boot', name)).catch(() => undefined);
    if (readIt === undefined) continue;
    await readIt.close();
    readable.push(name);
  }
  const serves = 'the appliance in which guests are read and edited';
  if (readable.length > 0) return { name: 'appliance kernel', status: 'ok', found: readable.at(-1) ?? '', serves };
  return {
    name: 'appliance kernel',
    status: 'missing',
    found: kernels.length === 0 ? 'no kernel in /boot' : 'the kernels in /boot cannot be read',
    serves,
    remedy:
      kernels.length === 0
        ? 'apt install linux-image-amd64 | dnf install kernel-core'
        : 'run as a user that may read /boot/vmlinuz-*, or: dpkg-statoverride --update --add root root 0644 /boot/vmlinuz-VERSION',
  };
}

/** `drover doctor`: every program with its version, the accelerator's verdict, firmware, space. Exit 4 when something needed is missing. */
export async function doctor(
  cli: Cli,
  _args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const stateDir = await stateDirOf(cli);
  const findings: Finding[] = [];
  for (const tool of TOOL_NAMES) findings.push(await toolFinding(cli, tool));
  findings.push(await applianceKernel(cli));
  const host = await probeHost(cli.host, stateDir, { fresh: options['fresh'] === true });
  findings.push({
    name: 'accelerator',
    status: host.accelerator.accelerator === 'kvm' ? 'ok' : 'slow',
    found: `${host.accelerator.accelerator.toUpperCase()}: ${host.accelerator.reason}`,
    serves: 'appliance and boot proofs',
    ...(host.accelerator.accelerator === 'kvm'
      ? {}
      : { remedy: 'everything works without KVM, about ten times slower; timeouts are scaled by what was measured' }),
  });
  for (const firmware of host.firmware) {
    findings.push({
      name: `firmware ${firmware.kind}`,
      status: firmware.loader === undefined ? 'optional' : 'ok',
      found: firmware.loader ?? 'no firmware descriptor matches',
      serves: 'UEFI guests',
      ...(firmware.loader === undefined
        ? { remedy: 'apt install ovmf | dnf install edk2-ovmf | zypper install qemu-ovmf-x86_64' }
        : {}),
    });
  }
  const missing = findings.filter((finding) => finding.status === 'missing');
  const facts = {
    cpus: host.machine.cpus,
    memoryBytes: host.machine.totalMemoryBytes,
    availableMemoryBytes: host.machine.availableMemoryBytes,
    stateDir,
    stateDirFreeBytes: host.scratchFreeBytes,
  };
  printResult(cli, { ok: missing.length === 0, findings, facts, accelerator: host.accelerator }, () => {
    const mark = { ok: '✔', missing: '✖', optional: '-', slow: '!' } as const;
    const width = Math.max(...findings.map((finding) => finding.name.length));
    const lines = findings.flatMap((finding) => [
      `${mark[finding.status]} ${finding.name.padEnd(width)}  ${finding.found}`,
      ...(finding.remedy === undefined ? [] : [`  ${' '.repeat(width)}  serves ${finding.serves}; ${finding.remedy}`]),
    ]);
    const probe = host.accelerator.runs
      .map((run) => `, ${run.accelerator.toUpperCase()} probe ${run.outcome} in ${formatDuration(run.milliseconds)}`)
      .join('');
    return [
      ...lines,
      '',
      `${facts.cpus} processors, ${formatSize(facts.availableMemoryBytes)} of ${formatSize(facts.memoryBytes)} memory available${probe}`,
      `state folder ${stateDir}: ${formatSize(facts.stateDirFreeBytes)} free`,
      missing.length === 0
        ? 'Everything that the main job needs is here.'
        : `Missing: ${missing.map((finding) => finding.name).join(', ')}`,
      '',
    ].join('\n');
  });
  return missing.length === 0 ? Exit.ok : Exit.preflight;
}
