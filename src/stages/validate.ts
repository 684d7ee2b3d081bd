/**
 * VALIDATE: proves the product at the level that was asked for. Products are never opened for writing; everything that is tried is
 * tried on throw-away layers, and a pass without evidence does not exist.
 */
import { posix } from 'node:path';
import { DroverError } from '../lib/error.js';
import type { ErrorCode } from '../lib/catalog/index.js';
import type { Host } from '../host/index.js';
import { probeAccelerator } from '../machine/index.js';
import type { AcceleratorVerdict } from '../machine/index.js';
import type {
  ResolvedSettings,
  StageContext,
  StageOutcome,
  StageRunner,
  StageTask,
  ValidateResult,
  ValidationCheck,
} from '../model/index.js';
import { machineCacheDir, taskHost } from './task-host.js';
import { bootLimits, checkBoot, plainOverlays } from './validate-boot.js';
import type { BootPart } from './validate-boot.js';
import { checkGuest } from './validate-guest.js';
import type { GuestPart } from './validate-guest.js';
import { imageChecks, productSample, sampleProducts } from './validate-image.js';
import { networkChecks } from './validate-nics.js';

type Level = ValidateResult['level'];
const LEVELS = ['none', 'image', 'fs', 'boot', 'network'] as const satisfies readonly Level[];

interface Warning {
  readonly code:
    | 'validate.no-kvm'
    | 'validate.not-instrumented'
    | 'validate.partial'
    | 'validate.network-differs'
    | 'validate.inconclusive';
  readonly message: string;
}

/** What `auto` means: everything that can be known, but no boot under emulation for more than is needed. */
export function resolveLevel(
  level: ResolvedSettings['validate']['level'],
  guest: { readonly isFixedLinux: boolean; readonly hasKvm: boolean },
): Level {
  if (level !== 'auto') return level;
  if (!guest.isFixedLinux) return 'fs';
  return guest.hasKvm ? 'network' : 'boot';
}

/** The verdict over all checks: one failure fails, one missing proof leaves it open. */
export function verdictOf(checks: readonly ValidationCheck[]): 'pass' | 'fail' | 'inconclusive' {
  if (checks.some((check) => check.status === 'fail')) return 'fail';
  return checks.some((check) => check.status === 'inconclusive') ? 'inconclusive' : 'pass';
}

const FAILURES: Readonly<Record<ValidationCheck['level'], ErrorCode>> = {
  image: 'validate.image',
  fs: 'validate.filesystem',
  boot: 'validate.boot-failed',
  network: 'validate.network',
};

/** The error for a proof that failed; carries the whole record, because a failed stage leaves no result. */
function failure(result: ValidateResult): DroverError {
  const first =
    result.checks.find((check) => check.status === 'fail') ??
    result.checks.find((check) => check.status === 'inconclusive');
  const code = result.verdict === 'inconclusive' ? 'validate.inconclusive' : FAILURES[first?.level ?? 'image'];
  const hint = /^hint: (.+)$/m.exec(first?.evidence ?? '')?.[1];
  const evidence = (first?.evidence ?? '').split('\n')[0] ?? '';
  return new DroverError({
    code: first?.id === 'image.unchanged' ? 'validate.product-altered' : code,
    message: `${first?.id ?? 'nothing'} ${result.verdict === 'fail' ? 'failed' : 'remained open'}: ${evidence.slice(0, 600)}`,
    ...(hint === undefined ? {} : { hint }),
    details: { validation: result, ...(result.evidenceDir === undefined ? {} : { evidenceDir: result.evidenceDir }) },
  });
}

interface Proof {
  readonly host: Host;
  readonly task: StageTask;
  readonly context: StageContext;
  readonly accelerator: AcceleratorVerdict;
  readonly level: Level;
  readonly checks: ValidationCheck[];
  readonly warnings: Warning[];
  boot: BootPart | undefined;
}

function reaches(proof: Proof, level: Exclude<Level, 'none'>): boolean {
  return LEVELS.indexOf(proof.level) >= LEVELS.indexOf(level) && verdictOf(proof.checks) !== 'fail';
}

function phase(proof: Proof, name: string): void {
  proof.context.progress({ phase: name, doneBytes: 0, totalBytes: 0, totalKind: 'upper-bound' });
}

async function proveFileSystems(proof: Proof, overlayDir: string): Promise<GuestPart> {
  const { host, task, context, accelerator } = proof;
  const fix = context.input('FIX');
  const { settings } = task.vm;
  phase(proof, 'file systems');
  const scratchDir = posix.join(task.paths.work, 'scratch');
  await host.files.makeDir(scratchDir);
  const boots = reaches(proof, 'boot') && fix.guest === 'linux' && settings.validate.instrument;
  const part = await checkGuest(host, {
    products: context.input('CONVERT').disks,
    description: context.input('FETCH').description,
    fix,
    accelerator: accelerator.accelerator,
    ...(settings.guest.root === undefined ? {} : { root: settings.guest.root }),
    overlayDir,
    scratchDir,
    ...(boots
      ? { instrument: bootLimits(settings.validate.timeout, accelerator, fix.selinuxRelabelPending).patience }
      : {}),
    context,
  });
  await host.files.removeTree(scratchDir);
  proof.checks.push(...part.checks);
  proof.warnings.push(...part.warnings);
  return part;
}

