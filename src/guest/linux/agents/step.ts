import type { AgentFacts } from '../../../model/inspection.js';
import type { FixAppliance } from '../fixers/appliance.js';
import type { FixContext, Fixer, StepNotes } from '../fixers/types.js';
import { stepNotes } from '../fixers/types.js';
import { appendLine } from '../text/lines.js';
import { agentCatalogue } from './catalogue.js';
import type { AgentKnowledge } from './catalogue.js';
import { removeLeftovers } from './leftovers.js';
import { removalCommand, removePackages } from './packages.js';
import { dropStartLinks, maskUnits } from './services.js';

/** Step `agents`: never fatal, because these services are inert on KVM. */
export const agentsFixer: Fixer = {
  id: 'agents',
  warningCode: 'guest.agents',
  async run(ctx) {
    const notes = stepNotes();
    if (ctx.settings.fix.agents === 'keep') return { status: 'skipped', notes: ['kept by fix.agents'] };
    for (const agent of agentCatalogue) {
      const facts = ctx.inspection.agents.find((each) => each.kind === agent.kind);
      // The agent of the new hypervisor stays.
      if (facts === undefined || agent.kind === 'qemu') continue;
      await removeAgent(agent, facts, ctx, notes);
    }
    return notes;
  },
};

async function removeAgent(agent: AgentKnowledge, facts: AgentFacts, ctx: FixContext, notes: StepNotes): Promise<void> {
  // Someone removed or switched it off before: nothing to say, nothing to do.
  if (facts.form === 'leftover') return removeLeftovers(agent, ctx, notes);
  const links = dropStartLinks(ctx.tree, agent);
  const { appliance } = ctx;
  if (appliance === undefined) return describeRemoval(agent, facts, ctx, notes);
  const removed =
    facts.form === 'package'
      ? await uninstall(agent, facts, appliance, ctx, notes)
      : await runUninstaller(agent, appliance, ctx, notes);
  if (removed) return removeLeftovers(agent, ctx, notes);
  const units = agent.units.filter((unit) => links.some((link) => link.endsWith(`/${unit}`)));
  const masked = ctx.inspection.init === 'systemd' ? maskUnits(ctx.tree, units.length > 0 ? units : agent.units) : [];
  notes.notes.push(`${agent.kind}: disabled, not removed${masked.length > 0 ? ` (${masked.join(', ')})` : ''}`);
}

/** Without an appliance nothing can be removed: what would be run is said instead. */
function describeRemoval(agent: AgentKnowledge, facts: AgentFacts, ctx: FixContext, notes: StepNotes): void {
  const argv =
    facts.form === 'package' ? removalCommand(ctx.inspection.packageFormat, facts.packages) : [agent.tarball];
  if (facts.form === 'tarball') keepInitramfs(ctx);
  notes.notes.push(`${agent.kind}: would run ${argv?.join(' ') ?? 'nothing'}`);
}

async function uninstall(
  agent: AgentKnowledge,
  facts: AgentFacts,
  appliance: FixAppliance,
  ctx: FixContext,
  notes: StepNotes,
): Promise<boolean> {
  const result = await removePackages(facts.packages, ctx, appliance);
  if (result.command !== undefined) {
    notes.commands.push(result.command);
    ctx.state.ranGuestPrograms = true;
    ctx.tree = await appliance.rereadEtc(ctx.tree);
  }
  if (result.removed) notes.notes.push(`${agent.kind}: removed ${facts.packages.join(', ')}`);
  else notes.warnings.push(`${agent.kind}: ${facts.packages.join(', ')} stay: ${result.why ?? 'unknown reason'}`);
  return result.removed;
}

const uninstallTimeoutMs = 120_000;

/** VMware Tools from a tarball: their own uninstaller. */
async function runUninstaller(
  agent: AgentKnowledge,
  appliance: FixAppliance,
  ctx: FixContext,
  notes: StepNotes,
): Promise<boolean> {
  if (agent.kind !== 'vmware' || agent.tarball === undefined) return false;
  const program = agent.tarball;
  keepInitramfs(ctx);
  await appliance.flush(ctx.tree);
  const result = await appliance.session.guestCommand([program], { timeoutMs: uninstallTimeoutMs });
  const { exitCode, seconds } = result;
  notes.commands.push({ argv: [program], exitCode, tail: result.output.slice(-8 * 1024), seconds });
  ctx.state.ranGuestPrograms = true;
  ctx.tree = await appliance.rereadEtc(ctx.tree);
  const isGone = result.available && exitCode === 0;
  notes[isGone ? 'notes' : 'warnings'].push(
    `vmware: ${program} ${isGone ? 'removed the tools' : `ended with ${exitCode}`}`,
  );
  return isGone;
}

/** The uninstaller would rebuild every initramfs; these answers tell it not to. */
function keepInitramfs(ctx: FixContext): void {
  const locations = '/etc/vmware-tools/locations';
  let content = ctx.tree.text(locations);
  if (content === undefined) return;
  for (const answer of ['RESTORE_RAMDISK_CMD', 'RESTORE_RAMDISK_KERNELS', 'RESTORE_RAMDISK_ONECALL']) {
    const line = `remove_answer ${answer}`;
    if (!content.split('\n').includes(line)) content = appendLine(content, line);
  }
  ctx.tree.write(locations, content);
}
