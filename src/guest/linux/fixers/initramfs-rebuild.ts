import { join } from 'node:path';
import type { KernelPlan } from '../../../model/fix.js';
import type { KernelFacts } from '../../../model/inspection.js';
import { isPlainWord } from '../../common/words.js';
import {
  kernelIndex,
  judgeRebuilt,
  readInitramfs,
  rebuildCommands,
  requestableModules,
  VIRTIO_MODULES,
} from '../initramfs/index.js';
import type { RebuildTool } from '../initramfs/index.js';
import type { FixAppliance } from './appliance.js';
import type { FileChanges, ImageOutcome } from './image-outcome.js';
import type { FixContext, StepNotes } from './types.js';

const timeoutMs = 1_200_000;
const tailBytes = 8 * 1024;

/** Builds an image with the guest's own tool under a temporary name, looks into it, and only then lets it replace the old one. */
export async function rebuildImage(
  plan: KernelPlan,
  facts: KernelFacts,
  tool: RebuildTool | undefined,
  ctx: FixContext,
  appliance: FixAppliance,
  notes: StepNotes,
  changes: FileChanges,
): Promise<ImageOutcome> {
  const image = facts.initramfs?.path ?? '';
  if (tool === undefined) return { done: false, why: 'the guest has no tool that is known' };
  if (!isPlainWord(image)) return { done: false, why: 'its path is unusual' };
  const part = `${image}.drover-new`;
  const index = kernelIndex(ctx.tree, facts.modulesDir);
  const modules = requestableModules([...new Set([...VIRTIO_MODULES, ...plan.modules])], index);
  await appliance.flush(ctx.tree);
  let why = 'no command was run';
  for (const argv of rebuildCommands(tool, { version: plan.version, vmlinuz: facts.vmlinuz, image: part, modules })) {
    const result = await appliance.session.guestCommand(argv, { timeoutMs });
    notes.commands.push({
      argv,
      exitCode: result.exitCode,
      tail: result.output.slice(-tailBytes),
      seconds: result.seconds,
    });
    ctx.state.ranGuestPrograms = true;
    if (!result.available) return { done: false, why: 'programs of this guest cannot run here' };
    why =
      result.exitCode === 0
        ? await replaceIfGood(image, part, plan, facts, ctx, appliance)
        : `${argv[0] ?? tool} ended with ${result.exitCode}`;
    if (why !== '') continue;
    changes.push({ path: image, kind: 'binary', diff: `made anew by ${tool}\n` });
    return { done: true, why: `made anew by ${tool}` };
  }
  await appliance.session.script(`rm -f /sysroot${part}`);
  return { done: false, why };
}

/** Empty when the new image took the old one's place, else why it must not. */
async function replaceIfGood(
  image: string,
  part: string,
  plan: KernelPlan,
  facts: KernelFacts,
  ctx: FixContext,
  appliance: FixAppliance,
): Promise<string> {
  const { host, session } = appliance;
  const copy = join(appliance.scratchDir, 'rebuilt');
  const fetched = await session.tryCall(['download', part, copy]);
  if (!fetched.ok) return 'the tool left no image';
  try {
    await using source = await host.files.open(copy);
    const problem = judgeRebuilt(await readInitramfs(host, source), {
      version: plan.version,
      required: plan.modules.filter((name) => name !== 'virtio_net'),
      index: kernelIndex(ctx.tree, facts.modulesDir),
      newBytes: source.sizeBytes,
      oldBytes: facts.initramfs?.sizeBytes ?? 0,
    });
    if (problem !== undefined) return problem;
  } finally {
    await host.files.remove(copy);
  }
  const swap = [
    `cd /sysroot${image.slice(0, image.lastIndexOf('/'))} || exit`,
    `o=${image.slice(image.lastIndexOf('/') + 1)}`,
    'chmod --reference="$o" "$o.drover-new"; chown --reference="$o" "$o.drover-new"',
    'sync "$o.drover-new" && mv -f "$o.drover-new" "$o" && sync && echo swapped',
  ].join('\n');
  const answer = (await session.script(swap)).toString('latin1');
  return answer.includes('swapped') ? '' : 'the new image could not take the place of the old one';
}