async function proveBooting(proof: Proof, guest: GuestPart, overlayDir: string): Promise<void> {
  const { host, task, context, accelerator, level, checks, warnings } = proof;
  const converted = context.input('CONVERT');
  const fix = context.input('FIX');
  phase(proof, 'boot');
  const part = await checkBoot(host, {
    task,
    converted,
    overlays: guest.overlays ?? (await plainOverlays(host, converted, overlayDir)),
    workDir: task.paths.work,
    accelerator,
    isInstrumented: guest.isInstrumented,
    isLinux: fix.guest === 'linux',
    relabels: fix.selinuxRelabelPending,
    level: level === 'network' ? 'network' : 'boot',
    signal: context.signal,
    onStage: (name) => phase(proof, name),
  });
  proof.boot = part;
  checks.push(part.check);
  if (accelerator.accelerator === 'tcg') warnings.push({ code: 'validate.no-kvm', message: accelerator.reason });
  warnings.push(...part.warnings.map((message) => ({ code: 'validate.partial' as const, message })));
  if (part.check.status !== 'pass') return;
  const units = part.report?.failedUnits ?? [];
  if (units.length > 0) {
    warnings.push({
      code: 'validate.partial',
      message: `units that failed in the guest: ${units.slice(0, 10).join(', ')}`,
    });
  }
  judgeNetwork(proof, part);
}

/** At level `network` the adapters decide; below it they are told all the same when the guest reported them. */
function judgeNetwork(proof: Proof, part: BootPart): void {
  const { context, level, checks, warnings } = proof;
  const nics = context.input('FIX').nics;
  if (part.report === undefined) {
    if (level === 'network' && nics.length > 0) {
      checks.push({
        ...{ id: 'network', level: 'network', status: 'inconclusive', seconds: 0 },
        evidence: 'the guest came up but did not report its adapters',
      });
    }
    return;
  }
  const found = networkChecks(nics, part.report, part.isIsolated);
  if (level === 'network') {
    // Nobody answered DHCP there, so that a missing address says nothing about the guest.
    const isDeaf = !part.isIsolated;
    checks.push(
      ...found.map((check) =>
        isDeaf && check.status === 'fail' ? { ...check, status: 'inconclusive' as const } : check,
      ),
    );
    return;
  }
  for (const check of found.filter((one) => one.status === 'fail')) {
    warnings.push({ code: 'validate.network-differs', message: `${check.id}: ${check.evidence}` });
  }
}

/** The products must be as they were: whatever the proof did, it did elsewhere. */
async function proveUntouched(proof: Proof, before: ReadonlyMap<string, string>): Promise<void> {
  const changed: string[] = [];
  for (const [path, sample] of before) {
    if ((await productSample(proof.host, path)) !== sample) changed.push(path);
  }
  proof.checks.push({
    ...{ id: 'image.unchanged', level: 'image', seconds: 0 },
    status: changed.length === 0 ? 'pass' : 'fail',
    evidence:
      changed.length === 0 ? 'size, time and samples of the products are as before' : `changed: ${changed.join(', ')}`,
  });
}

/**
 * @param options.accelerator the verdict about KVM; probed when absent
 */
export function createValidateStage(
  host: Host,
  options: { readonly accelerator?: AcceleratorVerdict } = {},
): StageRunner<'VALIDATE'> {
  return {
    stage: 'VALIDATE',
    implVersion: 1,
    readsSettings: ['/validate', '/guest/root'],
    tools: ['qemu-img', 'qemu-system-x86_64', 'guestfish'],
    run: async (task, context): Promise<StageOutcome<'VALIDATE'>> => {
      const scoped = taskHost(host, task, context);
      const accelerator =
        options.accelerator ?? (await probeAccelerator(scoped, machineCacheDir(scoped), { signal: context.signal }));
      const fix = context.input('FIX');
      const level = resolveLevel(task.vm.settings.validate.level, {
        isFixedLinux: fix.guest === 'linux',
        hasKvm: accelerator.accelerator === 'kvm',
      });
      const proof: Proof = {
        host: scoped,
        task,
        context,
        accelerator,
        level,
        checks: [],
        warnings: [],
        boot: undefined,
      };
      if (level === 'none') return { result: resultOf(proof), outputs: [] };

      const overlayDir = posix.join(task.paths.work, 'overlays');
      await scoped.files.makeDir(overlayDir);
      const converted = context.input('CONVERT');
      const before = await sampleProducts(scoped, converted);
      try {
        phase(proof, 'images');
        proof.checks.push(...(await imageChecks(scoped, converted, context.signal)));
        if (reaches(proof, 'fs')) {
          const guest = await proveFileSystems(proof, overlayDir);
          if (reaches(proof, 'boot')) await proveBooting(proof, guest, overlayDir);
        }
      } finally {
        await host.files.removeTree(overlayDir);
      }
      await proveUntouched(proof, before);

      const result = resultOf(proof);
      await scoped.files.makeDir(task.paths.logs);
      const record = posix.join(task.paths.logs, 'validation.json');
      await scoped.files.writeAtomic(record, host.redactor.redact(`${JSON.stringify(result, undefined, 2)}\n`));
      if (result.verdict === 'fail') throw failure(result);
      if (result.verdict === 'inconclusive') {
        if (task.vm.settings.validate.required) throw failure(result);
        proof.warnings.push({ code: 'validate.inconclusive', message: failure(result).message });
      }
      return {
        result,
        outputs: [{ role: 'validation', path: record, kind: 'document' }],
        degraded:
          result.verdict === 'inconclusive' || proof.warnings.some((w) => w.code === 'validate.network-differs'),
        warnings: proof.warnings,
      };
    },
  };
}

function resultOf(proof: Proof): ValidateResult {
  const { boot } = proof;
  return {
    level: proof.level,
    verdict: proof.level === 'none' ? 'skipped' : verdictOf(proof.checks),
    checks: proof.checks,
    ...(boot === undefined ? {} : { accelerator: boot.proof.accelerator, evidenceDir: boot.proof.evidenceDir }),
    ...(boot?.proof.report === undefined ? {} : { guestReport: boot.proof.report }),
    warnings: proof.warnings.map((warning) => warning.message),
  };
}
