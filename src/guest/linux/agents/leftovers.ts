/** Files of agents that no package owns. */
import type { FixContext, StepNotes } from '../fixers/types.js';
import { commentOut, mapLines } from '../text/lines.js';
import { parseIni } from '../text/ini.js';
import type { AgentKnowledge } from './catalogue.js';

/** Removes or switches off what is left of an agent whose programs are gone. */
export function removeLeftovers(agent: AgentKnowledge, ctx: FixContext, notes: StepNotes): void {
  for (const path of agent.leftovers) {
    if (ctx.tree.lstat(path) === undefined) continue;
    ctx.tree.remove(path);
    notes.notes.push(`${path} belonged to no package any more and was removed`);
  }
  if (agent.kind === 'vmware') removeVmwareLeftovers(ctx, notes);
}

function removeVmwareLeftovers(ctx: FixContext, notes: StepNotes): void {
  for (const name of ctx.tree.list('/etc/modprobe.d')) {
    if (!/^vmware.*\.conf$/.test(name)) continue;
    ctx.tree.remove(`/etc/modprobe.d/${name}`);
    notes.notes.push(`/etc/modprobe.d/${name} was removed`);
  }
  for (const name of ctx.tree.list('/etc/udev/rules.d')) {
    if (/^99-vmware-.*\.rules$/.test(name)) commentFile(ctx, `/etc/udev/rules.d/${name}`, /^\s*[^#\s]/);
  }
  for (const name of ctx.tree.list('/etc/yum.repos.d')) {
    if (name.endsWith('.repo')) disableRepositories(ctx, `/etc/yum.repos.d/${name}`, notes);
  }
  for (const path of ['/etc/rc.local', '/etc/rc.d/rc.local']) {
    if (ctx.tree.lstat(path)?.kind === 'file')
      commentFile(ctx, path, /^\s*[^#]*\b(vmtoolsd|vmware-toolbox-cmd|vmware-guestd)\b/);
  }
}

function commentFile(ctx: FixContext, path: string, wanted: RegExp): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  ctx.tree.write(
    path,
    mapLines(content, (line) => (wanted.test(line.text) ? commentOut(line.text) : line.text)),
  );
}

/** Repositories at VMware's own servers get `enabled=0`. */
function disableRepositories(ctx: FixContext, path: string, notes: StepNotes): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  const lines = parseIni(content);
  const foreign = new Set(
    lines
      .filter((line) => line.key === 'baseurl' && /^https?:\/\/([A-Za-z0-9-]+\.)*vmware\.com(\/|$)/i.test(line.value))
      .map((line) => line.sectionIndex),
  );
  if (foreign.size === 0) return;
  const hasSwitch = new Set(lines.filter((line) => line.key === 'enabled').map((line) => line.sectionIndex));
  const edited = lines
    .map((line) => {
      if (!foreign.has(line.sectionIndex)) return line.text + line.eol;
      if (line.key === 'enabled') return line.text.replace(/=.*$/, '=0') + line.eol;
      const isHead = line.kind === 'section' && !hasSwitch.has(line.sectionIndex);
      return line.text + line.eol + (isHead ? `enabled=0${line.eol}` : '');
    })
    .join('');
  if (edited === content) return;
  ctx.tree.write(path, edited);
  notes.notes.push(`${path}: VMware's repository was switched off`);
}
