import { join } from 'node:path';
import type { KernelPlan } from '../../../model/fix.js';
import type { KernelFacts } from '../../../model/inspection.js';
import { appendDrivers, fetchModules, installAppended, kernelIndex, moduleLists } from '../initramfs/index.js';
import type { AppendResult } from '../initramfs/index.js';
import type { FixAppliance } from './appliance.js';
import type { FileChanges, ImageOutcome } from './image-outcome.js';
import type { FixContext, RebuildReason } from './types.js';

/**
 * Appends the missing modules to an image of the guest, and true copies of what `stale` says is no longer true in it. The old
 * image is as it was unless everything went well.
 */
export async function appendToImage(
  plan: KernelPlan,
  facts: KernelFacts,
  stale: readonly RebuildReason[],
  ctx: FixContext,
  appliance: FixAppliance,
  changes: FileChanges,
): Promise<ImageOutcome> {
  const { host, session } = appliance;
  const { modulesDir } = facts;
  const path = facts.initramfs?.path ?? '';
  const scratchDir = await host.files.makeTempDir('append-', appliance.scratchDir);
  try {
    const result = await appendDrivers(host, {
      image: await localCopy(path, scratchDir, appliance),
      version: plan.version,
      wanted: wantedModules(plan, ctx),
      index: kernelIndex(ctx.tree, modulesDir),
      lists: moduleLists(ctx.tree, modulesDir),
      replace: new Map(
        stale.flatMap(({ copies, content }) =>
          content === undefined ? [] : copies.map((copy) => [copy, content] as const),
        ),
      ),
      fetch: (paths) => fetchModules(host, session, { modulesDir, paths, scratchDir }),
      scratchDir,
    });
    if (result.action === 'impossible') return { done: false, why: result.reason };
    if (result.action === 'keep') return { done: true, why: result.reason };
    const freeBytes = freeSpace(path, ctx);
    await installAppended(host, session, {
      path,
      oldBytes: facts.initramfs?.sizeBytes ?? 0,
      result,
      scratchDir,
      ...(freeBytes === undefined ? {} : { freeBytes }),
    });
    changes.push({ path, kind: 'binary', diff: describe(result) });
    return { done: true, why: `appended ${result.added.join(', ')}: ${result.reason}` };
  } finally {
    await host.files.removeTree(scratchDir);
  }
}

/** udev before 240 does not rename an adapter again that it named already in the initramfs, where our .link is unknown. */
function wantedModules(plan: KernelPlan, ctx: FixContext): string[] {
  const renamesAgain = (ctx.inspection.systemdVersion ?? 0) >= 240;
  const bootsFromNetwork = /(^|\s)(ip=|rd\.neednet|nfsroot=|netroot=)/.test(ctx.inspection.bootloader.cmdline ?? '');
  return plan.modules.filter((name) => name !== 'virtio_net' || renamesAgain || bootsFromNetwork);
}

async function localCopy(path: string, scratchDir: string, appliance: FixAppliance): Promise<string> {
  const known = appliance.copies.get(path);
  if (known !== undefined) return known;
  const copy = join(scratchDir, 'image');
  await appliance.session.download(path, copy);
  return copy;
}

/** Free bytes of the filesystem that a path is on. */
function freeSpace(path: string, ctx: FixContext): number | undefined {
  const mounts = ctx.inspection.mountpoints.filter((mount) => mount.path === '/' || path.startsWith(`${mount.path}/`));
  return mounts.sort((a, b) => b.path.length - a.path.length)[0]?.freeBytes;
}

function describe(result: Extract<AppendResult, { action: 'append' }>): string {
  const bytes = result.paddingBytes + result.segment.length;
  return `${bytes} bytes appended: ${result.added.join(', ')}\n${result.files.map((file) => `+ ${file}\n`).join('')}`;
}
