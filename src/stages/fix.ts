import {
  applyChanges,
  expectNics,
  fixers,
  newState,
  readLabeler,
  rereadEtc,
  rereadFiles,
  runFixers,
} from '../guest/index.js';
import type { FixContext, GuestTree, OpenGuest } from '../guest/index.js';
import type { Host } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { ErrorCode } from '../lib/catalog/index.js';
import type { FixResult, StageContext, StageOutcome, StageRunner, StageTask } from '../model/index.js';
import { endGuestSession, guestSessionFor } from './guest-session.js';
import { taskHost } from './task-host.js';

/** FIX: the guest becomes one that finds its disks and its network in the new machine. Writes only to overlays. */
export function createFixStage(host: Host): StageRunner<'FIX'> {
  return {
    stage: 'FIX',
    implVersion: 1,
    readsSettings: ['/fix', '/network', '/guest'],
    tools: ['guestfish', 'depmod'],
    run: async (task, context) => {
      const plan = context.input('PLAN');
      if (plan.guest === 'none') {
        await endGuestSession(context);
        return unfixed(context);
      }
      const { guest, launched } = await guestSessionFor(host, task, context);
      try {
        return await fixGuest(taskHost(host, task, context), task, context, guest, launched);
      } finally {
        await endGuestSession(context);
      }
    },
  };
}

/** Nothing is changed: what FLATTEN made is what CONVERT reads. */
function unfixed(context: StageContext): StageOutcome<'FIX'> {
  const plan = context.input('PLAN');
  const result: FixResult = {
    guest: 'none',
    disks: context.input('FLATTEN').disks,
    steps: plan.steps.map((step) => ({
      id: step.id,
      status: 'skipped',
      changes: [],
      notes: [step.reason],
      warnings: [],
      mapped: [],
      commands: [],
    })),
    buses: plan.disks,
    nics: [],
    degraded: false,
    selinuxRelabelPending: false,
    cost: { rpcs: context.input('INSPECT').cost.rpcs, launches: context.input('INSPECT').cost.launchMs > 0 ? 1 : 0 },
    warnings: [],
  };
  return { result, outputs: [] };
}

async function fixGuest(
  host: Host,
  task: StageTask,
  context: StageContext,
  guest: OpenGuest,
  launched: boolean,
): Promise<StageOutcome<'FIX'>> {
  const { session, inspection } = guest;
  const plan = context.input('PLAN');
  const { settings } = task.vm;
  const scratchDir = `${task.paths.work}/scratch`;
  await host.files.makeDir(scratchDir);
  await guest.remount('rw');
  const usesLabels = inspection.selinux === 'enforcing' || inspection.selinux === 'permissive';
  const write = async (tree: GuestTree): Promise<number> => {
    const label = usesLabels && settings.fix.selinux !== 'off' ? readLabeler(tree) : undefined;
    return applyChanges(host, session, tree, {
      scratchDir,
      mountpoints: inspection.mountpoints,
      ...(settings.fix.backup ? { backupDir: `/var/lib/drover/backup/${task.runId}` } : {}),
      ...(label === undefined ? {} : { label }),
    });
  };
  const ctx: FixContext = {
    tree: guest.tree,
    inspection,
    plan,
    disks: context.input('FETCH').description.disks,
    settings: { fix: settings.fix, network: settings.network },
    state: newState(plan),
    appliance: {
      host,
      session,
      copies: guest.copies,
      scratchDir,
      flush: async (tree) => {
        const paths = tree.changes().map((change) => change.path);
        await write(tree);
        ctx.state.writtenPaths.push(...paths);
      },
      rereadEtc: (tree) => rereadEtc(host, session, tree, scratchDir),
      rereadFiles: (tree, paths) => rereadFiles(host, session, tree, paths, scratchDir),
      remount: () => guest.remount('rw'),
    },
  };
  const steps = await runFixers(ctx, fixers, {
    signal: context.signal,
    monotonic: () => host.clock.monotonic(),
    onStep: (id, position, total) =>
      context.progress({ phase: id, doneBytes: position, totalBytes: total, totalKind: 'exact' }),
    onStepDone: (report, milliseconds) =>
      context.log('info', `${report.id}: ${report.status} in ${Math.round(milliseconds)} ms`),
  });
  await write(ctx.tree);
  const rpcs = session.rpcs;
  await host.files.removeTree(scratchDir);
  const disks = await session.finish(task.paths.work);
  const warnings = steps.flatMap((step) => [
    ...step.warnings,
    ...(step.error === undefined ? [] : [`${step.id}: ${step.error.message}`]),
  ]);
  const result: FixResult = {
    guest: 'linux',
    disks,
    steps,
    buses: ctx.state.buses,
    nics: ctx.state.nics.length > 0 ? ctx.state.nics : expectNics(plan.nics, inspection.network),
    degraded: ctx.state.degraded,
    selinuxRelabelPending: ctx.state.selinuxRelabelPending,
    ...defaultKernelOf(inspection.kernels),
    cost: { rpcs, launches: launched ? 2 : 1 },
    warnings,
  };
  if (disks.length === 0) throw new DroverError({ code: 'internal.bug', message: 'the appliance left no disk' });
  return {
    result,
    outputs: disks.map((disk) => ({ role: disk.id, path: disk.path, kind: 'intermediate' as const })),
    degraded: ctx.state.degraded,
    warnings: steps.flatMap((step) => step.warnings.map((message) => ({ code: codeOf(step.id), message }))),
  };
}

function codeOf(step: string): ErrorCode {
  return fixers.find((fixer) => fixer.id === step)?.warningCode ?? 'guest.postcheck';
}

function defaultKernelOf(kernels: readonly { readonly version: string; readonly isDefault: boolean }[]): {
  readonly defaultKernel?: string;
} {
  const found = kernels.find((kernel) => kernel.isDefault);
  return found === undefined ? {} : { defaultKernel: found.version };
}
